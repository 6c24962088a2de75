//! A story: a namespace of its own, an emulated vendor, the operator under the chart's rights, and words for what people
//! do and see. At its end it is searched for secrets and for refused requests.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::audit::Audit;
use super::canary::Canaries;
use super::certificates::Identity;
use super::chart::Release;
use super::control_plane::ControlPlane;
use super::looking::Subject;
use super::objects::{Address, Objects, condition, condition_message, is_ready};
use super::operator::Operator;
use super::vendor::{Vendor, lines};
use super::yaml;

/// How long something that is expected may take. Never a pause: the wait ends when the thing has come.
pub const DEADLINE: Duration = Duration::from_mins(1);

/// A story that is being told.
pub struct Story {
    /// Its name, which is its namespace too.
    pub name: String,
    /// Where its logs lie.
    pub folder: PathBuf,
    /// The vendors.
    pub vendor: Vendor,
    /// The replicas of the operator, in the order of their start.
    pub operators: Vec<Operator>,
    /// Kubernetes, with an administrator's rights.
    pub objects: Objects,
    /// The API key that the vendor accepts.
    pub api_key: String,
    pub(super) namespaces: Vec<String>,
    pub(super) plane: &'static ControlPlane,
    pub(super) plane_is_own: bool,
    pub(super) client: kube::Client,
    pub(super) release: Release,
    pub(super) audit: Audit,
    pub(super) counted: super::cost::Counted,
    pub(super) subject: Subject,
    pub(super) canaries: Canaries,
    pub(super) refusals_expected: bool,
    pub(super) ended: bool,
}

impl Story {
    /// Starts one more replica.
    pub async fn start_operator(&mut self) -> &mut Operator {
        let name = format!("operator-{}", self.operators.len());
        let operator = Operator::start(self.plane, &self.release, &name, &self.folder).await;
        self.operators.push(operator);
        self.operators.last_mut().expect("just started")
    }

    /// The only replica, or the first one.
    pub fn operator(&mut self) -> &mut Operator {
        self.operators.first_mut().expect("this story has no operator")
    }

    pub(super) fn address(&self, object: &str) -> Address {
        Address::parse(object, &self.name)
    }

    // What people do.

    /// The real kubectl, as administrator.
    pub fn kubectl(&self) -> std::process::Command {
        self.plane.kubectl()
    }

    /// Applies manifests as people do: `apiVersion` and `namespace` may be left out.
    pub async fn apply(&self, manifests: &str) {
        self.objects
            .apply(manifests, &self.name)
            .await
            .unwrap_or_else(|error| panic!("refused: {error}\n{manifests}"));
    }

    /// Applies manifests that the API server refuses, and returns its message.
    pub async fn refused(&self, manifests: &str) -> String {
        let applied = self.objects.apply(manifests, &self.name).await;
        applied.err().unwrap_or_else(|| panic!("this was accepted:\n{manifests}"))
    }

    /// Merges a change into an object, written in YAML: `story.edit("OnomondoConnector/plant-a", "spec: {suspend: true}")`.
    pub async fn edit(&self, object: &str, change: &str) {
        let changes = yaml::documents(change);
        let [change] = &changes[..] else { panic!("not one document: {change}") };
        self.objects
            .merge(&self.address(object), change)
            .await
            .unwrap_or_else(|error| panic!("refused: {error}"));
    }

    /// Sets an annotation.
    pub async fn annotate(&self, object: &str, key: &str, value: &str) {
        let change = json!({"metadata": {"annotations": {key: value}}});
        self.objects
            .merge(&self.address(object), &change)
            .await
            .unwrap_or_else(|error| panic!("refused: {error}"));
    }

    /// Deletes an object; [`Story::gone`] waits for its end.
    pub async fn delete(&self, object: &str) {
        self.objects.delete(&self.address(object)).await.unwrap_or_else(|error| panic!("refused: {error}"));
    }

