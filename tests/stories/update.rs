//! A person edits a spec: one PATCH with what changed, of the options always all of them, and the status follows.

use serde_json::{Value, json};

use crate::plant::{
    HTTPS, PATCH, PLANT_A, POST, TLS, in_sync, in_sync_with_secret, tls_options, with_account,
};
use crate::support::looking::set;
use crate::support::story::Story;

/// One edit of `plant-a`, and the PATCH that it makes.
type Edit = (&'static str, Value);

/// Makes each edit in turn and holds the one PATCH that the vendor saw against what is expected.
async fn each_edit_is_one_patch(story: &Story, edits: &[Edit]) {
    for (edit, expected) in edits {
        let newest = story.vendor.newest().await;
        story.edit(PLANT_A, edit).await;
        let seen = story.ready(PLANT_A).await;

        let sent = story.sent_since(newest).await;
        assert_eq!(sent, [(PATCH.to_owned(), expected.clone())], "{edit}");
        let message = "plant-a matches its spec";
        assert_eq!(story.condition(PLANT_A, "Ready").await, "True/Succeeded", "{edit}");
        assert_eq!(story.message(PLANT_A, "Ready").await, message, "{edit}");
        assert_eq!(seen["status"]["plannedChanges"], Value::Null, "{edit}");
    }
}

/// An edit that differs in nothing that is managed is looked at and sends nothing.
async fn no_edit_is_sent(story: &Story, edits: &[&str]) {
    for edit in edits {
        let newest = story.vendor.newest().await;
        story.edit(PLANT_A, edit).await;
        story.ready(PLANT_A).await;
        assert_eq!(story.sent_since(newest).await, [], "{edit}");
    }
}

/// After the create, each edit costs one status, and those that the vendor has to hear of one PATCH.
async fn costs(story: &Story, patches: usize, edits: usize) {
    let sent = [&[POST][..], &vec![PATCH; patches]].concat();
    story.cost(&sent, &[(PLANT_A, &format!("patch, status ×{}", 1 + edits))]).await;
}

#[tokio::test]
async fn every_field_of_tls() {
    let mut story = with_account("update-tls").await;
    let identity = story.tls_secret("client").await;
    story.secret("server", &[("ca.crt", "-----BEGIN PUBLIC-----\nthe authority of the server")]).await;
    story.secret("another", &[("other", "-----BEGIN PUBLIC-----\nanother authority of the server")]).await;
    story.apply(&format!("{TLS}    caSecretRef: {{name: server}}\n")).await;
    story.ready(PLANT_A).await;
    let authority = set("-----BEGIN PUBLIC-----\nthe authority of the server");
    let (key, certificate) = (set(&identity.key), set(&identity.certificate));
    let options = |host: &str, port: u16, server_name: &str| {
        json!({"options": {
            "host": host, "port": port, "server_name": server_name,
            "key": key, "cert": certificate, "ca": authority,
        }})
    };
    let mut with_another = options("two.example.com", 8883, "three.example.com");
    with_another["options"]["ca"] = set("-----BEGIN PUBLIC-----\nanother authority of the server");

    let edits = [
        ("spec: {tls: {host: two.example.com}}", options("two.example.com", 443, "one.example.com")),
        ("spec: {tls: {port: 8883}}", options("two.example.com", 8883, "one.example.com")),
        (
            "spec: {tls: {serverName: three.example.com}}",
            options("two.example.com", 8883, "three.example.com"),
        ),
        ("spec: {tls: {caSecretRef: {name: another, key: other}}}", with_another),
    ];
    each_edit_is_one_patch(&story, &edits).await;
    costs(&story, edits.len(), edits.len()).await;
    story.end().await;
}

#[tokio::test]
async fn every_field_of_https() {
    let story = in_sync("update-https", HTTPS).await;
    let options = |host: &str, body: bool| json!({"options": {"host": host, "shouldReturnBody": body}});

    let edits = [
        ("spec: {https: {host: 'https://two.example.com/v1'}}", options("https://two.example.com/v1", false)),
        ("spec: {https: {shouldReturnBody: true}}", options("https://two.example.com/v1", true)),
        ("spec: {https: {shouldReturnBody: null}}", options("https://two.example.com/v1", false)),
    ];
    each_edit_is_one_patch(&story, &edits).await;
    costs(&story, edits.len(), edits.len()).await;
    story.end().await;
}

#[tokio::test]
async fn every_field_of_aws_iot_core() {
    let mut story = Story::begin("update-aws").await;
    story.onomondo_account("").await;
    story
        .apply(
            "
kind: OnomondoConnector
metadata: {name: plant-a}
spec:
  type: aws_iot_core
  awsIotCore:
    region: eu-west-1
    role: arn:aws:iam::123456789012:role/iot
    publishTopic: up/{imsi}
    subscribeTopic: down/{imsi}
    defaultProtocol: udp
    defaultPort: 4321
",
        )
        .await;
    story.ready(PLANT_A).await;
    let mut options = json!({
        "region": "eu-west-1", "role": "arn:aws:iam::123456789012:role/iot", "publishTopic": "up/{imsi}",
        "subscribeTopic": "down/{imsi}", "defaultProtocol": "udp", "defaultPort": 4321,
    });
    let mut then = |option: &str, value: Value| {
        options[option] = value;
        json!({"options": options})
    };

    let role = "arn:aws:iam::123456789012:role/other";
    let edits = [
        ("spec: {awsIotCore: {region: eu-north-1}}", then("region", json!("eu-north-1"))),
        ("spec: {awsIotCore: {role: 'arn:aws:iam::123456789012:role/other'}}", then("role", json!(role))),
        ("spec: {awsIotCore: {publishTopic: 'to/{imsi}'}}", then("publishTopic", json!("to/{imsi}"))),
        ("spec: {awsIotCore: {subscribeTopic: 'from/#'}}", then("subscribeTopic", json!("from/#"))),
        ("spec: {awsIotCore: {defaultProtocol: tcp}}", then("defaultProtocol", json!("tcp"))),
        ("spec: {awsIotCore: {defaultPort: 65535}}", then("defaultPort", json!(65535))),
    ];
    each_edit_is_one_patch(&story, &edits).await;
    costs(&story, edits.len(), edits.len()).await;
    story.end().await;
}

#[tokio::test]
async fn the_secret_of_microsoft_azure_iot() {
    let mut story = Story::begin("update-azure").await;
    story.secret("hub", &[("connectionString", "HostName=one;SharedAccessKey=the-first")]).await;
    story.secret("hub-two", &[("primary", "HostName=two;SharedAccessKey=the-second")]).await;
    story.onomondo_account("").await;
    story
        .apply(
            "
kind: OnomondoConnector
metadata: {name: plant-a}
spec:
  type: microsoft_azure_iot
  microsoftAzureIot: {connectionStringSecretRef: {name: hub}}
",
        )
        .await;
    story.ready(PLANT_A).await;

    let expected = json!({"options": {"connectionString": set("HostName=two;SharedAccessKey=the-second")}});
    let edit = "spec: {microsoftAzureIot: {connectionStringSecretRef: {name: hub-two, key: primary}}}";
    each_edit_is_one_patch(&story, &[(edit, expected)]).await;
    costs(&story, 1, 1).await;
    story.end().await;
}

#[tokio::test]
async fn a_rotated_secret_is_sent_once_and_its_status_follows() {
    let (mut story, _) = in_sync_with_secret("update-secret", TLS).await;
    let before = story.get(PLANT_A).await["status"]["secrets"].clone();
    let newest = story.vendor.newest().await;

    let identity = story.tls_secret("client").await;
    let is_new = |seen: &Value| {
        let secrets = &seen["status"]["secrets"];
        ["key", "cert"].iter().all(|field| secrets[field]["fingerprint"] != before[field]["fingerprint"])
    };
    let seen = story.eventually(PLANT_A, "of the new secret", is_new).await;
    story.the_last_write_is_listed().await;

    let patch = (PATCH.to_owned(), json!({"options": tls_options(&identity)}));
    assert_eq!(story.sent_since(newest).await, [patch]);
    let at_the_vendor = story.vendor.connector("plant-a").await.expect("it is there");
    for field in ["key", "cert"] {
        let (shown, told) = (&seen["status"]["secrets"][field], &at_the_vendor["meta"][field]);
        assert_eq!((&shown["isSet"], &shown["lastUpdatedAt"]), (&told["is_set"], &told["last_updated_at"]));
    }
    assert_eq!(story.condition(PLANT_A, "SecretsInSync").await, "True/InSync");
    let note = story.told("Normal Updated OnomondoConnector/plant-a").await;
    assert_eq!(note, "plant-a was changed: options.cert: changed; options.key: changed");
    costs(&story, 1, 1).await;
    story.end().await;
}

#[tokio::test]
async fn passthrough_and_tags_are_managed_only_where_they_are_written() {
    const SUPPLIER: &str = "a5023f47-1db8-425e-b664-dc0b8921f644";
    let story = in_sync("update-optional", HTTPS).await;
    let created = story.sent_since(0).await;
    let options = json!({"host": "https://ingest.example.com/v1", "shouldReturnBody": false});
    let body = json!({"name": "plant-a", "type": "https", "options": options});
    assert_eq!(created, [(POST.to_owned(), body)], "absent means: not sent");

    let rule = |port: Value| json!({"passthrough": [{"protocol": "udp", "ip": "1.1.1.1", "port": port}]});
    let edits = [
        ("spec: {passthrough: [{protocol: udp, ip: 1.1.1.1, port: 53}]}", rule(json!(53))),
        ("spec: {passthrough: [{protocol: udp, ip: 1.1.1.1, port: 0}]}", rule(json!(0))),
        (
            "spec: {passthrough: [{protocol: udp, ip: 1.1.1.1}]}",
            json!({"passthrough": [{"protocol": "udp", "ip": "1.1.1.1"}]}),
        ),
        (
            "spec: {passthrough: [{protocol: tcp}, {protocol: icmp, ip: '::1'}]}",
            json!({"passthrough": [{"protocol": "tcp"}, {"protocol": "icmp", "ip": "::1"}]}),
        ),
        ("spec: {passthrough: []}", json!({"passthrough": []})),
        ("spec: {tags: [a5023f47-1db8-425e-b664-dc0b8921f644]}", json!({"tags": [SUPPLIER]})),
        ("spec: {tags: []}", json!({"tags": []})),
        (
            "spec: {passthrough: [{protocol: icmp}, {protocol: tcp}], tags: [a5023f47-1db8-425e-b664-dc0b8921f644]}",
            json!({"passthrough": [{"protocol": "icmp"}, {"protocol": "tcp"}], "tags": [SUPPLIER]}),
        ),
    ];
    each_edit_is_one_patch(&story, &edits).await;

    // Another order is no other content, and what is no longer written stays as it is.
    let unsent = [
        "spec: {passthrough: [{protocol: tcp}, {protocol: icmp}]}",
        "spec: {passthrough: null}",
        "spec: {tags: null}",
    ];
    no_edit_is_sent(&story, &unsent).await;
    costs(&story, edits.len(), edits.len() + unsent.len()).await;
    let kept = story.vendor.connector("plant-a").await.expect("it is there");
    assert_eq!(kept["passthrough"], json!([{"protocol": "icmp"}, {"protocol": "tcp"}]));
    assert_eq!(kept["tags"], json!([SUPPLIER]));
    story.end().await;
}

#[tokio::test]
async fn options_that_the_operator_does_not_know_go_back_as_they_were_read() {
    let story = in_sync("update-unknown", HTTPS).await;
    let newest = story.vendor.newest().await;
    let news = json!({"retries": 3, "signing": {"algorithm": "none", "keys": [null]}});
    story.vendor.change_connector("plant-a", &json!({"options": news})).await;
    story.look_again().await;
    assert_eq!(story.sent_since(newest).await, [], "they are no difference");

    let expected = json!({"options": {
        "host": "https://two.example.com", "shouldReturnBody": false,
        "retries": 3, "signing": {"algorithm": "none", "keys": [null]},
    }});
    let edit = "spec: {https: {host: 'https://two.example.com'}}";
    each_edit_is_one_patch(&story, &[(edit, expected)]).await;
    costs(&story, 1, 1).await;
    story.end().await;
}
