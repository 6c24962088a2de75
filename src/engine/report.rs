//! What a pass says in the end: the connector's status, the event of a transition, and texts that people act on.

use super::events::{Event, EventPublisher, EventType};
use super::exclusives::{Contest, Holder};
use super::object::ObjectKey;
use super::plan::Blocked;
use super::secret_facts::{SecretFacts, secret_differences};
use super::status::{FurtherCondition, Progress, Verdict};
use super::vendor::{Change, SecretState};
use crate::api::{AdoptionPolicy, PLANNED_CHANGES_LIMIT, PlannedChange, SecretStatus, shortened};
use crate::remote::Identity;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use std::collections::BTreeMap;
use std::time::Duration;

/// How many changes a message names.
const NAMED_CHANGES: usize = 8;

/// The time after `from_now`, in whole seconds, as it is written into statuses.
pub fn timestamp_in(from_now: Duration) -> String {
    let then = crate::clock::now() + from_now;
    jiff::Timestamp::from_second(then.as_second()).unwrap_or(then).to_string()
}

/// Changes as one line: `options.port: 443 → 8883; options.key: changed`.
pub fn describe(changes: &[Change]) -> String {
    let one = |change: &Change| {
        if change.secret {
            return format!("{}: changed", change.field);
        }
        let text = |value: &Option<String>| value.as_deref().map_or_else(|| "unset".to_owned(), brief);
        format!("{}: {} → {}", change.field, text(&change.from), text(&change.to))
    };
    let mut parts: Vec<String> = changes.iter().take(NAMED_CHANGES).map(one).collect();
    if changes.len() > NAMED_CHANGES {
        parts.push(format!("and {} more", changes.len() - NAMED_CHANGES));
    }
    parts.join("; ")
}

/// The names of the changed fields, for an event.
pub fn fields(changes: &[Change]) -> String {
    let mut names: Vec<&str> = changes.iter().take(NAMED_CHANGES).map(|change| change.field).collect();
    if changes.len() > NAMED_CHANGES {
        names.push("…");
    }
    names.join(", ")
}

fn brief(value: &str) -> String {
    const LONGEST: usize = 200;
    if value.chars().nth(LONGEST).is_none() {
        return value.to_owned();
    }
    value.chars().take(LONGEST - 1).chain(['…']).collect()
}

/// Changes as they stand in `status.plannedChanges`.
pub fn planned(changes: &[Change]) -> Vec<PlannedChange> {
    changes
        .iter()
        .take(PLANNED_CHANGES_LIMIT)
        .map(|change| PlannedChange {
            field: change.field.to_owned(),
            from: change.from.as_deref().map(shortened),
            to: if change.secret { Some("changed".into()) } else { change.to.as_deref().map(shortened) },
        })
        .collect()
}

/// What a person reads of something that blocks. `may_see` says whether they may learn more of a remote object than that it exists.
pub fn blocked(name: &str, blocked: &Blocked, may_see: bool) -> Verdict {
    match blocked {
        Blocked::HeldBy(_, identity) if !may_see => conflict(format!(
            "{name}: another connector already manages {identity}; declare another one here, or ask the owner of the account"
        )),
        Blocked::HeldBy(holder, identity) => conflict(format!(
            "{name}: {identity} is already managed by {holder}; only one connector can do that: declare another one in one of them, or delete one"
        )),
        Blocked::NotAdoptable { identity, .. } if !may_see => conflict(format!(
            "{name}: {identity} already exists at the vendor, and this namespace may not take it over; choose another name, or ask \
             the owner of the account to widen allowedNamespaces.adoption"
        )),
        Blocked::NotAdoptable { identity, changes, policy } => {
            let difference = match describe(changes) {
                none if none.is_empty() => "it is identical".to_owned(),
                some => format!("it differs ({some})"),
            };
            let advice = match policy {
                AdoptionPolicy::Never => {
                    "set adoptionPolicy: IfIdentical or Always to take it over, or choose another name"
                }
                _ => "set adoptionPolicy: Always to take it over and change it, or choose another name",
            };
            conflict(format!("{name}: {identity} already exists at the vendor and {difference}; {advice}"))
        }
        Blocked::NameTaken(identity) => conflict(format!(
            "{name}: the new name {identity} is taken at the vendor; choose another, or go by way of a third name to swap two"
        )),
        Blocked::Ambiguous(identity, _) if !may_see => conflict(format!(
            "{name}: {identity} cannot be told apart at the vendor; choose another name, or ask the owner of the account"
        )),
        Blocked::Ambiguous(identity, copies) => conflict(format!(
            "{name}: the vendor lists {copies} objects called {identity}, which cannot be told apart; delete or rename all but one there"
        )),
        Blocked::Taken | Blocked::Standoff => conflict(format!("{name}: what it asks for is in use")),
        Blocked::WouldClearSecret(secrets, changes) => Verdict::stalled(
            "WouldClearSecret",
            format!(
                "{name}: the update ({}) might clear {} at the vendor, which the spec does not declare; declare it, or consent \
                 with adoptionPolicy: Always",
                describe(changes),
                secrets.join(" and ")
            ),
        ),
        Blocked::NotConverging(changes) => Verdict::stalled(
            "NotConverging",
            format!(
                "{name}: written three times, and the vendor still has something else ({}); write what the vendor makes of it, or look \
                 for somebody else who manages it; an edit or the annotation connector-operator.io/reconcile-at tries again",
                describe(changes)
            ),
        ),
    }
}

