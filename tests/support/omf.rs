//! AVEVA Data Hub, played by the emulator: what is in the namespace that the stories use, and what only the vendor can do.

use http::Method;
use serde_json::{Value, json};

use super::looking::Subject;
use super::opening::random_text;
use super::story::Story;
use super::vendor::{Request, Vendor};
use super::yaml;

/// The tenant that the emulator has from the start.
pub const TENANT: &str = "6a2b3c4d-0000-0000-0000-000000000001";
/// Its namespace.
pub const NAMESPACE: &str = "production";
/// The client that an account of [`Story::omf_account`] is. Its id is no secret, and too short to be taken for one.
pub const CLIENT: &str = "seven-7";

/// The controls of the Data Hub.
pub struct DataHub<'a>(&'a Vendor);

impl Vendor {
    /// The Data Hub behind the same address.
    pub fn data_hub(&self) -> DataHub<'_> {
        DataHub(self)
    }
}

impl DataHub<'_> {
    /// The connections of the namespace, oldest first, as the vendor keeps them.
    pub async fn connections(&self) -> Vec<Value> {
        let answer = self.0.read("omf/connections").await;
        answer.as_array().cloned().unwrap_or_else(|| panic!("not a list: {answer}"))
    }

    /// The only connection with this name.
    pub async fn connection(&self, name: &str) -> Value {
        let mut named = self.connections().await;
        named.retain(|connection| connection["Name"] == name);
        assert_eq!(named.len(), 1, "one connection named {name}, in {:?}", self.states().await);
        named.remove(0)
    }

    /// The id of the only connection with this name.
    pub async fn id_of(&self, name: &str) -> String {
        self.connection(name).await["Id"].as_str().expect("an Id").to_owned()
    }

    /// Each connection as `name State`, oldest first.
    pub async fn states(&self) -> Vec<String> {
        let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        let connections = self.connections().await;
        let lines = connections.iter().map(|one| format!("{} {}", word(&one["Name"]), word(&one["State"])));
        lines.collect()
    }

    /// Somebody else makes connections, in the vendor's form; what is left out is made up, and they are Active. Their ids.
    pub async fn put_connections(&self, connections: &[Value]) -> Vec<String> {
        let ids = self.0.control(Method::POST, "omf/connections", &json!(connections)).await;
        serde_json::from_value(ids).expect("the ids of what was made")
    }

    /// Somebody else changes a connection (a JSON merge patch): `{"State": "Deleting"}` too, which then stays.
    pub async fn change_connection(&self, id: &str, change: &Value) {
        self.0.control(Method::PATCH, &format!("omf/connections/{id}"), change).await;
    }

    /// A connection is no longer there, from one moment to the next.
    pub async fn remove_connection(&self, id: &str) {
        self.0.control(Method::DELETE, &format!("omf/connections/{id}"), &Value::Null).await;
    }

    /// What is Creating is Active now, what is Deleting or Deleted is gone.
    pub async fn settle(&self) {
        self.0.control(Method::POST, "omf/settle", &Value::Null).await;
    }

    /// The clients that get tokens: `[{"client_id", "client_secret", "tenant", "access"}]`, `access` one of full, read, none.
    pub async fn set_clients(&self, clients: &Value) {
        self.0.control(Method::PUT, "omf/clients", clients).await;
    }

    /// The clients that get tokens.
    pub async fn clients(&self) -> Vec<Value> {
        let answer = self.0.read("omf/clients").await;
        answer.as_array().cloned().unwrap_or_else(|| panic!("not a list: {answer}"))
    }

    /// The texts of all tokens that are valid, fixed and issued.
    pub async fn tokens(&self) -> Vec<String> {
        let answer = self.0.read("omf/tokens").await;
        let tokens = answer.as_array().unwrap_or_else(|| panic!("not a list: {answer}"));
        tokens.iter().filter_map(|token| token["token"].as_str().map(str::to_owned)).collect()
    }

    /// The tokens that are valid: `[{"token", "tenant"}]` for ever, with `expires_in` for so many seconds.
    pub async fn set_tokens(&self, tokens: &Value) {
        self.0.control(Method::PUT, "omf/tokens", tokens).await;
    }

    /// No token that was issued is valid any more.
    pub async fn revoke_tokens(&self) {
        self.0.control(Method::DELETE, "omf/tokens", &Value::Null).await;
    }

    /// Which namespaces there are: `[{"tenant", "namespace"}]`. What is in the others is gone with them.
    pub async fn set_namespaces(&self, namespaces: &Value) {
        self.0.control(Method::PUT, "omf/namespaces", namespaces).await;
    }

    /// Discovery names this as the token endpoint; none: the emulator's own.
    pub async fn advertise_token_endpoint(&self, url: Option<&str>) {
        self.0.control(Method::PUT, "omf/discovery", &json!({"token_endpoint": url})).await;
    }

    /// The most connections that this client had open at a time.
    pub async fn most_connections_of(&self, client: &str) -> u64 {
        self.0.read("omf/usage").await[client]["most"].as_u64().unwrap_or_default()
    }

    /// What the identity service was asked: discovery and tokens.
    pub async fn identity_requests(&self) -> Vec<Request> {
        let mut requests = self.0.requests().await;
        requests.retain(|request| request.path.starts_with("/identity/"));
        requests
    }

    /// What was asked about connections.
    pub async fn requests(&self) -> Vec<Request> {
        let mut requests = self.0.requests().await;
        requests.retain(|request| short(&request.path).is_some());
        requests
    }
}

