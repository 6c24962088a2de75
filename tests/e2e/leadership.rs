//! Who leads, and for how long nobody did: the Lease, seen often enough that no renewal is missed.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::installed::NAMESPACE;
use crate::support::objects::{Address, Objects};

/// More often than anybody renews.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// A renewal: by whom, when.
type Renewal = (String, Timestamp);

/// Somebody who looks at the Lease all the time.
pub(crate) struct Watcher {
    stop: oneshot::Sender<()>,
    seen: JoinHandle<Vec<Renewal>>,
}

impl Watcher {
    /// Begins to look.
    pub(crate) fn begin(objects: &Objects) -> Watcher {
        let (stop, stopped) = oneshot::channel();
        let seen = tokio::spawn(look(objects.clone(), stopped));
        Watcher { stop, seen }
    }

    /// Stops, and tells who led in turn, and the longest time from one renewal to the next.
    pub(crate) async fn end(self) -> (Vec<String>, Duration) {
        let _ = self.stop.send(());
        let renewals = self.seen.await.expect("the Lease was looked at");
        assert!(renewals.len() > 1, "the Lease was renewed: {renewals:?}");
        let mut leaders: Vec<String> = renewals.iter().map(|(leader, _)| leader.clone()).collect();
        leaders.dedup();
        let gaps = renewals.windows(2).map(|pair| pair[1].1.duration_since(pair[0].1).unsigned_abs());
        (leaders, gaps.max().unwrap_or_default())
    }
}

/// Who leads.
pub(crate) async fn leader(objects: &Objects) -> String {
    let seen = objects.get(&lease()).await;
    seen.as_ref().and_then(renewal).map(|(leader, _)| leader).unwrap_or_default()
}

/// Waits until somebody else leads than `first` did.
pub(crate) async fn another_leads(objects: &Objects, first: &str) {
    let is_another =
        |lease: Option<&Value>| lease.and_then(renewal).is_some_and(|(leader, _)| leader != first);
    let seen = objects.watch_until(&lease(), Duration::from_mins(1), is_another).await;
    seen.unwrap_or_else(|last| panic!("{first} still leads: {last:?}"));
}

async fn look(objects: Objects, mut stopped: oneshot::Receiver<()>) -> Vec<Renewal> {
    let address = lease();
    let mut renewals: Vec<Renewal> = Vec::new();
    while stopped.try_recv().is_err_and(|error| error == oneshot::error::TryRecvError::Empty) {
        if let Some(renewal) = objects.get(&address).await.as_ref().and_then(renewal)
            && renewals.last() != Some(&renewal)
        {
            renewals.push(renewal);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    renewals
}

fn lease() -> Address {
    Address::parse("Lease/connector-operator", NAMESPACE)
}

/// `None` while it is nobody's.
fn renewal(lease: &Value) -> Option<Renewal> {
    let leader = lease["spec"]["holderIdentity"].as_str().filter(|leader| !leader.is_empty())?;
    Some((leader.to_owned(), lease["spec"]["renewTime"].as_str()?.parse().ok()?))
}
