//! A key and a certificate that do not belong together are held back; what only we cannot read is not.

use crate::plant::{PATCH, PLANT_A, POST, with_account};
use crate::support::certificates::Identity;
use crate::support::looking::set;
use crate::support::objects::condition;
use crate::support::story::{DEADLINE, Story};

const MANIFEST: &str = "
kind: OnomondoConnector
metadata: {name: plant-a}
spec:
  type: tls
  tls: {host: 123.123.123.123, port: 443, serverName: plant-a.example.com, keySecretRef: {name: plant-a-key}, certSecretRef: {name: plant-a-cert}}
";

const MISMATCH: &str =
    "plant-a: the private key and the certificate do not belong together; nothing is sent until they do";

async fn is_held_back(story: &Story) {
    let held = story.becomes(PLANT_A, "Ready", "False/CertificateMismatch").await;
    assert_eq!(
        condition(&held, "Reconciling"),
        "True/DependencyNotReady",
        "two Secrets rarely change at once"
    );
    assert_eq!(condition(&held, "Stalled"), "-");
    assert_eq!(story.message(PLANT_A, "Ready").await, MISMATCH);
}

#[tokio::test]
async fn a_pair_that_does_not_match_is_sent_when_the_second_secret_has_come() {
    let mut story = with_account("certificate").await;
    let (first, second) = (Identity::generate("first"), Identity::generate("second"));
    story.secret("plant-a-key", &[("tls.key", &first.key)]).await;
    story.secret("plant-a-cert", &[("tls.crt", &second.certificate)]).await;
    story.apply(MANIFEST).await;
    is_held_back(&story).await;
    story.cost(&[], &[(PLANT_A, "status")]).await;

    story.secret("plant-a-key", &[("tls.key", &second.key)]).await;
    story.ready(PLANT_A).await;
    story.cost(&[POST], &[(PLANT_A, "status, patch, status")]).await;

    let third = Identity::generate("third");
    story.secret("plant-a-key", &[("tls.key", &third.key)]).await;
    is_held_back(&story).await;
    story.secret("plant-a-cert", &[("tls.crt", &third.certificate)]).await;
    let patched = story.vendor.wait_for("PATCH", 1, DEADLINE).await;
    let sent = &patched[0].body.as_ref().unwrap()["options"];
    assert_eq!(sent["key"], set(&third.key));
    assert_eq!(sent["cert"], set(&third.certificate));
    story.ready(PLANT_A).await;
    story.cost(&[POST, PATCH], &[(PLANT_A, "status, patch, status ×3")]).await;
    story.end().await;
}

#[tokio::test]
async fn what_cannot_be_read_as_pem_is_sent_with_a_warning() {
    let mut story = with_account("certificate-unreadable").await;
    let key = "-----BEGIN VENDOR KEY-----\nb25seS10aGUtdmVuZG9yLWtub3dzLXRoaXMtZm9ybWF0\n-----END VENDOR KEY-----\n";
    let certificate = Identity::generate("plant-a").certificate;
    story.secret("plant-a-key", &[("tls.key", key)]).await;
    story.secret("plant-a-cert", &[("tls.crt", &certificate)]).await;
    story.apply(MANIFEST).await;
    story.ready(PLANT_A).await;

    let posted = story.vendor.wait_for("POST", 1, DEADLINE).await;
    assert_eq!(posted[0].body.as_ref().unwrap()["options"]["key"], set(key));
    story.cost(&[POST], &[(PLANT_A, "patch, status")]).await;
    let note = story.told("Warning UnreadablePEM OnomondoConnector/plant-a").await;
    let words =
        "plant-a: the private key or the certificate is no PEM that can be checked here; it is sent as it is";
    assert_eq!(note, words);
    story.end().await;
}
