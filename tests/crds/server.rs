//! What the real API server says to one object.

use kube::api::{
    Api, ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams, ValidationDirective,
};
use kube::{Client, Error};
use serde_json::{Value, json};

use crate::support::control_plane::ControlPlane;

/// Said beside an answer, when rules were left out because a bound was broken already.
const RULES_LEFT_OUT: &str = "some validation rules were not checked because the object was invalid";

/// One complaint of the API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Complaint {
    pub(crate) field: String,
    pub(crate) message: String,
}

/// The API server, which is asked without anything being stored.
pub(crate) struct Server {
    client: Client,
}

impl Server {
    pub(crate) async fn new() -> Server {
        Server { client: ControlPlane::shared().await.client().await }
    }

    fn api(&self, object: &Value) -> Api<DynamicObject> {
        let kind = object["kind"].as_str().expect("a kind");
        let resource =
            ApiResource::from_gvk(&GroupVersionKind::gvk("connector-operator.io", "v1alpha1", kind));
        Api::namespaced_with(self.client.clone(), "default", &resource)
    }

    /// What it says to the object as a new one; nothing: it is accepted.
    pub(crate) async fn complaints_on_create(&self, object: &Value) -> Vec<Complaint> {
        let params = PostParams { dry_run: true, ..PostParams::default() };
        complaints(self.api(object).create(&params, &typed(object)).await)
    }

    /// What it would store, with its defaults filled in.
    pub(crate) async fn completed(&self, object: &Value) -> Value {
        let params = PostParams { dry_run: true, ..PostParams::default() };
        let stored = self.api(object).create(&params, &typed(object)).await.expect("the object is accepted");
        serde_json::to_value(stored).expect("the object serialises")
    }

    /// What is stored after this status was applied to an object like this one, as the operator applies it.
    pub(crate) async fn with_status(&self, object: &Value, status: &Value) -> Value {
        let api = self.api(object);
        let object = named(object, WITH_STATUS);
        let apply = PatchParams::apply("tests").force();
        api.patch(WITH_STATUS, &apply, &Patch::Apply(&object)).await.expect("the object is accepted");
        let body = json!({
            "apiVersion": object["apiVersion"],
            "kind": object["kind"],
            "metadata": {"name": WITH_STATUS},
            "status": status,
        });
        let apply = PatchParams {
            field_validation: Some(ValidationDirective::Strict),
            ..PatchParams::apply("operator")
        };
        let stored = api
            .patch_status(WITH_STATUS, &apply, &Patch::Apply(&body))
            .await
            .expect("the status is accepted");
        serde_json::to_value(stored).expect("the object serialises")
    }

    /// What it says when an object like `before` exists and is changed to be like `after`.
    pub(crate) async fn complaints_on_update(&self, before: &Value, after: &Value) -> Vec<Complaint> {
        let api = self.api(before);
        let (before, after) = (named(before, EXISTING), named(after, EXISTING));
        let apply = PatchParams::apply("tests").force();
        api.patch(EXISTING, &apply, &Patch::Apply(before)).await.expect("the good object is accepted");
        let params = PatchParams { dry_run: true, ..PatchParams::default() };
        complaints(api.patch(EXISTING, &params, &Patch::Merge(after)).await)
    }
}

/// No good object has this name, so the one that is stored is in nobody's way.
const EXISTING: &str = "existing";
/// Another, so that tests do not meet.
const WITH_STATUS: &str = "with-status";

fn named(object: &Value, name: &str) -> Value {
    let mut object = object.clone();
    object["metadata"]["name"] = name.into();
    object
}

fn typed(object: &Value) -> DynamicObject {
    serde_json::from_value(object.clone()).expect("an object")
}

fn complaints(answer: Result<DynamicObject, Error>) -> Vec<Complaint> {
    let status = match answer {
        Ok(_) => return Vec::new(),
        Err(Error::Api(status)) => status,
        Err(error) => panic!("no answer from the API server: {error}"),
    };
    let causes = status.details.clone().map(|details| details.causes).unwrap_or_default();
    let causes = causes.into_iter().filter(|cause| !cause.message.contains(RULES_LEFT_OUT));
    let complaints: Vec<Complaint> =
        causes.map(|cause| Complaint { field: cause.field, message: cause.message }).collect();
    assert!(!complaints.is_empty(), "an answer without causes: {}", status.message);
    complaints
}
