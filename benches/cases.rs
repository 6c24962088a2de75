//! What the benchmark does and asserts for each vendor: how its side begins, what is declared, and what that may cost.

use crate::support::story::Story;
use futures::{StreamExt, stream};
use serde_json::{Value, json};

/// How many agents register at once.
const AGENTS_AT_ONCE: usize = 8;

/// One vendor.
pub(crate) trait Case {
    /// Its name, as in `VENDOR=apono`.
    const NAME: &'static str;
    /// The kind of its connectors.
    const KIND: &'static str;
    /// Its account.
    const ACCOUNT: &'static str;
    /// The emulator's switches that lift the vendor's own limits.
    const SWITCHES: &'static [(&'static str, &'static str)];
    /// What the vendor is asked for a connector, lists aside: rows as [`row`](crate::reading::row) names them, and how often each.
    const REQUESTS: &'static [(&'static str, usize)];
    /// The most writes to a connector until it is Ready.
    const WRITES: usize;

    /// Makes the account, and what there has to be at the vendor for so many connectors.
    async fn begin(story: &mut Story, connectors: usize);

    /// The spec of the connector with this number.
    fn spec(number: usize) -> Value;
}

/// Nothing is there at first: each connector is created.
pub(crate) struct Onomondo;

impl Case for Onomondo {
    const NAME: &'static str = "onomondo";
    const KIND: &'static str = "OnomondoConnector";
    const ACCOUNT: &'static str = "OnomondoAccount/default";
    const SWITCHES: &'static [(&'static str, &'static str)] = &[("onomondo.requests-per-minute", "0")];
    const REQUESTS: &'static [(&'static str, usize)] = &[("vendor POST", 1)];
    /// Finalizer with claim, and status.
    const WRITES: usize = 2;

    async fn begin(story: &mut Story, _: usize) {
        story.onomondo_account("requestsPerMinute: 60000").await;
    }

    fn spec(number: usize) -> Value {
        json!({"type": "https", "https": {"host": format!("https://ingest.example.com/{number}")}})
    }
}

/// Each connector has registered and is adopted; nothing is to be changed, nor deleted at its end.
pub(crate) struct Apono;

impl Case for Apono {
    const NAME: &'static str = "apono";
    const KIND: &'static str = "AponoConnector";
    const ACCOUNT: &'static str = "AponoAccount/default";
    const SWITCHES: &'static [(&'static str, &'static str)] = &[("apono.heartbeat-seconds", "30")];
    const REQUESTS: &'static [(&'static str, usize)] = &[];
    /// Status.
    const WRITES: usize = 1;

    async fn begin(story: &mut Story, connectors: usize) {
        let apono = &story.vendor.apono();
        stream::iter(0..connectors)
            .for_each_concurrent(AGENTS_AT_ONCE, |number| async move {
                apono.register(&format!("c-{number:05}"), &format!("Agent {number}")).await;
            })
            .await;
        story.apono_account("requestsPerMinute: 60000").await;
    }

    fn spec(number: usize) -> Value {
        json!({"connectorId": format!("c-{number:05}"), "name": format!("Agent {number}")})
    }
}

/// Nothing is there at first: each connection is created, which takes the vendor a second. With `IDS=10000` each has so many client ids.
pub(crate) struct Omf;

impl Case for Omf {
    const NAME: &'static str = "omf";
    const KIND: &'static str = "OmfConnection";
    const ACCOUNT: &'static str = "OmfAccount/default";
    const SWITCHES: &'static [(&'static str, &'static str)] = &[];
    const REQUESTS: &'static [(&'static str, usize)] = &[("vendor POST", 1)];
    /// Finalizer with claim, a status while the vendor creates it, and one when it is Active.
    const WRITES: usize = 3;

    async fn begin(story: &mut Story, _: usize) {
        story.omf_account("requestsPerMinute: 60000").await;
    }

    fn spec(number: usize) -> Value {
        let ids = std::env::var("IDS").ok().map_or(1, |ids| ids.parse().expect("IDS is a number"));
        let id = |client: usize| format!("{number:08x}-1111-4222-8333-{client:012x}");
        json!({"name": format!("Line {number}"), "clientIds": (0..ids).map(id).collect::<Vec<_>>()})
    }
}
