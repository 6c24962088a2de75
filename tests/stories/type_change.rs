//! A person changes the type of a connector: one PATCH with the type, its complete options and its secrets.

use serde_json::{Value, json};

use crate::plant::{HTTPS, PATCH, PLANT_A, POST, tls_options, with_account};
use crate::support::looking::set;

#[tokio::test]
async fn a_connector_goes_through_all_types() {
    let mut story = with_account("type-change").await;
    let identity = story.tls_secret("client").await;
    let connection = "HostName=hub;SharedAccessKey=only-the-hub-knows";
    story.secret("hub", &[("connectionString", connection)]).await;
    story.apply(HTTPS).await;
    let seen = story.ready(PLANT_A).await;
    assert_eq!(seen["status"]["remote"]["type"], "https");
    // An option of the old type that nobody knows does not go into the new one.
    story.vendor.change_connector("plant-a", &json!({"options": {"retries": 3}})).await;
    story.look_again().await;

    let to_tls = "spec: {type: tls, https: null, tls: {host: 10.0.0.1, port: 443, serverName: one.example.com, \
                  keySecretRef: {name: client}, certSecretRef: {name: client}}}";
    let to_azure = "spec: {type: microsoft_azure_iot, tls: null, microsoftAzureIot: {connectionStringSecretRef: {name: hub}}}";
    let to_aws = "spec: {type: aws_iot_core, microsoftAzureIot: null, awsIotCore: {region: eu-west-1, \
                  role: 'arn:aws:iam::123456789012:role/iot', publishTopic: up, subscribeTopic: down, \
                  defaultProtocol: udp, defaultPort: 4321}}";
    let to_https = "spec: {type: https, awsIotCore: null, https: {host: 'https://two.example.com'}}";
    let steps: [(&str, Value, &[&str]); 4] = [
        (to_tls, json!({"type": "tls", "options": tls_options(&identity)}), &["ca", "cert", "key"]),
        (
            to_azure,
            json!({"type": "microsoft_azure_iot", "options": {"connectionString": set(connection)}}),
            &["connectionString"],
        ),
        (
            to_aws,
            json!({"type": "aws_iot_core", "options": {
                "region": "eu-west-1", "role": "arn:aws:iam::123456789012:role/iot", "publishTopic": "up",
                "subscribeTopic": "down", "defaultProtocol": "udp", "defaultPort": 4321,
            }}),
            &[],
        ),
        (
            to_https,
            json!({"type": "https", "options": {"host": "https://two.example.com", "shouldReturnBody": false}}),
            &[],
        ),
    ];
    for (edit, expected, secrets) in steps {
        let newest = story.vendor.newest().await;
        story.edit(PLANT_A, edit).await;
        let seen = story.ready(PLANT_A).await;

        assert_eq!(seen["status"]["remote"]["type"], expected["type"]);
        let sent = story.sent_since(newest).await;
        assert_eq!(sent, [(PATCH.to_owned(), expected)], "{edit}");
        let shown: Vec<String> = seen["status"]["secrets"]
            .as_object()
            .map(|all| all.keys().cloned().collect())
            .unwrap_or_default();
        assert_eq!(shown, secrets, "{edit}");
    }
    story.cost(&[POST, PATCH, PATCH, PATCH, PATCH], &[(PLANT_A, "patch, status ×5")]).await;
    story.end().await;
}