/// The path of OMF connections without version, tenant and namespace: `/omfConnections/…`.
pub fn short(path: &str) -> Option<&str> {
    let parts = path.strip_prefix("/api/")?.splitn(6, '/').collect::<Vec<_>>();
    let [_, tenants, _, namespaces, _, rest] = parts[..] else { return None };
    let is_one = tenants.eq_ignore_ascii_case("tenants") && namespaces.eq_ignore_ascii_case("namespaces");
    is_one.then(|| &path[path.len() - rest.len() - 1..])
}

impl Story {
    /// Makes the OmfAccount `default`, with the Secret `aveva` that holds its client, which the vendor then knows. `more` is more
    /// of its spec, in YAML.
    pub async fn omf_account(&mut self, more: &str) {
        self.subject = Subject::OMF;
        let secret = random_text("omf-client-secret");
        self.secret("aveva", &[("clientId", CLIENT), ("clientSecret", &secret)]).await;
        let client = json!([{"client_id": CLIENT, "client_secret": secret, "tenant": TENANT}]);
        self.vendor.data_hub().set_clients(&client).await;
        self.omf_account_with("default", "aveva", more).await;
    }

    /// From now on no token that is valid must come to light.
    pub async fn guard_tokens(&mut self) {
        for token in self.vendor.data_hub().tokens().await {
            self.guard("an access token", &token);
        }
    }

    /// Makes one more OmfAccount of the same tenant and namespace, with a client of its own from a Secret called like the account.
    pub async fn second_omf_account(&mut self, name: &str, more: &str) {
        let secret = random_text("omf-second-secret");
        self.secret(name, &[("clientId", name), ("clientSecret", &secret)]).await;
        let hub = self.vendor.data_hub();
        let mut clients = hub.clients().await;
        clients.push(json!({"client_id": name, "client_secret": secret, "tenant": TENANT}));
        hub.set_clients(&json!(clients)).await;
        self.omf_account_with(name, name, more).await;
    }

    /// Makes an OmfAccount with the client of this Secret.
    pub async fn omf_account_with(&self, name: &str, secret: &str, more: &str) {
        let mut spec = yaml::documents(more).pop().unwrap_or_else(|| json!({}));
        let defaults = json!({
            "endpoint": self.vendor.url(),
            "tenantId": TENANT,
            "namespaceId": NAMESPACE,
        });
        for (field, value) in defaults.as_object().into_iter().flatten() {
            if spec[field].is_null() {
                spec[field] = value.clone();
            }
        }
        if spec["tokenSecretRef"].is_null() {
            spec["clientCredentials"]["secretRef"] = json!({"name": secret});
        }
        let account = json!({"kind": "OmfAccount", "metadata": {"name": name}, "spec": spec});
        self.objects
            .apply_value(account, &self.name)
            .await
            .unwrap_or_else(|error| panic!("refused: {error}"));
    }
}
