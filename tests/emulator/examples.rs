//! Golden tests: the requests that the vendor's documentation prints get the replies that it prints.

use connector_operator::emulator::Configuration;
use serde_json::{Value, json};

use crate::support::{SUPPLIER, Vendor, credential};

fn examples() -> Value {
    serde_json::from_str(include_str!("fixtures/onomondo.examples.json")).unwrap()
}

/// The documentation's own account: its token, in the scheme that it prints.
fn documented() -> Vendor {
    let vendor = Vendor::configured(Configuration {
        credentials: vec![credential("onomondo", "YOUR_SECRET_TOKEN", "documented")],
        switches: vec![("onomondo.authorization-scheme".to_owned(), "bearer".to_owned())],
        ..Configuration::default()
    });
    vendor.with_authorization("Bearer YOUR_SECRET_TOKEN")
}

#[tokio::test]
async fn the_create_example_gets_its_reply() {
    let example = &examples()["create"];
    let answer = documented().post(example["request"].clone()).await;
    assert_eq!((answer.status, &answer.body), (200, &example["reply"]));
}

#[tokio::test]
async fn the_update_example_gets_its_reply() {
    let vendor = documented();
    let created = vendor.has(examples()["create"]["request"].clone()).await;
    let name = created["name"].as_str().unwrap();
    // The identifiers are the vendor's to choose.
    let example = &examples()["update"];
    let identifiers = json!({ "id": example["reply"]["id"], "uuid": example["reply"]["uuid"] });
    vendor.control("PATCH", &format!("/onomondo/connectors/{name}"), Some(identifiers)).await;
    vendor.at("2025-10-01T12:00:00Z");

    let answer = vendor.patch(name, example["request"].clone()).await;
    assert_eq!((answer.status, &answer.body), (200, &example["reply"]));
    assert_eq!(vendor.names().await, ["updated-tls-connector"], "a rename changes the name in the list");
    let old = vendor.patch(name, example["request"].clone()).await;
    assert_eq!(old.status, 404, "a rename changes the key in the URL");
}

#[tokio::test]
async fn the_list_example_is_what_its_history_leaves() {
    let vendor = documented();
    vendor.at("2024-09-26T08:00:00Z");
    let azure = json!({
        "name": "my-azure-connector",
        "type": "microsoft_azure_iot",
        "tags": [SUPPLIER],
        "options": { "connectionString": "HostName=example;SharedAccessKey=old" },
    });
    vendor.has(azure).await;
    vendor.at("2024-09-26T09:10:22.367Z");
    let options = json!({ "host": "87.65.43.21", "port": 443, "server_name": "foobar.example.com" });
    vendor.has(json!({ "name": "my_tls_connector", "type": "tls", "options": options })).await;
    vendor.at("2024-09-26T09:25:42.898Z");
    let connection_string = "HostName=example;SharedAccessKey=new";
    vendor.patch("my-azure-connector", json!({ "options": { "connectionString": connection_string } })).await;
    vendor.patch("my_tls_connector", json!({ "options": { "cert": "a certificate" } })).await;
    vendor.at("2024-09-26T09:25:50.140Z");
    vendor.patch("my_tls_connector", json!({ "options": { "key": "a key" } })).await;

    assert_eq!(vendor.list().await, examples()["list"]["reply"]);
}

#[tokio::test]
async fn the_remove_example_gets_its_reply_and_a_mapped_connector_a_403() {
    let vendor = documented();
    vendor.has(examples()["create"]["request"].clone()).await;
    vendor.sim("000123456", "my-tls-connector").await;
    let blocked = vendor.delete("/connectors/my-tls-connector").await;
    assert_eq!((blocked.status, blocked.error()), (403, "connector_in_use"));

    let freed = vendor.send("PATCH", "/sims/000123456", json!({ "connector": null })).await;
    assert_eq!((freed.status, &freed.body["connector"]), (200, &Value::Null));
    let answer = vendor.delete("/connectors/my-tls-connector").await;
    assert_eq!((answer.status, &answer.body), (200, &examples()["remove"]["reply"]));
    assert_eq!(vendor.list().await, json!([]));
}
