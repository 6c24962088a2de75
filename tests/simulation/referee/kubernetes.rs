//! What the operator writes to Kubernetes.

use super::{Maker, Referee};
use crate::canary;
use crate::declared::{CLAIM, Declared, FINALIZER};
use crate::kubernetes::{Answer, Part, Request, finalizers};
use crate::line::Line;
use crate::remote::{Remote, Vendor, all};
use crate::tally::Tally;
use serde_json::Value;
use std::time::Duration;

/// How long after an object was last seen at the vendor a status may still say that it is there (semantics, 7).
const LONGEST_TRUST: Duration = Duration::from_mins(6);

impl Referee {
    /// A request of the operator was answered.
    #[allow(clippy::too_many_arguments, reason = "it is what a request and its answer are")]
    pub fn kubernetes(
        &mut self,
        now: Duration,
        line: &Line,
        request: &Request,
        before: Option<&Value>,
        answer: &Answer,
        emulator: &Value,
        tally: &mut Tally,
    ) {
        if !request.is_write() {
            return;
        }
        let remotes = all(emulator);
        self.see(now, &remotes);
        if request.resource.plural == "leases" {
            self.lease(line, request, answer);
            return;
        }
        if answer.code < 300 {
            self.kubernetes_writes += 1;
        }
        let what = request.describe();
        tally.tests("10: no secret goes into Kubernetes");
        if request.resource.plural != "secrets" && request.body.to_string().contains(canary::MARK) {
            self.breaks(now, "10: no secret goes into Kubernetes", format!("{what}: {}", request.body));
        }
        if !request.resource.is_custom() {
            return;
        }
        self.form(now, request, tally);
        let Some(before) = before.filter(|_| answer.code < 300) else { return };
        tally.tests("1: nothing is written that says nothing new");
        // The write that ends an object is answered with the version before it.
        let same = |member: &str| before["metadata"][member] == answer.body["metadata"][member];
        if same("resourceVersion") && same("finalizers") {
            self.breaks(now, "1: nothing is written that says nothing new", what.clone());
        }
        let claim = request.body["metadata"]["annotations"][CLAIM].as_str();
        if let Some(claim) = claim.and_then(|claim| serde_json::from_str::<Value>(claim).ok()) {
            self.claimants.insert(claim["name"].as_str().unwrap_or_default().to_owned(), line.process);
        }
        if request.part == Part::Status {
            self.status(now, request, before, tally);
            self.recorded(request, before, &answer.body, &remotes);
        } else if lost_finalizer(before, request) {
            self.finalizer_goes(now, request, before, &remotes, tally);
        }
    }

    fn lease(&mut self, line: &Line, request: &Request, answer: &Answer) {
        if answer.code >= 300 {
            return;
        }
        self.elects = true;
        let holder = request.body["spec"]["holderIdentity"].as_str().unwrap_or_default();
        self.leader = (!holder.is_empty()).then_some(line.process);
    }

    /// Only finalizer, claim and status, each with uid and resourceVersion.
    fn form(&mut self, now: Duration, request: &Request, tally: &mut Tally) {
        const ONLY: &str = "1: only finalizer, claim and status are written";
        const PRECONDITION: &str = "1: every write carries uid and resourceVersion";
        let what = request.describe();
        tally.tests(ONLY);
        let metadata = &request.body["metadata"];
        let members = |value: &Value, allowed: &[&str]| {
            value
                .as_object()
                .is_some_and(|members| members.keys().all(|name| allowed.contains(&name.as_str())))
        };
        let fits = match request.part {
            Part::Status => members(&request.body, &["apiVersion", "kind", "metadata", "status"]),
            Part::Main => {
                members(&request.body, &["metadata"])
                    && members(
                        metadata,
                        &["name", "namespace", "uid", "resourceVersion", "finalizers", "annotations"],
                    )
                    && (metadata["annotations"].is_null() || members(&metadata["annotations"], &[CLAIM]))
            }
        };
        if !fits || request.method != http::Method::PATCH {
            self.breaks(now, ONLY, format!("{what}: {}", request.body));
        }
        tally.tests(PRECONDITION);
        if metadata["uid"].as_str().is_none() || metadata["resourceVersion"].as_str().is_none() {
            self.breaks(now, PRECONDITION, format!("{what}: {metadata}"));
        }
    }

