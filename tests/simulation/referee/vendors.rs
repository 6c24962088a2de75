//! What the operator asks of the vendors.

use super::{Maker, Referee};
use crate::declared::Declared;
use crate::kubernetes::ApiServer;
use crate::line::{Line, Process};
use crate::remote::{Remote, Vendor, all, lower_case};
use crate::tally::Tally;
use crate::world::name;
use bytes::Bytes;
use http::Method;
use serde_json::Value;
use std::time::Duration;

const MINUTE: Duration = Duration::from_mins(1);
/// What every account of a world allows in a minute.
pub const REQUESTS_PER_MINUTE: usize = 120;

/// Method, path and body of a request.
pub type Head = (Method, String, Bytes);

impl Referee {
    /// A request leaves the operator.
    pub fn vendor_call_leaves(
        &mut self,
        now: Duration,
        line: &Line,
        request: &http::Request<Bytes>,
        tally: &mut Tally,
    ) {
        const BUDGET: &str = "4: an account keeps to its requests a minute";
        const HELD: &str = "7: a 429 holds the whole account";
        const LEADER: &str = "1: only the leader writes";
        if Vendor::of_path(request.uri().path()).is_none() {
            return;
        }
        let what = format!("{}: {} {}", name(line.process), request.method(), request.uri().path());
        if request.method() == Method::POST {
            // Until it is seen to take effect, nobody knows what it did.
            let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
            self.doubted.extend(body["name"].as_str().map(str::to_owned));
        }
        let credential = credential(request);
        tally.tests(BUDGET);
        let calls = self.calls.entry((line.process, credential.clone())).or_default();
        while calls.front().is_some_and(|call| *call + MINUTE <= now) {
            calls.pop_front();
        }
        calls.push_back(now);
        if calls.len() > REQUESTS_PER_MINUTE {
            let many = calls.len();
            self.breaks(now, BUDGET, format!("{what} is the request number {many} in a minute"));
        }
        if let Some(until) = self.held.get(&(line.process, credential)).copied() {
            tally.tests(HELD);
            if now < until {
                self.breaks(
                    now,
                    HELD,
                    format!("{what}, {:?} before the hold is over", until.saturating_sub(now)),
                );
            }
        }
        if request.method() != Method::GET && self.elects {
            tally.tests(LEADER);
            if self.leader != Some(line.process) {
                let leader = self.leader.map_or_else(|| "nobody".to_owned(), name);
                self.breaks(now, LEADER, format!("{what}, and the lease is held by {leader}"));
            }
        }
    }

    /// An answer of a 429 arrived that asked to be left alone for so long.
    pub fn asked_to_wait(&mut self, now: Duration, line: &Line, credential: &str, wait: Duration) {
        let until = self.held.entry((line.process, credential.to_owned())).or_default();
        *until = (*until).max(now + wait);
    }

    /// A vendor took a request, or refused it.
    #[allow(clippy::too_many_arguments, reason = "it is what a request and its answer are")]
    pub fn vendor(
        &mut self,
        now: Duration,
        line: &Line,
        (method, path, body): &Head,
        status: u16,
        (before, after): (&Value, &Value),
        api: &ApiServer,
        tally: &mut Tally,
    ) {
        let Some(vendor) = Vendor::of_path(path) else { return };
        let (before, after) = (all(before), all(after));
        self.see(now, &after);
        if *method == Method::GET {
            self.lists += 1;
            return;
        }
        // A delete that the vendor refuses is tried again, for ever and ever more rarely; it changes nothing.
        self.vendor_writes += u64::from(status < 400);
        let declared = self.may_act_on(now, line.process, vendor, api);
        let what = format!("{}: {method} {path}", name(line.process));
        if *method == Method::POST {
            let body: Value = serde_json::from_slice(body).unwrap_or_default();
            let made = after.iter().find(|new| before.iter().all(|old| old.id != new.id));
            self.create(now, &what, vendor, &body, made, &before, &declared, tally);
            return;
        }
        let target = target(path, vendor, &before);
        let Some(target) = target else { return };
        self.change(now, line.process, &what, method, &target, &declared, tally);
    }