/// What a person reads where others keep what `name` asks for.
pub fn taken(name: &str, noun: &str, contest: &Contest, may_see: bool) -> Verdict {
    let one = |(label, holder): &(String, Holder)| match holder {
        _ if !may_see => format!("{noun} {label} is in use elsewhere"),
        Holder::Connector(connector) => format!("{noun} {label} belongs to {connector}"),
        Holder::Unmanaged(identity) | Holder::Leaving(identity) => {
            format!("{noun} {label} belongs to {identity} at the vendor, which nothing here manages")
        }
    };
    let mut parts: Vec<String> = contest.taken.iter().map(one).collect();
    if contest.taken_count > parts.len() {
        parts.push(format!("and {} more", contest.taken_count - parts.len()));
    }
    let advice =
        if may_see { "give it up there or here" } else { "give it up here, or ask the owner of the account" };
    conflict(format!("{name}: {}; {advice}. Nothing is written until then", parts.join("; ")))
}

/// What a person reads where several connectors would each have to give up everything before any of them could go on.
pub fn standoff(name: &str, noun: &str, contest: &Contest, may_see: bool) -> Verdict {
    conflict(format!(
        "{name}: every {noun} that it asks for is still with {}, and could only be given up if this one gave up all of its own first. Do it in two steps: let one of them keep or take something that no other asks for, and when that is done the rest",
        givers(contest, may_see)
    ))
}

/// What a person reads while it is not known whether a rename was applied.
pub fn rename_doubted(name: &str, to: &Identity) -> String {
    format!("{name}: its object may have been renamed to {to} at the vendor; a later list has to tell")
}

/// What a person reads while others have still to give up what `name` asks for.
pub fn waits_for_release(name: &str, noun: &str, contest: &Contest, may_see: bool) -> String {
    let count = contest.withheld.len();
    let what = if count == 1 { format!("one {noun}") } else { format!("{count} {noun}s") };
    format!("{name}: {what} is taken over once released by {}", givers(contest, may_see))
}

/// What a person reads while the account of one who may have what `name` would take over is not connected.
pub fn waits_for_account(name: &str, keeper: &ObjectKey, identity: &Identity, may_see: bool) -> String {
    let keeper = if may_see { keeper.to_string() } else { "another connector".into() };
    format!(
        "{name}: {identity} may be managed by {keeper}, whose account is not connected at present; it is not taken over before that is known"
    )
}

fn givers(contest: &Contest, may_see: bool) -> String {
    if !may_see {
        return "another connector".into();
    }
    let one = |giver: &Holder| match giver {
        Holder::Connector(connector) => connector.to_string(),
        Holder::Unmanaged(identity) => identity.to_string(),
        Holder::Leaving(identity) => format!("{identity}, which the vendor is deleting"),
    };
    let mut names: Vec<String> = contest.givers.iter().take(3).map(one).collect();
    if contest.givers.len() > names.len() {
        names.push("…".into());
    }
    names.join(", ")
}

fn conflict(message: String) -> Verdict {
    Verdict::stalled("Conflict", message)
}

