//! Connections to a vendor are kept: an account needs a handful, not one a request.

use std::collections::BTreeSet;

use crate::plant::ACCOUNT;
use crate::support::story::Story;

const CONNECTORS: usize = 30;
/// An account's passes that may run at once (three quarters of the concurrency of 8), and its list.
const HANDFUL: usize = 7;

#[tokio::test]
async fn an_account_needs_a_handful_of_connections_however_many_requests_it_sends() {
    let mut story = Story::begin("connections").await;
    story.onomondo_account("requestsPerMinute: 6000").await;
    story.ready(ACCOUNT).await;
    for number in 0..CONNECTORS {
        let spec = format!("{{type: https, https: {{host: 'https://ingest.example.com/{number}'}}}}");
        story
            .apply(&format!("kind: OnomondoConnector\nmetadata: {{name: plant-{number}}}\nspec: {spec}"))
            .await;
    }
    for number in 0..CONNECTORS {
        let object = format!("OnomondoConnector/plant-{number}");
        story.ready(&object).await;
        story.edit(&object, "spec: {https: {shouldReturnBody: true}}").await;
    }
    for number in 0..CONNECTORS {
        story.ready(&format!("OnomondoConnector/plant-{number}")).await;
    }
    let sent: Vec<String> = (0..CONNECTORS)
        .flat_map(|number| {
            [format!("POST /connectors plant-{number}"), format!("PATCH /connectors/plant-{number}")]
        })
        .collect();
    let objects: Vec<String> =
        (0..CONNECTORS).map(|number| format!("OnomondoConnector/plant-{number}")).collect();
    let writes: Vec<_> = objects.iter().map(|object| (object.as_str(), "patch, status ×2")).collect();
    story.cost_in_any_order(&sent.iter().map(String::as_str).collect::<Vec<_>>(), &writes).await;

    let requests = story.vendor.requests().await;
    let connections: BTreeSet<u64> = requests.iter().map(|request| request.connection).collect();
    assert!(requests.len() > 2 * CONNECTORS, "{} requests", requests.len());
    assert!(
        connections.len() <= HANDFUL,
        "{} requests took {} connections",
        requests.len(),
        connections.len()
    );
    story.end().await;
}