    /// Makes or replaces a Secret (`name`, or `namespace/name`). Its values must not come to light anywhere. It carries the
    /// annotation in which `kubectl apply` repeats them all.
    pub async fn secret(&mut self, name: &str, data: &[(&str, &str)]) {
        for (key, value) in data {
            self.canaries.guard(&format!("{key} of Secret {name}"), value);
        }
        let address = self.address(&format!("Secret/{name}"));
        let data: Value = data
            .iter()
            .map(|(key, value)| ((*key).to_owned(), json!(super::canary::base64_padded(value))))
            .collect();
        let mut secret = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": address.name, "namespace": address.namespace},
            "data": data,
        });
        let repeated = secret.to_string();
        secret["metadata"]["annotations"] =
            json!({"kubectl.kubernetes.io/last-applied-configuration": repeated});
        self.objects.apply_value(secret, &self.name).await.unwrap_or_else(|error| panic!("refused: {error}"));
    }

    /// From now on this text must not come to light anywhere.
    pub fn guard(&mut self, name: &str, text: &str) {
        self.canaries.guard(name, text);
    }

    /// Makes a `tls.key` and `tls.crt` that fit each other, as a Secret, and returns them.
    pub async fn tls_secret(&mut self, name: &str) -> Identity {
        let identity = Identity::generate(name);
        self.secret(name, &[("tls.key", &identity.key), ("tls.crt", &identity.certificate)]).await;
        identity
    }

    /// Makes the OnomondoAccount `default`, with the Secret `onomondo` that holds its key. `more` is more of its spec, in YAML.
    pub async fn onomondo_account(&mut self, more: &str) {
        self.subject = Subject::ONOMONDO;
        let key = self.api_key.clone();
        self.secret("onomondo", &[("apiKey", &key)]).await;
        let mut spec = yaml::documents(more).pop().unwrap_or_else(|| json!({}));
        spec["endpoint"] = json!(self.vendor.url());
        spec["apiKeySecretRef"] = json!({"name": "onomondo"});
        let account = json!({"kind": "OnomondoAccount", "metadata": {"name": "default"}, "spec": spec});
        self.objects
            .apply_value(account, &self.name)
            .await
            .unwrap_or_else(|error| panic!("refused: {error}"));
    }

    // What people see.

    /// The object as it is now.
    pub async fn get(&self, object: &str) -> Value {
        let address = self.address(object);
        self.objects.get(&address).await.unwrap_or_else(|| panic!("{address} is not there"))
    }

    /// A condition of the object as it is now: `True/Succeeded`, or `-`.
    pub async fn condition(&self, object: &str, kind: &str) -> String {
        condition(&self.get(object).await, kind)
    }

    /// The message of a condition of the object as it is now.
    pub async fn message(&self, object: &str, kind: &str) -> String {
        condition_message(&self.get(object).await, kind)
    }

    /// Waits until the object is so, and returns it. `what` is for the message when it does not become so.
    pub async fn eventually(&self, object: &str, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let address = self.address(object);
        match self.objects.watch_until(&address, DEADLINE, |seen| seen.is_some_and(&is_so)).await {
            Ok(seen) => seen.expect("it was seen"),
            Err(last) => self.give_up(&address, what, last.as_ref()).await,
        }
    }

    /// Waits until the object is Ready for its present spec.
    pub async fn ready(&self, object: &str) -> Value {
        self.eventually(object, "Ready", is_ready).await
    }

    /// Waits until a condition of the object reads `Status/Reason`, for its present spec.
    pub async fn becomes(&self, object: &str, kind: &str, status_and_reason: &str) -> Value {
        let what = format!("{kind}={status_and_reason}");
        let is_so =
            |seen: &Value| super::objects::is_current(seen) && condition(seen, kind) == status_and_reason;
        self.eventually(object, &what, is_so).await
    }

    /// Waits until the object is gone.
    pub async fn gone(&self, object: &str) {
        let address = self.address(object);
        if let Err(last) = self.objects.watch_until(&address, DEADLINE, |seen| seen.is_none()).await {
            self.give_up(&address, "gone", last.as_ref()).await;
        }
    }

    async fn give_up(&self, address: &Address, what: &str, last: Option<&Value>) -> ! {
        let mut last = last.cloned().unwrap_or_else(|| json!("it is not there"));
        if let Some(metadata) = last["metadata"].as_object_mut() {
            metadata.remove("managedFields");
        }
        let seen = serde_yaml::to_string(&last).unwrap_or_default();
        let requests = self.vendor_requests().await.join("\n  ");
        let writes = self.kubernetes_writes().await.join("\n  ");
        panic!(
            "{address} is not {what} after {DEADLINE:?}.\nLast seen:\n{seen}\nThe vendor saw:\n  {requests}\n\
             The operator wrote:\n  {writes}\nIt warned:\n  {}\nLogs: {}",
            self.warnings().join("\n  "),
            self.folder.display()
        )
    }

    /// The newest warnings and errors in the replicas' logs.
    pub fn warnings(&self) -> Vec<String> {
        const NEWEST: usize = 10;
        let is_warning =
            |line: &&str| line.contains("\"level\":\"WARN\"") || line.contains("\"level\":\"ERROR\"");
        let logs: Vec<String> = self.operators.iter().map(Operator::log).collect();
        let warnings = |log: &String| log.lines().filter(is_warning).map(str::to_owned).collect::<Vec<_>>();
        logs.iter().flat_map(|log| warnings(log).into_iter().rev().take(NEWEST).rev()).collect()
    }

    /// Every request that the vendor saw, as `POST /connectors plant-a`.
    pub async fn vendor_requests(&self) -> Vec<String> {
        lines(&self.vendor.requests().await)
    }

    /// Those requests that ask for a change.
    pub async fn vendor_writes(&self) -> Vec<String> {
        let mut requests = self.vendor.requests().await;
        requests.retain(super::vendor::Request::is_write);
        lines(&requests)
    }

    pub(super) async fn operators_requests(&self) -> Vec<super::audit::Request> {
        self.audit.requests(self.plane, &self.client).await
    }

    /// Every write of the operator to its own kinds, as `apply onomondoconnectors/plant-a/status`.
    pub async fn kubernetes_writes(&self) -> Vec<String> {
        let requests = self.operators_requests().await;
        requests
            .iter()
            .filter(|request| request.is_write() && request.is_of_own_group())
            .map(ToString::to_string)
            .collect()
    }

    /// Every other write of the operator but those to its Lease, which come by the clock: events, the fingerprint key.
    pub async fn other_kubernetes_writes(&self) -> Vec<String> {
        let requests = self.operators_requests().await;
        requests
            .iter()
            .filter(|request| {
                request.is_write() && !request.is_of_own_group() && request.resource != "leases"
            })
            .map(ToString::to_string)
            .collect()
    }

    /// Every request of the operator that was refused for want of rights.
    pub async fn refusals(&self) -> Vec<String> {
        let requests = self.operators_requests().await;
        requests.iter().filter(|request| request.code == 403).map(ToString::to_string).collect()
    }

    /// The events of the story's namespace, oldest first, as `Normal Created OnomondoConnector/plant-a: <note>`.
    pub async fn events(&self) -> Vec<String> {
        let mut events = self.objects.list("Event", &self.name).await;
        events.sort_by_key(|event| event["eventTime"].as_str().unwrap_or_default().to_owned());
        let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
        events
            .iter()
            .map(|event| {
                let about = &event["regarding"];
                let (kind, reason) = (text(&event["type"]), text(&event["reason"]));
                format!(
                    "{kind} {reason} {}/{}: {}",
                    text(&about["kind"]),
                    text(&about["name"]),
                    text(&event["note"])
                )
            })
            .collect()
    }
}