/// `status.secrets` after a pass that saw `seen`; `written` says whether it sent the declared values.
pub fn secrets_status(
    facts: &SecretFacts,
    seen: &BTreeMap<String, SecretState>,
    written: bool,
) -> BTreeMap<String, SecretStatus> {
    let mut status = BTreeMap::new();
    for (field, state) in seen {
        let shown = SecretStatus {
            is_set: state.is_set,
            last_updated_at: state.last_updated_at.clone(),
            fingerprint: None,
        };
        let declared = facts.declared.get(field.as_str());
        let recorded = facts.recorded.get(field).filter(|recorded| recorded.fingerprint.is_some());
        let entry = match (declared, recorded) {
            (Some(declared), _) if written => {
                SecretStatus { fingerprint: Some(declared.fingerprint.clone()), ..shown }
            }
            // The time of our own write stays: a later one at the vendor is drift.
            (Some(_), Some(recorded)) => SecretStatus {
                is_set: state.is_set,
                last_updated_at: recorded.last_updated_at.clone().or(shown.last_updated_at),
                fingerprint: recorded.fingerprint.clone(),
            },
            _ => shown,
        };
        status.insert(field.clone(), entry);
    }
    // A vendor that tells nothing of a value must not make us send it again and again.
    for (field, declared) in facts.declared.iter().filter(|(field, _)| !seen.contains_key(**field)) {
        let recorded = facts.recorded.get(*field).filter(|recorded| recorded.fingerprint.is_some());
        let sent = written.then(|| SecretStatus {
            is_set: true,
            last_updated_at: None,
            fingerprint: Some(declared.fingerprint.clone()),
        });
        if let Some(entry) = sent.or_else(|| recorded.cloned()) {
            status.insert((*field).to_owned(), entry);
        }
    }
    status
}

/// The condition `SecretsInSync`, where the spec declares any write-only value.
pub fn secrets_in_sync(
    facts: &SecretFacts,
    seen: &BTreeMap<String, SecretState>,
) -> Option<FurtherCondition> {
    if facts.declared.is_empty() {
        return None;
    }
    let differing: Vec<&str> = secret_differences(facts, seen).into_iter().map(|(path, _)| path).collect();
    Some(if differing.is_empty() {
        ("SecretsInSync", "True", "InSync", "the vendor has the declared secrets".to_owned())
    } else {
        (
            "SecretsInSync",
            "False",
            "Different",
            format!("not what is declared at the vendor: {}", differing.join(", ")),
        )
    })
}

/// Publishes the event of a transition: a warning when something new stands in the way.
pub fn announce(
    events: &EventPublisher,
    regarding: &ObjectReference,
    before: &[Condition],
    verdict: &Verdict,
) {
    let known = before.iter().find(|condition| condition.type_ == "Ready");
    let same = known.is_some_and(|condition| condition.reason == verdict.reason);
    let in_the_way = verdict.ready == "False" && !matches!(verdict.progress, Progress::Rest);
    if in_the_way && !same {
        events.publish(Event {
            regarding: regarding.clone(),
            kind: EventType::Warning,
            reason: verdict.reason,
            action: "Reconcile",
            note: verdict.message.clone(),
        });
    }
}

/// Publishes that something was done.
pub fn done(events: &EventPublisher, regarding: &ObjectReference, reason: &'static str, note: String) {
    events.publish(Event {
        regarding: regarding.clone(),
        kind: EventType::Normal,
        reason,
        action: "Reconcile",
        note,
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::secret_facts::Declared;

    #[test]
    fn a_vendor_that_tells_nothing_of_a_value_for_once_does_not_make_us_send_it_again() {
        let fingerprint = "abc".to_owned();
        let declared = Declared { path: "options.key", fingerprint: fingerprint.clone() };
        let sent = SecretStatus {
            is_set: true,
            last_updated_at: Some("2026-01-01T00:00:00Z".into()),
            fingerprint: Some(fingerprint),
        };
        let recorded = BTreeMap::from([("key".to_owned(), sent)]);
        let facts = SecretFacts {
            declared: BTreeMap::from([("key", declared)]),
            recorded: recorded.clone(),
            overwrite_drift: true,
        };
        assert_eq!(secrets_status(&facts, &BTreeMap::new(), false), recorded);
    }
}