    #[allow(clippy::too_many_arguments, reason = "it is what a create is held against")]
    fn create(
        &mut self,
        now: Duration,
        what: &str,
        vendor: Vendor,
        body: &Value,
        made: Option<&Remote>,
        before: &[Remote],
        declared: &[Declared],
        tally: &mut Tally,
    ) {
        const CLAIMED: &str = "2: a create has a claim that was written before it";
        const ONCE: &str = "2: one remote object for each object";
        tally.tests(CLAIMED);
        // A claim counts only as long as the status records no identity.
        let open = |declared: &&Declared| declared.recorded().is_none() && declared.claim().is_some();
        let means = |declared: &&Declared| match vendor {
            Vendor::Onomondo => declared
                .claim()
                .is_some_and(|claim| claim["name"] == body["name"] && body["name"].is_string()),
            Vendor::Omf => {
                lower_case(&declared.object["spec"]["clientIds"]) == lower_case(&body["ClientIds"])
            }
            Vendor::Apono => false,
        };
        let Some(owner) = declared
            .iter()
            .filter(open)
            .filter(means)
            // An old claim may be left of a name that the spec asks for no more.
            .max_by_key(|one| (one.wanted() == body["name"].as_str(), one.revision()))
        else {
            self.breaks(now, CLAIMED, format!("{what}: nothing claims {}", body["name"]));
            return;
        };
        let Some(made) = made else {
            self.doubted.extend(body["name"].as_str().map(str::to_owned));
            return;
        };
        tally.tests(ONCE);
        let maker = Maker::Operator(owner.uid().to_owned());
        let twin = before.iter().find(|remote| {
            remote.vendor == vendor && !remote.is_leaving() && self.makers.get(&remote.id) == Some(&maker)
        });
        if let Some(twin) = twin {
            let of = &owner.key.2;
            self.breaks(now, ONCE, format!("{what}: {of} has {} already, and now {} too", twin.id, made.id));
        }
        self.doubted.remove(&made.identity);
        self.makers.insert(made.id.clone(), maker);
    }

    #[allow(clippy::too_many_arguments, reason = "it is what a change is held against")]
    fn change(
        &mut self,
        now: Duration,
        process: Process,
        what: &str,
        method: &Method,
        target: &Remote,
        declared: &[Declared],
        tally: &mut Tally,
    ) {
        const MANAGED: &str = "6: nothing but Manage writes to the vendor";
        const DELETED: &str = "8: only what was declared to be deleted is deleted";
        const STRANGER: &str = "3: a stranger's object is changed only where adoption allows it";
        let about: Vec<&Declared> = declared.iter().filter(|declared| declared.is_about(target)).collect();
        tally.tests(MANAGED);
        if !about.iter().any(|declared| declared.manages()) {
            self.breaks(now, MANAGED, format!("{what}: nobody manages {}", target.identity));
            return;
        }
        if *method == Method::DELETE {
            tally.tests(DELETED);
            if !about.iter().any(|declared| declared.is_deleted() && declared.deletes()) {
                self.breaks(now, DELETED, format!("{what}: nobody wants {} deleted", target.identity));
            }
        }
        if matches!(self.makers.get(&target.id), Some(Maker::Operator(_))) {
            return;
        }
        tally.tests(STRANGER);
        let adopted = |declared: &&Declared| {
            declared.adopts_anything() || declared.recorded() == Some(target.identity.as_str())
        };
        // As long as the claim stands, who made it meanwhile cannot be told where the answer to a create was lost, or where the process died that had
        // written the claim: it may have sent the create (semantics, 2).
        let identity = &target.identity;
        let is_claimed = |declared: &&Declared| {
            declared.recorded().is_none() && declared.claim().is_some_and(|claim| claim["name"] == **identity)
        };
        let is_inherited = self.claimants.get(identity).is_some_and(|claimant| *claimant != process);
        let is_claimed = about.iter().copied().any(|declared| is_claimed(&declared));
        let is_doubted = is_claimed && (is_inherited || self.doubted.contains(identity));
        if !is_doubted && !about.iter().copied().any(|declared| adopted(&declared)) {
            self.breaks(now, STRANGER, format!("{what}: {} is somebody else's", target.identity));
        }
    }
}

/// What a request proves itself with.
pub fn credential(request: &http::Request<Bytes>) -> String {
    let header = request.headers().get(http::header::AUTHORIZATION);
    header.and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

/// The object that a path names.
fn target(path: &str, vendor: Vendor, remotes: &[Remote]) -> Option<Remote> {
    let last = path.trim_end_matches('/').rsplit('/').next()?;
    let name = percent_encoding::percent_decode_str(last).decode_utf8().ok()?;
    remotes
        .iter()
        .find(|remote| remote.vendor == vendor && remote.identity.eq_ignore_ascii_case(&name))
        .cloned()
}
