//! Ten thousand clients in one connection, and many connections at once.

use serde_json::{Value, json};

use super::line::{ACCOUNT, LINE_7, POST, at_once, begin, connection, id_of, lent, update_of};
use crate::support::objects::condition_message;
use crate::support::omf::CLIENT;
use crate::support::story::Story;

/// The most that a spec may declare.
const MOST: usize = 10_000;
/// The most TCP connections that AVEVA lets a client have.
const ALLOWED: u64 = 24;

fn client(number: usize) -> String {
    format!("{number:08x}-1111-4222-8333-444444444444")
}

fn with_clients(clients: impl Iterator<Item = usize>) -> Value {
    let ids: Vec<String> = clients.map(client).collect();
    json!({"apiVersion": "connector-operator.io/v1alpha1", "kind": "OmfConnection", "metadata": {"name": "line-7"}, "spec": {"clientIds": ids}})
}

#[tokio::test]
async fn ten_thousand_clients_are_declared_created_and_changed_by_one() {
    let story = begin(at_once("omf-many-clients")).await;
    story.objects.apply_value(with_clients(0..MOST), &story.name).await.expect("accepted");
    let line_7 = story.ready(LINE_7).await;
    let id = id_of(&line_7);
    story.the_last_write_is_listed().await;
    // The vendor's log keeps no body of that size, which would show a name.
    let post = POST.trim_end_matches(" line-7");
    story.cost(&[post], &[(LINE_7, "patch, status")]).await;

    story.objects.apply_value(with_clients(1..=MOST), &story.name).await.expect("accepted");
    story.ready(LINE_7).await;
    let note = story.told(&format!("Normal Updated {LINE_7}")).await;
    let (added, removed) = (client(MOST), client(0));
    assert_eq!(note, format!("{id} was changed: clientIds: 10000 → 10000 (adds {added}; removes {removed})"));
    let there = story.vendor.data_hub().connection("line-7").await;
    assert_eq!(there["ClientIds"].as_array().map(Vec::len), Some(MOST));
    let [get, put] = update_of(&id, "").map(|line| line.trim_end().to_owned());
    story.cost(&[post, &get, &put], &[(LINE_7, "patch, status ×2")]).await;

    // Ten thousand that are held elsewhere are no longer to read.
    let mut second = with_clients(1..=MOST);
    second["metadata"]["name"] = json!("line-8");
    second["spec"]["clientIds"].as_array_mut().expect("a list")[0] = json!("one-more");
    story.objects.apply_value(second, &story.name).await.expect("accepted");
    let stalled = story.becomes("OmfConnection/line-8", "Stalled", "True/Conflict").await;
    let message = condition_message(&stalled, "Ready");
    assert!(message.contains("; and 9996 more;") && message.len() < 500, "{message}");
    story.end().await;
}

#[tokio::test]
async fn kubectl_applies_ten_thousand_clients_on_the_servers_side_only() {
    let story = Story::named("omf-many-kubectl").replicas(0).begin().await;
    let manifest = story.folder.join("line-7.json");
    std::fs::write(&manifest, with_clients(0..MOST).to_string()).expect("a file");
    let apply = |arguments: &[&str]| {
        let mut command = story.kubectl();
        command
            .args(["apply", "-n", &story.name, "-f"])
            .arg(&manifest)
            .args(arguments)
            .output()
            .expect("kubectl")
    };
    let refused = apply(&[]);
    let why = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success(), "kubectl apply keeps a copy in an annotation");
    assert!(why.contains("metadata.annotations: Too long") && why.contains("262144"), "{why}");
    let applied = apply(&["--server-side"]);
    assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));

    // What the documentation calls the limit.
    std::fs::write(&manifest, with_clients(0..5_000).to_string()).expect("a file");
    story.delete(LINE_7).await;
    story.gone(LINE_7).await;
    let applied = apply(&[]);
    assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
    story.end().await;
}

#[tokio::test]
async fn many_connections_at_once_stay_under_what_a_client_may_have_open() {
    const MANY: usize = 120;
    let mut story = at_once("omf-many-connections").argument("--concurrency=omf=64").begin().await;
    story.omf_account("requestsPerMinute: 60000").await;
    story.ready(ACCOUNT).await;
    // Each takes its time, so that they pile up.
    story
        .vendor
        .fault(json!({"method": "POST", "path": "/api"}), json!({"kind": "delay", "milliseconds": 500}))
        .await;
    let manifests: Vec<String> =
        (0..MANY).map(|number| connection(&format!("line-{number}"), &[&client(number)], "")).collect();
    story.apply(&manifests.concat()).await;
    for number in 0..MANY {
        story.ready(&format!("OmfConnection/line-{number}")).await;
    }
    let most = story.vendor.data_hub().most_connections_of(CLIENT).await;
    assert!((2..=ALLOWED).contains(&most), "{most} connections");
    let sent: Vec<String> = (0..MANY).map(|number| format!("POST /OmfConnections line-{number}")).collect();
    let objects: Vec<String> = (0..MANY).map(|number| format!("OmfConnection/line-{number}")).collect();
    let writes: Vec<_> = objects.iter().map(|object| (object.as_str(), "patch, status")).collect();
    story.cost_in_any_order(&lent(&sent), &writes).await;
    story.end().await;
}
