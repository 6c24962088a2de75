//! What a story cost: everything the vendor was asked, and everything the operator wrote to its own kinds, held against what is
//! expected.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::audit::Request;
use super::looking::is_for_a_token;
use super::objects::KINDS;
use super::story::Story;
use super::vendor::lines;

/// What the vendors list, as the last word of the path.
const COLLECTIONS: [&str; 2] = ["connectors", "omfconnections"];

/// In which order the vendor was asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    /// Exactly this one.
    Told,
    /// Several connectors' requests overtake each other.
    Any,
}

/// What counts no more, because the story began to count anew behind it.
#[derive(Default)]
pub(super) struct Counted {
    vendor: u64,
    kubernetes: usize,
}

impl Story {
    /// From now on [`Story::cost`] is the cost of what comes.
    pub async fn count_anew(&mut self) {
        let kubernetes = self.operators_requests().await.len();
        self.counted = Counted { vendor: self.vendor.newest().await, kubernetes };
    }

    /// Holds what the vendor saw and what the operator wrote to its own kinds, from the beginning of the story until now, against
    /// `vendor`, such as `POST /connectors plant-a`, and `kubernetes`, such as `("OnomondoConnector/plant-a", "patch, status ×2")`:
    /// for each object its writes in their order, where `patch` is one of its finalizer and claim.
    ///
    /// What comes by the clock counts only where it is named: lists, tokens, and the writes to accounts, whose statuses follow the lists.
    pub async fn cost(&self, vendor: &[&str], kubernetes: &[(&str, &str)]) {
        self.compare(vendor, Order::Told, kubernetes).await;
    }

    /// The same for several connectors at once, whose requests reach the vendor in any order.
    pub async fn cost_in_any_order(&self, vendor: &[&str], kubernetes: &[(&str, &str)]) {
        self.compare(vendor, Order::Any, kubernetes).await;
    }

    async fn compare(&self, vendor: &[&str], order: Order, kubernetes: &[(&str, &str)]) {
        let mut expected: Vec<String> = vendor.iter().map(ToString::to_string).collect();
        let mut asked = lines(&self.vendor.requests_since(self.counted.vendor).await);
        for by_the_clock in [is_list, is_for_a_token] {
            if !expected.iter().any(|line| by_the_clock(line)) {
                asked.retain(|line| !by_the_clock(line));
            }
        }
        if order == Order::Any {
            expected.sort();
            asked.sort();
        }
        let expected_writes: BTreeMap<String, String> =
            kubernetes.iter().map(|(object, writes)| ((*object).to_owned(), (*writes).to_owned())).collect();
        let mut wrote = by_object(&self.operators_requests().await[self.counted.kubernetes..], &self.name);
        wrote.retain(|object, _| !is_account(object) || expected_writes.contains_key(object));
        let mut report = String::new();
        if asked != expected {
            let _ = write!(report, "\nThe vendor was to see:{}\nIt saw:{}", list(&expected), list(&asked));
        }
        if wrote != expected_writes {
            let told = |writes: &BTreeMap<String, String>| {
                list(&writes.iter().map(|(object, writes)| format!("{object}: {writes}")).collect::<Vec<_>>())
            };
            let (to_write, wrote) = (told(&expected_writes), told(&wrote));
            let _ = write!(report, "\nThe operator was to write:{to_write}\nIt wrote:{wrote}");
        }
        assert!(report.is_empty(), "the story {} cost something else:{report}", self.name);
    }
}

/// Whether it is a list of the vendor's objects, or a page of it, however it was answered.
pub fn is_list(line: &str) -> bool {
    let path = line.strip_prefix("GET ").and_then(|target| target.split([' ', '?']).next());
    let last = path.and_then(|path| path.trim_end_matches('/').rsplit('/').next()).map(str::to_lowercase);
    last.is_some_and(|word| COLLECTIONS.contains(&word.as_str()))
}

fn is_account(object: &str) -> bool {
    object.split('/').next().is_some_and(|kind| kind.ends_with("Account"))
}

fn list(entries: &[String]) -> String {
    if entries.is_empty() {
        return " nothing".to_owned();
    }
    entries.iter().fold(String::new(), |text, entry| text + "\n  " + entry)
}

/// The writes to each object of the operator's own kinds, in their order: `patch, status ×2`. `home` is the namespace that goes without
/// saying.
pub fn by_object(requests: &[Request], home: &str) -> BTreeMap<String, String> {
    let mut writes: BTreeMap<String, Vec<(String, usize)>> = BTreeMap::new();
    for request in requests.iter().filter(|request| request.is_write() && request.is_of_own_group()) {
        let of_object = writes.entry(object_of(request, home)).or_default();
        let what = what_was_written(request);
        match of_object.last_mut() {
            Some((last, times)) if *last == what => *times += 1,
            _ => of_object.push((what, 1)),
        }
    }
    let told = |(what, times): &(String, usize)| match times {
        1 => what.clone(),
        _ => format!("{what} ×{times}"),
    };
    let line = |writes: &Vec<(String, usize)>| writes.iter().map(told).collect::<Vec<_>>().join(", ");
    writes.iter().map(|(object, writes)| (object.clone(), line(writes))).collect()
}

fn object_of(request: &Request, home: &str) -> String {
    let kind = KINDS.iter().find(|kind| format!("{}s", kind.to_lowercase()) == request.resource);
    let kind = kind.map_or(request.resource.as_str(), |kind| *kind);
    if request.namespace == home {
        format!("{kind}/{}", request.name)
    } else {
        format!("{kind}/{}/{}", request.namespace, request.name)
    }
}

/// `patch`, `status` for an apply of it, and ` -> 409` behind what failed.
fn what_was_written(request: &Request) -> String {
    let mut what = match (request.verb.as_str(), request.subresource.as_str()) {
        ("apply", "status") => "status".to_owned(),
        (verb, "") => verb.to_owned(),
        (verb, subresource) => format!("{verb} {subresource}"),
    };
    if request.code >= 300 {
        let _ = write!(what, " -> {}", request.code);
    }
    what
}
