//! A list that is larger than it may be is refused whole, and said on the account; nobody takes what was not read for gone.

use serde_json::json;

use crate::plant::{ACCOUNT, HTTPS, PLANT_A, POST};
use crate::support::story::Story;

#[tokio::test]
async fn a_list_over_the_limit_is_said_on_the_account_alone() {
    let mut story = Story::named("large").argument("--list-size-limit=1MiB").begin().await;
    story.onomondo_account("").await;
    story.ready(ACCOUNT).await;
    story.apply(HTTPS).await;
    story.ready(PLANT_A).await;
    story.the_last_write_is_listed().await;

    let list = json!({"method": "GET", "path": "/connectors"});
    story.vendor.fault(list, json!({"kind": "large_body", "bytes": 1_048_577})).await;
    story.annotate(ACCOUNT, "connector-operator.io/reconcile-at", "1").await;
    story.becomes(ACCOUNT, "Stalled", "True/ListTooLarge").await;
    let message = "account large/default: the vendor's answer is larger than the limit of 1048576 bytes; raise --list-size-limit, or use a \
                   key that sees fewer objects";
    assert_eq!(story.message(ACCOUNT, "Ready").await, message);
    assert_eq!(story.condition(PLANT_A, "Ready").await, "True/Succeeded");

    story.vendor.heal().await;
    story.annotate(ACCOUNT, "connector-operator.io/reconcile-at", "2").await;
    story.ready(ACCOUNT).await;
    // Of the account: read, read with the connector; and twice what it saw when it was asked to look.
    let writes = [(ACCOUNT, "status, patch, status ×3"), (PLANT_A, "patch, status")];
    story.cost(&[POST], &writes).await;
    story.end().await;
}
