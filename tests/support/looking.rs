//! Words for stories in which somebody else changes the vendor's side: make the operator look, and see what it did since.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use super::cost::is_list;
use super::story::{DEADLINE, Story};
use super::vendor::{Request, lines};
use super::wait;

/// The vendor that a story is about: the one whose account was made last.
#[derive(Clone, Copy)]
pub(super) struct Subject {
    /// Its controller, as metrics call it.
    pub(super) controller: &'static str,
    /// Its account.
    pub(super) account: &'static str,
}

impl Subject {
    pub(super) const ONOMONDO: Subject =
        Subject { controller: "onomondo", account: "OnomondoAccount/default" };
    pub(super) const APONO: Subject = Subject { controller: "apono", account: "AponoAccount/default" };
    pub(super) const OMF: Subject = Subject { controller: "omf", account: "OmfAccount/default" };
}

/// Whether this request, as it reads, went to the Data Hub's identity service.
pub(super) fn is_for_a_token(line: &str) -> bool {
    line.contains(" /identity/")
}

/// How the emulator's log shows a secret that was sent.
pub fn set(value: &str) -> Value {
    let digest = ring::digest::digest(&ring::digest::SHA256, value.as_bytes());
    let hex = digest.as_ref().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    json!(format!("<set> sha256:{hex}"))
}

impl Story {
    /// Has the vendor read now, as a person would, and waits until the operator worked through what it read. It costs the
    /// account a write to its status, which repeats the annotation.
    pub async fn look_again(&self) {
        static LOOKS: AtomicU64 = AtomicU64::new(0);
        let (read, listed) = (self.lists_read().await, self.lists().await.len());
        let look = format!("look {}", LOOKS.fetch_add(1, Ordering::Relaxed));
        self.annotate(self.subject.account, "connector-operator.io/reconcile-at", &look).await;
        wait::until("the operator read the vendor again", DEADLINE, || async {
            let more = self.lists().await.len() - listed;
            let known = self.lists_read().await - read;
            if more > 0 && known >= more { Ok(()) } else { Err(format!("{more} lists, {known} read")) }
        })
        .await;
        self.settled().await;
    }

    /// Has the vendor read now, whatever comes of it.
    pub async fn ask_for_a_list(&self, account: &str) {
        static LOOKS: AtomicU64 = AtomicU64::new(0);
        let look = format!("list {}", LOOKS.fetch_add(1, Ordering::Relaxed));
        self.annotate(account, "connector-operator.io/reconcile-at", &look).await;
    }

    /// The lists that the vendor answered; of each that comes in pages, the first.
    pub async fn lists(&self) -> Vec<Request> {
        let mut requests = self.vendor.requests().await;
        requests.retain(|request| {
            let is_further = request.query.as_deref().unwrap_or_default().contains("page_token");
            is_list(&request.to_string()) && request.status == Some(200) && !is_further
        });
        requests
    }

    /// Waits until the vendor answered `count` lists more than now and the operator worked through them.
    pub async fn lists_come(&self, count: usize) {
        self.lists_come_since(self.lists_so_far().await, count).await;
    }

    /// How many lists the operator has read, and how many the vendor has answered.
    pub async fn lists_so_far(&self) -> (usize, usize) {
        (self.lists_read().await, self.lists().await.len())
    }

    /// Waits until the vendor answered `count` lists more than it had then, and the operator worked through them.
    pub async fn lists_come_since(&self, (read, listed): (usize, usize), count: usize) {
        wait::until("further lists", DEADLINE, || async {
            let more = self.lists().await.len() - listed;
            let known = self.lists_read().await - read;
            if more >= count && known >= count { Ok(()) } else { Err(format!("{more}, {known} read")) }
        })
        .await;
        self.settled().await;
    }

    /// Waits until the operator that was just started has worked through its first list.
    pub async fn has_listed(&self) {
        wait::until("the first list", DEADLINE, || async {
            if self.lists_read().await > 0 { Ok(()) } else { Err("none".to_owned()) }
        })
        .await;
        self.settled().await;
    }

