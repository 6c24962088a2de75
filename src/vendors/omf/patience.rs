//! How long the vendor may be at work on a connection: the real controller against the emulator, in time that a test can let pass.

use super::Omf;
use crate::emulator::{Clock, Configuration, DEFAULT_OMF_TOKEN, Emulator, InProcess};
use crate::vendors::in_process::{in_paused_time, transport};
use crate::vendors::kubernetes_in_process::Cluster;
use crate::vendors::operator_in_process::{begin, end, object};
use bytes::Bytes;
use http_body_util::Full;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tower::ServiceExt;

const MINUTE: Duration = Duration::from_mins(1);
const LINE_7: &str = "/apis/connector-operator.io/v1alpha1/namespaces/plant/omfconnections/line-7";
const STALLED: &str = "line-7: Creating since 2026-01-02T03:04:05.0000000Z, for longer than 15 minutes; the vendor names no failure, so look \
                       there. Nothing is written until it is over; to begin anew, delete the object at the vendor";

/// A connection that is declared, and a vendor that is never done with making it until it is told to.
struct World {
    cluster: Cluster,
    emulator: Emulator,
}

impl World {
    fn begin() -> World {
        let cluster = Cluster::default();
        let account = object(
            "OmfAccount",
            "default",
            &json!({
                "endpoint": "http://emulator", "tenantId": "6a2b3c4d-0000-0000-0000-000000000001",
                "namespaceId": "production", "tokenSecretRef": {"name": "token"},
            }),
        );
        let accounts = "/apis/connector-operator.io/v1alpha1/namespaces/plant/omfaccounts";
        cluster.put(&format!("{accounts}/default"), account);
        cluster.put(LINE_7, object("OmfConnection", "line-7", &json!({"clientIds": ["gateway-7"]})));
        let token = k8s_openapi::ByteString(DEFAULT_OMF_TOKEN.as_bytes().to_vec());
        let secret = json!({"metadata": {"name": "token", "namespace": "plant"}, "data": {"token": token}});
        cluster.put("/api/v1/namespaces/plant/secrets/token", secret);
        let start = "2026-01-02T03:04:05Z".parse().expect("a moment");
        let configuration = Configuration {
            clock: Clock::with_tokio_time(start),
            switches: vec![("omf.creation".to_owned(), "stays".to_owned())],
            ..Configuration::default()
        };
        World { cluster, emulator: Emulator::new(configuration).expect("an emulator") }
    }

    /// An operator that works from now on, until it is [ended](end).
    fn operator(&self) -> JoinHandle<()> {
        begin::<Omf>(&self.cluster, transport(self.emulator.connect()))
    }

    /// A condition as `Status/Reason`, or `-`, and its message.
    fn condition(&self, kind: &str) -> (String, String) {
        let conditions = self.cluster.get(LINE_7)["status"]["conditions"].clone();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let found = conditions.as_array().and_then(|all| all.iter().find(|one| one["type"] == kind));
        found.map_or_else(
            || ("-".to_owned(), String::new()),
            |one| (format!("{}/{}", text(&one["status"]), text(&one["reason"])), text(&one["message"])),
        )
    }

    fn assert_stalled(&self) {
        let stalled = ("True/ProgressDeadlineExceeded".to_owned(), STALLED.to_owned());
        assert_eq!(self.condition("Stalled"), stalled);
        assert_eq!(self.condition("Ready").0, "False/ProgressDeadlineExceeded");
        assert_eq!(self.condition("Reconciling").0, "-");
    }

    fn assert_at_work(&self, message: &str) {
        assert_eq!(self.condition("Ready"), ("Unknown/Progressing".to_owned(), message.to_owned()));
        assert_eq!(self.condition("Reconciling").0, "True/Progressing");
        assert_eq!(self.condition("Stalled").0, "-");
    }

    /// How often the status of the connection was written.
    fn statuses(&self) -> usize {
        self.cluster.writes().iter().filter(|path| **path == format!("{LINE_7}/status")).count()
    }

    async fn tell_the_vendor(&self, method: http::Method, path: &str, body: &Value) {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("http://emulator/_emulator/omf/{path}"))
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body.to_string())))
            .expect("a request");
        let vendor: InProcess = self.emulator.connect();
        assert!(vendor.oneshot(request).await.expect("an answer").status().is_success(), "{path}");
    }

    fn id(&self) -> String {
        self.cluster.get(LINE_7)["status"]["remote"]["id"].as_str().expect("an id").to_owned()
    }
}

#[test]
fn a_creation_that_takes_longer_than_fifteen_minutes_is_said_to_have_stalled_and_goes_on_all_the_same() {
    in_paused_time(async {
        let world = World::begin();
        let operator = world.operator();
        sleep(14 * MINUTE).await;
        world.assert_at_work("line-7: Creating since 2026-01-02T03:04:05.0000000Z");
        assert_eq!(world.statuses(), 1, "it is said once, however often the vendor is read");
        sleep(2 * MINUTE).await;
        world.assert_stalled();
        assert_eq!(world.statuses(), 2);

        // Another operator does not begin to wait anew.
        end(operator).await;
        let operator = world.operator();
        sleep(5 * MINUTE).await;
        world.assert_stalled();
        assert_eq!(world.statuses(), 2);

        world.tell_the_vendor(http::Method::POST, "settle", &Value::Null).await;
        sleep(2 * MINUTE).await;
        assert_eq!(world.condition("Ready").0, "True/Succeeded");
        assert_eq!(world.condition("Stalled").0, "-");
        assert_eq!(world.statuses(), 3);
        end(operator).await;
    });
}

#[test]
fn what_has_stalled_while_it_was_made_has_its_time_again_when_the_vendor_takes_it_away() {
    in_paused_time(async {
        let world = World::begin();
        let operator = world.operator();
        sleep(16 * MINUTE).await;
        world.assert_stalled();
        let connection = format!("connections/{}", world.id());
        world.tell_the_vendor(http::Method::PATCH, &connection, &json!({"State": "Deleting"})).await;
        sleep(2 * MINUTE).await;
        world.assert_at_work("line-7: Deleting at the vendor; once it is gone, it is created again");

        // The time counts from then, and an operator that has just begun knows no other.
        end(operator).await;
        let operator = world.operator();
        sleep(14 * MINUTE).await;
        world.assert_at_work("line-7: Deleting at the vendor; once it is gone, it is created again");
        sleep(2 * MINUTE).await;
        let (stalled, message) = world.condition("Stalled");
        assert_eq!(stalled, "True/ProgressDeadlineExceeded");
        assert!(
            message.starts_with("line-7: Deleting at the vendor, for longer than 15 minutes;"),
            "{message}"
        );
        end(operator).await;
    });
}