    /// What a status says is coherent, and true.
    fn status(&mut self, now: Duration, request: &Request, before: &Value, tally: &mut Tally) {
        const COHERENT: &str = "9: conditions are coherent";
        const GIVEN_UP: &str = "5: only what somebody else insists on is given up";
        const TRUE: &str = "9: Ready says what is really there";
        let what = request.describe();
        let status = &request.body["status"];
        tally.tests(COHERENT);
        let generation = before["metadata"]["generation"].as_i64().unwrap_or_default();
        let is = |kind: &str| {
            let conditions = status["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
            conditions.iter().find(|condition| condition["type"] == kind).cloned()
        };
        let (ready, reconciling, stalled) = (is("Ready"), is("Reconciling"), is("Stalled"));
        let both = reconciling.is_some() && stalled.is_some();
        let untrue =
            [&reconciling, &stalled].into_iter().flatten().any(|condition| condition["status"] != "True");
        let ahead = status["observedGeneration"].as_i64().is_some_and(|observed| observed > generation);
        if both || untrue || ahead || status["observedGeneration"].is_null() {
            self.breaks(now, COHERENT, format!("{what}: {status}"));
        }
        let at_rest = reconciling.is_none() && stalled.is_none();
        let Some(ready) = ready else { return };
        if ready["status"] == "True" && !at_rest {
            self.breaks(now, COHERENT, format!("{what} is Ready and not at rest: {status}"));
        }
        let Some(vendor) = Vendor::of_connectors(&request.resource.plural) else { return };
        if ready["reason"] == "NotConverging" {
            tally.tests(GIVEN_UP);
            let mut object = before.clone();
            object["status"] = status.clone();
            let one = Declared::new(&request.key(), object.into());
            if !one.is_some_and(|one| self.was_insisted(&one)) {
                self.breaks(now, GIVEN_UP, format!("{what}: {ready}"));
            }
        }
        if ready["status"] != "True" || status["remote"].is_null() {
            return;
        }
        tally.tests(TRUE);
        let identity =
            if vendor == Vendor::Onomondo { &status["remote"]["name"] } else { &status["remote"]["id"] };
        let identity = identity.as_str().unwrap_or_default();
        let seen = self.seen.get(&(vendor, identity.to_owned()));
        if seen.is_none_or(|(_, last)| *last + LONGEST_TRUST < now) {
            self.breaks(now, TRUE, format!("{what}: the vendor has no {identity}"));
        }
    }

    /// What a status comes to record is from then on that object's own, whoever made it.
    fn recorded(&mut self, request: &Request, before: &Value, object: &Value, remotes: &[Remote]) {
        let Some(declared) = Declared::new(&request.key(), object.clone().into()) else { return };
        let known = Declared::new(&request.key(), before.clone().into());
        if known.is_some_and(|known| known.manages() && known.recorded() == declared.recorded()) {
            return;
        }
        let its_own = remotes.iter().find(|remote| {
            remote.vendor == declared.vendor && declared.recorded() == Some(remote.identity.as_str())
        });
        if let Some(remote) = its_own.filter(|_| declared.manages()) {
            self.makers.insert(remote.id.clone(), Maker::Operator(declared.uid().to_owned()));
        }
    }

    /// The finalizer goes only when nothing is left for it to do.
    fn finalizer_goes(
        &mut self,
        now: Duration,
        request: &Request,
        before: &Value,
        remotes: &[Remote],
        tally: &mut Tally,
    ) {
        const PROMISE: &str = "8: a delete ends when the vendor's object is gone";
        let Some(declared) = Declared::new(&request.key(), before.clone().into()) else { return };
        if !declared.is_deleted() || !declared.deletes() {
            return;
        }
        tally.tests(PROMISE);
        let made_for_it = |remote: &&Remote| {
            self.makers.get(&remote.id) == Some(&Maker::Operator(declared.uid().to_owned()))
                && !remote.is_leaving()
        };
        if let Some(left) = remotes.iter().find(made_for_it) {
            let what =
                format!("{} lost its finalizer, and the vendor still has {}", declared.key.2, left.identity);
            self.breaks(now, PROMISE, what);
        }
    }

    /// Notes when each object was there.
    pub(super) fn see(&mut self, now: Duration, remotes: &[Remote]) {
        for remote in remotes {
            let seen = self.seen.entry((remote.vendor, remote.identity.clone())).or_insert((now, now));
            seen.1 = now;
        }
    }
}

fn lost_finalizer(before: &Value, request: &Request) -> bool {
    let named = |list: &[String]| list.iter().any(|finalizer| finalizer == FINALIZER);
    request.body["metadata"]["finalizers"].is_array()
        && named(&finalizers(before))
        && !named(&finalizers(&request.body))
}