    /// Waits until the operator has read a list that the vendor answered after this call, whatever it is at meanwhile. For an operator that was
    /// not restarted.
    pub async fn a_list_is_read_from_now_on(&self) {
        let newest = self.vendor.newest().await;
        wait::until("a list from now on", DEADLINE, || async {
            let lists = self.lists().await;
            let is_later = lists.last().is_some_and(|list| list.seq > newest);
            let known = self.lists_read().await;
            if is_later && known >= lists.len() { Ok(()) } else { Err(format!("{is_later}, {known} read")) }
        })
        .await;
    }

    /// Waits until a list that was sent after the last write was worked through: nothing more comes of that write. For an operator that was
    /// not restarted.
    pub async fn the_last_write_is_listed(&self) {
        wait::until("a list after the last write", DEADLINE, || async {
            let requests = self.vendor.requests().await;
            let newest_write =
                requests.iter().filter(|request| request.is_write()).map(|request| request.seq).max();
            let lists = self.lists().await;
            let newest_list = lists.iter().map(|request| request.seq).max();
            let known = self.lists_read().await;
            let worked_through = newest_list > newest_write && known >= lists.len();
            if worked_through {
                Ok(())
            } else {
                Err(format!("write {newest_write:?}, list {newest_list:?}, {known} read"))
            }
        })
        .await;
        self.settled().await;
    }

    /// Waits until the operator has nothing more to do now. A page of metrics is no single moment, so two in a row have to say so.
    pub async fn settled(&self) {
        const IN_A_ROW: u64 = 2;
        let idle = AtomicU64::new(0);
        let name = self.subject.controller;
        wait::until("the operator has nothing to do", DEADLINE, || async {
            let workers = format!("controller_runtime_active_workers{{controller=\"{name}\"}} 0\n");
            let depth = format!("workqueue_depth{{name=\"{name}\"}} 0\n");
            let page = self.operators[0].metrics().await;
            if !page.contains(&workers) || !page.contains(&depth) {
                idle.store(0, Ordering::Relaxed);
                return Err("it works");
            }
            let so_far = idle.fetch_add(1, Ordering::Relaxed) + 1;
            if so_far >= IN_A_ROW { Ok(()) } else { Err("it has just become idle") }
        })
        .await;
    }

    async fn lists_read(&self) -> usize {
        self.counted(&format!("reflector_lists_total{{name=\"{}\"}}", self.subject.controller)).await
    }

    /// How many reconciles there were since the operator's start.
    pub async fn reconciles(&self) -> usize {
        let name = self.subject.controller;
        self.counted(&format!("controller_runtime_reconcile_total{{controller=\"{name}\"")).await
    }

    /// The sum of the counters whose names, as the page prints them, begin like this.
    async fn counted(&self, series: &str) -> usize {
        let page = self.operators[0].metrics().await;
        let counts = page.lines().filter(|line| line.starts_with(series));
        counts.filter_map(|line| line.rsplit_once(' ')?.1.parse::<usize>().ok()).sum()
    }

    /// The requests for a change that the vendor saw after request number `since`, as `(PATCH /connectors/plant-a, body)`.
    pub async fn sent_since(&self, since: u64) -> Vec<(String, Value)> {
        let requests = self.vendor.requests_since(since).await;
        let writes = requests.into_iter().filter(Request::is_write);
        writes.map(|request| (request.to_string(), request.body.unwrap_or_default())).collect()
    }

    /// The same without the bodies.
    pub async fn writes_since(&self, since: u64) -> Vec<String> {
        self.sent_since(since).await.into_iter().map(|(line, _)| line).collect()
    }

    /// Every request that the vendor saw after request number `since`.
    pub async fn seen_since(&self, since: u64) -> Vec<String> {
        lines(&self.vendor.requests_since(since).await)
    }

    /// Waits for an event about an object, such as `Normal Adopted OnomondoConnector/plant-a` with or without its whole note, and returns
    /// the note. Events come in their own time.
    pub async fn told(&self, event: &str) -> String {
        let prefix = format!("{event}: ");
        let note = |told: &str| {
            let whole = (told == event).then(|| told.split_once(": ").map_or("", |(_, note)| note));
            told.strip_prefix(&prefix).or(whole).map(str::to_owned)
        };
        wait::until(event, DEADLINE, || async {
            let events = self.events().await;
            let found = events.iter().find_map(|told| note(told));
            found.ok_or_else(|| format!("these are there:\n  {}", events.join("\n  ")))
        })
        .await
    }
}
