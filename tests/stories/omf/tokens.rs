//! Access tokens: fetched once for all who may share one, fetched anew in time, and after a 401; and sent nowhere that is not allowed.

use serde_json::{Value, json};

use super::line::{ACCOUNT, LINE_7, ONE, POST, TWO, at_once, begin, connection, in_sync, update_of};
use crate::support::objects::{condition, condition_message};
use crate::support::omf::{NAMESPACE, TENANT};
use crate::support::opening::random_text;
use crate::support::story::Story;
use crate::support::vendor::lines;

const DISCOVERY: &str = "GET /identity/.well-known/openid-configuration";
const TOKEN: &str = "POST /identity/connect/token";

/// What the identity service was asked.
async fn asked(story: &Story) -> Vec<String> {
    lines(&story.vendor.data_hub().identity_requests().await)
}

#[tokio::test]
async fn two_accounts_with_one_client_share_one_token() {
    let mut story = at_once("omf-token-shared").begin().await;
    let namespaces =
        [NAMESPACE, "staging"].map(|namespace| json!({"tenant": TENANT, "namespace": namespace}));
    story.vendor.data_hub().set_namespaces(&json!(namespaces)).await;
    story.omf_account("").await;
    story.ready(ACCOUNT).await;
    story.omf_account_with("staging", "aveva", "{namespaceId: staging}").await;
    story.ready("OmfAccount/staging").await;
    story.guard_tokens().await;
    let second = connection("line-8", &[ONE], "accountRef: {name: staging}");
    story.apply(&[connection("line-7", &[ONE], ""), second].concat()).await;
    // One client may be in a connection of each namespace.
    story.ready(LINE_7).await;
    story.ready("OmfConnection/line-8").await;
    assert_eq!(asked(&story).await, [DISCOVERY, TOKEN]);
    story
        .cost_in_any_order(
            &[POST, "POST /OmfConnections line-8"],
            &[(LINE_7, "patch, status"), ("OmfConnection/line-8", "patch, status")],
        )
        .await;
    story.end().await;
}

#[tokio::test]
async fn a_token_that_lives_briefly_is_fetched_anew_before_it_ends() {
    let story = begin(at_once("omf-token-short").switch("omf.token-seconds", "3")).await;
    story.apply(&connection("line-7", &[ONE], "")).await;
    story.ready(LINE_7).await;
    let started = std::time::Instant::now();
    let mut looks = 0;
    while started.elapsed().as_secs() < 8 {
        story.look_again().await;
        looks += 1;
    }
    let asked = asked(&story).await;
    assert_eq!(asked[0], DISCOVERY);
    assert!(asked[1..].iter().all(|line| line == TOKEN), "discovered once: {asked:?}");
    assert!((3..=7).contains(&asked.len()), "{asked:?} in {looks} looks");
    let refused: Vec<String> =
        story.vendor_requests().await.into_iter().filter(|line| line.contains(" -> ")).collect();
    assert_eq!(refused, Vec::<String>::new(), "no call was sent with an old one");
    story.cost(&[POST], &[(LINE_7, "patch, status")]).await;
    story.end().await;
}

#[tokio::test]
async fn a_revoked_token_costs_one_retry_and_nobody_hears_of_it() {
    let (mut story, id) = in_sync("omf-token-revoked", &[ONE], "").await;
    story.vendor.data_hub().revoke_tokens().await;
    story.count_anew().await;
    story.look_again().await;
    story.guard_tokens().await;
    let list = "GET /OmfConnections";
    let refused = format!("{list} -> 401");
    // The account repeats the annotation, that is all.
    story.cost(&[&refused, TOKEN, list], &[(ACCOUNT, "status")]).await;

    story.vendor.data_hub().revoke_tokens().await;
    story.count_anew().await;
    story.edit(LINE_7, "spec: {name: Line 7}").await;
    story.ready(LINE_7).await;
    let [get, put] = update_of(&id, "Line 7");
    let refused = format!("{get} -> 401");
    story.cost(&[&refused, TOKEN, &get, &put], &[(LINE_7, "status")]).await;
    story.end().await;
}

#[tokio::test]
async fn a_401_that_a_new_token_does_not_help_is_reported() {
    let (mut story, _) = in_sync("omf-token-refused", &[ONE], "").await;
    let list = json!({"method": "GET", "path": "/api", "times": 2});
    story.vendor.fault(list, json!({"kind": "refused", "code": 401})).await;
    story.count_anew().await;
    story.ask_for_a_list(ACCOUNT).await;
    let refused = story.becomes(ACCOUNT, "Stalled", "True/AuthenticationFailed").await;
    assert!(condition_message(&refused, "Ready").contains("the vendor answered 401"), "{refused}");
    assert_eq!(story.condition(LINE_7, "Ready").await, "True/Succeeded");
    let seen = story.vendor_requests().await;
    let retried = ["GET /OmfConnections -> 401", TOKEN, "GET /OmfConnections -> 401"];
    assert!(seen.windows(3).any(|three| three == retried), "{seen:?}");
    story.ready(ACCOUNT).await;
    story.guard_tokens().await;
    story.end().await;
}

