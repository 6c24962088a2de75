//! Carries out what people do. They have no network to fail them, and what they do is admitted or refused like any request.

use super::acts::Act;
use super::kubernetes::{Answer, Key, Part, Reply, Request, Resource};
use super::remote::{Vendor, all};
use super::specs;
use super::world::World;
use base64::Engine;
use bytes::Bytes;
use http::Method;
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tower::ServiceExt;

/// Does what `act` says, now.
pub async fn carry_out(world: &World, act: &Act) {
    world.tell(|| format!("somebody: {act}"));
    match act {
        Act::Apply { plural, namespace, name, spec } => apply(world, plural, namespace, name, spec),
        Act::Patch { plural, namespace, name, patch } => {
            kubectl(world, Method::PATCH, plural, namespace, name, patch.clone());
        }
        Act::Delete { plural, namespace, name } => {
            kubectl(world, Method::DELETE, plural, namespace, name, Value::Null);
        }
        Act::PutSecret { namespace, name, data } => put_secret(world, namespace, name, data),
        Act::DeleteSecret { namespace, name } => {
            kubectl(world, Method::DELETE, "secrets", namespace, name, Value::Null);
        }
        Act::AcceptSnapshot { vendor } => accept_snapshot(world, *vendor),
        Act::AtVendor { method, path, body } => {
            // Nobody makes what is there already.
            let taken = *method == "PUT"
                && path.contains("/onomondo/connectors/")
                && at_vendor(world, "GET", path, &Value::Null).await < 300;
            if !taken {
                at_vendor(world, method, path, body).await;
            }
        }
        Act::AtConnection { nth, patch } => {
            let connections = all(&world.emulator.state());
            let connection = connections.iter().filter(|remote| remote.vendor == Vendor::Omf).nth(*nth);
            // What the emulator's controls change stays in its state for ever, which no connection under way does at the vendor.
            if let Some(connection) = connection.filter(|one| one.body["State"] == "Active") {
                let path = format!("/_emulator/omf/connections/{}", connection.identity);
                let method = if patch.is_some() { "PATCH" } else { "DELETE" };
                at_vendor(world, method, &path, patch.as_ref().unwrap_or(&Value::Null)).await;
            }
        }
    }
}

/// A request that a person sends to the API server.
pub fn kubectl(
    world: &World,
    method: Method,
    plural: &str,
    namespace: &str,
    name: &str,
    body: Value,
) -> Answer {
    let resource = Resource::named(plural);
    let is_new = method == Method::POST;
    let request = Request {
        content_type: if method == Method::PATCH {
            "application/merge-patch+json".into()
        } else {
            "application/json".into()
        },
        method,
        resource,
        namespace: resource.namespaced.then(|| namespace.to_owned()),
        name: (!is_new).then(|| name.to_owned()),
        part: Part::Main,
        query: BTreeMap::new(),
        metadata_only: false,
        body,
    };
    match world.api.handle(&request) {
        Reply::Answer(answer) => answer,
        Reply::Watch(_) => unreachable!("no person watches here"),
    }
}

fn apply(world: &World, plural: &str, namespace: &str, name: &str, spec: &Value) {
    let key: Key = (Resource::named(plural).plural.as_str(), namespace.to_owned(), name.to_owned());
    let Some(live) = world.api.object(&key) else {
        kubectl(
            world,
            Method::POST,
            plural,
            namespace,
            name,
            json!({ "metadata": { "name": name }, "spec": spec }),
        );
        return;
    };
    let mut object = (*live).clone();
    object["spec"] = spec.clone();
    kubectl(world, Method::PUT, plural, namespace, name, object);
}

/// Puts a Secret there, with these texts in it.
pub fn put_secret(world: &World, namespace: &str, name: &str, texts: &Value) {
    let encode = |value: &Value| {
        let text = value.as_str().unwrap_or_default();
        json!(base64::engine::general_purpose::STANDARD.encode(text))
    };
    let data: Value =
        texts.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), encode(value))).collect();
    let body = json!({ "metadata": { "name": name }, "type": "Opaque", "data": data });
    if kubectl(world, Method::POST, "secrets", namespace, name, body).code == 409 {
        kubectl(world, Method::PATCH, "secrets", namespace, name, json!({ "data": data }));
    }
}

/// The hash is in the message of the account's condition, as a person finds it there.
fn accept_snapshot(world: &World, vendor: Vendor) {
    let namespace = specs::namespace(vendor);
    let Some(account) = world.account(vendor) else { return };
    let conditions = account["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let message = conditions
        .iter()
        .filter(|condition| condition["reason"] == "SnapshotShrank")
        .find_map(|condition| condition["message"].as_str());
    let hash = message.map(|message| {
        let (_, hash) = message.split_once("accept-snapshot=").expect("the message says how to accept it");
        hash.chars().take_while(char::is_ascii_alphanumeric).collect::<String>()
    });
    if let Some(hash) = hash {
        let patch =
            json!({ "metadata": { "annotations": { "connector-operator.io/accept-snapshot": hash } } });
        kubectl(world, Method::PATCH, vendor.accounts(), namespace, "default", patch);
    }
}

/// A request to the emulator's controls; what is new or otherwise at a vendor after it is a person's doing. Returns the status.
pub async fn at_vendor(world: &World, method: &str, path: &str, body: &Value) -> u16 {
    let before = all(&world.emulator.state());
    let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let request = http::Request::builder().method(method).uri(format!("http://emulator{path}"));
    let request = request.header("content-type", "application/json").body(Full::new(Bytes::from(bytes)));
    let answer = world.emulator.connect().oneshot(request.expect("a request")).await.expect("an answer");
    let status = answer.status().as_u16();
    let _ = answer.into_body().collect().await;
    let after = all(&world.emulator.state());
    world.state().referee.changed_by_hand(&before, &after);
    status
}
