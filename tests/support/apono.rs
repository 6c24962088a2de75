//! Apono, played by the emulator: its connectors, and the agents that register them.

use http::Method;
use serde_json::{Value, json};

use super::looking::Subject;
use super::opening::random_text;
use super::story::Story;
use super::vendor::{Request, Vendor};
use super::yaml;

/// The controls of Apono.
pub struct Apono<'a>(&'a Vendor);

impl Vendor {
    /// Apono behind the same address.
    pub fn apono(&self) -> Apono<'_> {
        Apono(self)
    }
}

impl Apono<'_> {
    /// Somebody installs an agent with this connector id: its connector registers under this name, and connects.
    pub async fn register(&self, connector: &str, name: &str) {
        self.install(connector, &json!({"name": name})).await;
    }

    /// Somebody installs an agent: `{"connector_id", "name", "version", "cloud_provider_type", "metadata", …}`, each of which may be
    /// left out. Several agents with one connector id are several sessions.
    pub async fn install(&self, agent: &str, what: &Value) {
        self.0.control(Method::PUT, &format!("apono/agents/{agent}"), what).await;
    }

    /// The agent is uninstalled. Its connector stays.
    pub async fn uninstall(&self, agent: &str) {
        self.0.control(Method::DELETE, &format!("apono/agents/{agent}"), &Value::Null).await;
    }

    /// The agent, or its network, is gone.
    pub async fn disconnect(&self, agent: &str) {
        self.tell(agent, "disconnect").await;
    }

    /// The agent is back.
    pub async fn connect(&self, agent: &str) {
        self.tell(agent, "connect").await;
    }

    /// The agent says that it is there: dates move. If its connector was deleted meanwhile, it registers again.
    pub async fn heartbeat(&self, agent: &str) {
        self.tell(agent, "heartbeat").await;
    }

    async fn tell(&self, agent: &str, verb: &str) {
        self.0.control(Method::POST, &format!("apono/agents/{agent}/{verb}"), &Value::Null).await;
    }

    /// The connectors, in the order in which they registered, as version 3 shows them.
    pub async fn connectors(&self) -> Vec<Value> {
        let answer = self.0.read("apono/connectors").await;
        answer.as_array().cloned().unwrap_or_else(|| panic!("not a list: {answer}"))
    }

    /// The connector of this id, or `None`.
    pub async fn connector(&self, id: &str) -> Option<Value> {
        self.connectors().await.into_iter().find(|connector| connector["id"] == id)
    }

    /// The name of the connector of this id, which has to be there.
    pub async fn name_of(&self, id: &str) -> String {
        let connector = self.connector(id).await.unwrap_or_else(|| panic!("there is no connector {id}"));
        connector["name"].as_str().expect("a name").to_owned()
    }

    /// Somebody renames a connector in the web app.
    pub async fn rename(&self, id: &str, name: &str) {
        self.change(id, &json!({"name": name})).await;
    }

    /// Somebody else changes a connector (a JSON merge patch).
    pub async fn change(&self, id: &str, change: &Value) {
        self.0.control(Method::PATCH, &format!("apono/connectors/{id}"), change).await;
    }

    /// A connector is there although no agent registered it; what is left out is made up.
    pub async fn put(&self, id: &str, connector: &Value) {
        self.0.control(Method::PUT, &format!("apono/connectors/{id}"), connector).await;
    }

    /// Somebody deletes a connector in the web app. Its agents do not hear of it.
    pub async fn remove(&self, id: &str) {
        self.0.control(Method::DELETE, &format!("apono/connectors/{id}"), &Value::Null).await;
    }

    /// The valid tokens: `[{"token", "organisation", "read_only"}]`.
    pub async fn set_tokens(&self, tokens: &Value) {
        self.0.control(Method::PUT, "apono/tokens", tokens).await;
    }

    /// An integration uses this connector.
    pub async fn integrate(&self, integration: &str, connector: &str) {
        let uses = json!({"connector_id": connector});
        self.0.control(Method::PUT, &format!("apono/integrations/{integration}"), &uses).await;
    }

    /// What Apono was asked, of every version.
    pub async fn requests(&self) -> Vec<Request> {
        let mut requests = self.0.requests().await;
        requests.retain(|request| {
            request.path.starts_with("/api/admin/") || request.path.starts_with("/api/v2/")
        });
        requests
    }
}

/// The path of Apono's connectors without the version: `/connectors/…`.
pub fn short(path: &str) -> Option<&str> {
    path.strip_prefix("/api/admin/v3").filter(|rest| rest.starts_with("/connectors"))
}

impl Story {
    /// Makes the AponoAccount `default`, with the Secret `apono` that holds its token, which the vendor then knows as the only one.
    /// `more` is more of its spec, in YAML.
    pub async fn apono_account(&mut self, more: &str) {
        self.subject = Subject::APONO;
        let token = random_text("apono-token");
        self.secret("apono", &[("token", &token)]).await;
        self.vendor.apono().set_tokens(&json!([{"token": token, "organisation": "default"}])).await;
        let mut spec = yaml::documents(more).pop().unwrap_or_else(|| json!({}));
        spec["endpoint"] = json!(self.vendor.url());
        spec["tokenSecretRef"] = json!({"name": "apono"});
        let account = json!({"kind": "AponoAccount", "metadata": {"name": "default"}, "spec": spec});
        self.objects
            .apply_value(account, &self.name)
            .await
            .unwrap_or_else(|error| panic!("refused: {error}"));
    }
}