#[tokio::test]
async fn a_wrong_secret_stalls_the_account_until_the_secret_is_repaired() {
    for (name, switch) in [("omf-token-wrong", "400"), ("omf-token-wrong-401", "401")] {
        let mut story = at_once(name).switch("omf.invalid-client", switch).begin().await;
        story.omf_account("").await;
        story.ready(ACCOUNT).await;
        story.apply(&connection("line-7", &[ONE], "")).await;
        story.ready(LINE_7).await;
        let right =
            story.vendor.data_hub().clients().await[0]["client_secret"].as_str().expect("one").to_owned();
        let wrong = random_text("omf-wrong-secret");
        story.secret("aveva", &[("clientId", "seven-7"), ("clientSecret", &wrong)]).await;
        let refused = story.becomes(ACCOUNT, "Ready", "False/AuthenticationFailed").await;
        assert_eq!(condition(&refused, "Stalled"), "True/AuthenticationFailed");
        let message = condition_message(&refused, "Ready");
        assert!(
            message.contains("no access token could be had from the token endpoint: the vendor answered 40"),
            "{message}"
        );
        assert!(message.contains("(invalid_client)"), "{message}");
        // A new credential begins with a list of its own, which cannot be had: the connector keeps what it was.
        let newest = story.vendor.newest().await;
        story.ask_for_a_list(ACCOUNT).await;

        story.secret("aveva", &[("clientId", "seven-7"), ("clientSecret", &right)]).await;
        story.ready(ACCOUNT).await;
        story.ready(LINE_7).await;
        let sent = story.seen_since(newest).await;
        assert!(sent.iter().all(|line| !line.contains("-> 401") || line.starts_with(TOKEN)), "{sent:?}");
        assert_eq!(story.vendor_writes().await, [POST]);
        story.end().await;
    }
}

#[tokio::test]
async fn a_discovered_endpoint_that_is_not_allowed_is_sent_nothing() {
    let mut story = at_once("omf-token-elsewhere").begin().await;
    let elsewhere = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    elsewhere.set_nonblocking(true).expect("no waiting");
    let address = elsewhere.local_addr().expect("an address");
    let url = format!("http://{address}/token");
    story.vendor.data_hub().advertise_token_endpoint(Some(&url)).await;
    story.omf_account("").await;
    let refused = story.becomes(ACCOUNT, "Ready", "False/InvalidSpec").await;
    assert_eq!(condition(&refused, "Stalled"), "True/InvalidSpec");
    let message = condition_message(&refused, "Ready");
    let named = "the token endpoint that the vendor's discovery document names, at 127.0.0.1,";
    assert!(message.contains(named), "{message}");
    let came = elsewhere.accept().map(|(_, from)| from);
    assert!(came.is_err(), "{came:?} came there");
    assert!(asked(&story).await.iter().all(|line| line == DISCOVERY));

    story.vendor.data_hub().advertise_token_endpoint(None).await;
    story.ask_for_a_list(ACCOUNT).await;
    story.ready(ACCOUNT).await;
    story.end().await;
}

#[tokio::test]
async fn a_given_token_url_is_held_against_the_allowed_hosts_and_needs_no_discovery() {
    let mut story = at_once("omf-token-url").begin().await;
    story.omf_account("{clientCredentials: {tokenUrl: 'http://127.0.0.1:9/token'}}").await;
    let refused = story.becomes(ACCOUNT, "Ready", "False/InvalidSpec").await;
    let message = condition_message(&refused, "Ready");
    assert!(message.contains("spec.clientCredentials.tokenUrl"), "{message}");
    assert_eq!(story.vendor_requests().await, Vec::<String>::new());

    let url = format!("{}/identity/connect/token", story.vendor.url());
    story.edit(ACCOUNT, &json!({"spec": {"clientCredentials": {"tokenUrl": url}}}).to_string()).await;
    story.ready(ACCOUNT).await;
    assert_eq!(asked(&story).await, [TOKEN]);
    story.end().await;
}

#[tokio::test]
async fn a_fixed_token_needs_no_identity_service_and_is_replaced_with_its_secret() {
    let mut story = at_once("omf-token-fixed").begin().await;
    story.omf_account("").await;
    story.ready(ACCOUNT).await;
    let (first, second) = (random_text("omf-token"), random_text("omf-token"));
    story.secret("fixed", &[("token", &first)]).await;
    let hub = story.vendor.data_hub();
    hub.set_tokens(&json!([{"token": first, "tenant": TENANT}])).await;
    story.omf_account_with("fixed", "", "{tokenSecretRef: {name: fixed}}").await;
    story.ready("OmfAccount/fixed").await;
    story.apply(&connection("line-8", &[TWO], "accountRef: {name: fixed}")).await;
    story.ready("OmfConnection/line-8").await;
    assert_eq!(asked(&story).await, [DISCOVERY, TOKEN], "only for the other account");

    hub.set_tokens(&json!([{"token": second, "tenant": TENANT}])).await;
    story.ask_for_a_list("OmfAccount/fixed").await;
    story.becomes("OmfAccount/fixed", "Ready", "False/AuthenticationFailed").await;
    let still = |seen: &Value| condition(seen, "Ready") == "True/Succeeded";
    story.eventually("OmfConnection/line-8", "as it was", still).await;
    story.secret("fixed", &[("token", &second)]).await;
    story.ready("OmfAccount/fixed").await;
    story.ready("OmfConnection/line-8").await;
    assert_eq!(story.vendor_writes().await, ["POST /OmfConnections line-8"]);
    story.end().await;
}
