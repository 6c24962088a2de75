//! What a status says: one verdict a pass, and the conditions that come of it. Pure.
//!
//! The rows are the table of semantics 9. Conditions never carry a moving time: `lastTransitionTime` stays while the status does, and a
//! status that says the same as the live one is not written.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;
use serde::Serialize;

/// The longest message of a condition, in characters.
const LONGEST_MESSAGE: usize = 1024;

/// How far a pass has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It is at rest.
    Rest,
    /// It works or waits, for this reason.
    Reconciling(&'static str),
    /// It waits for a person.
    Stalled,
}

/// One row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// `True`, `False` or `Unknown`.
    pub ready: &'static str,
    /// The reason of `Ready`, and of `Stalled`.
    pub reason: &'static str,
    /// What happened, to which object, and what to do.
    pub message: String,
    /// What goes beside it.
    pub progress: Progress,
}

impl Verdict {
    /// In sync.
    pub fn succeeded(message: impl Into<String>) -> Self {
        Self { ready: "True", reason: "Succeeded", message: message.into(), progress: Progress::Rest }
    }

    /// At rest with another reason than success.
    pub fn at_rest(ready: &'static str, reason: &'static str, message: impl Into<String>) -> Self {
        Self { ready, reason, message: message.into(), progress: Progress::Rest }
    }

    /// Working, creating, or waiting for the vendor.
    pub fn progressing(message: impl Into<String>) -> Self {
        Self {
            ready: "Unknown",
            reason: "Progressing",
            message: message.into(),
            progress: Progress::Reconciling("Progressing"),
        }
    }

    /// Our own call failed and is tried again.
    pub fn retrying(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            ready: "False",
            reason,
            message: message.into(),
            progress: Progress::Reconciling("ProgressingWithRetry"),
        }
    }

    /// Something that it depends on is missing.
    pub fn dependency(ready: &'static str, reason: &'static str, message: impl Into<String>) -> Self {
        Self { ready, reason, message: message.into(), progress: Progress::Reconciling("DependencyNotReady") }
    }

    /// A person has to act.
    pub fn stalled(reason: &'static str, message: impl Into<String>) -> Self {
        Self { ready: "False", reason, message: message.into(), progress: Progress::Stalled }
    }

    /// A delete does not get through.
    pub fn deletion_blocked(message: impl Into<String>) -> Self {
        Self {
            ready: "False",
            reason: "DeletionBlocked",
            message: message.into(),
            progress: Progress::Reconciling("DeletionBlocked"),
        }
    }
}

/// A condition beside the usual ones: type, status, reason, message.
pub type FurtherCondition = (&'static str, &'static str, &'static str, String);

/// The conditions after a pass, in a fixed order, keeping the transition times of `before`.
pub fn conditions(
    before: &[Condition],
    verdict: &Verdict,
    further: &[FurtherCondition],
    generation: i64,
    now: Timestamp,
) -> Vec<Condition> {
    let condition = |kind: &str, status: &str, reason: &str, message: &str| {
        let same = before.iter().find(|condition| condition.type_ == kind && condition.status == status);
        Condition {
            type_: kind.to_owned(),
            status: status.to_owned(),
            reason: reason.to_owned(),
            message: shortened(message),
            observed_generation: Some(generation),
            last_transition_time: same
                .map_or_else(|| Time(now), |condition| condition.last_transition_time.clone()),
        }
    };
    let mut conditions = vec![condition("Ready", verdict.ready, verdict.reason, &verdict.message)];
    match verdict.progress {
        Progress::Rest => {}
        Progress::Reconciling(reason) => {
            conditions.push(condition("Reconciling", "True", reason, &verdict.message));
        }
        Progress::Stalled => conditions.push(condition("Stalled", "True", verdict.reason, &verdict.message)),
    }
    conditions.extend(
        further.iter().map(|(kind, status, reason, message)| condition(kind, status, reason, message)),
    );
    conditions
}

/// The types of conditions that every pass speaks of.
const USUAL: [&str; 4] = ["Ready", "Reconciling", "Stalled", "Suspended"];

/// The conditions of `before` that a pass which said `now` did not speak of.
pub fn others_than(now: &[Condition], before: &[Condition]) -> Vec<Condition> {
    let is_spoken_of = |kind: &str| USUAL.contains(&kind) || now.iter().any(|said| said.type_ == kind);
    before.iter().filter(|known| !is_spoken_of(&known.type_)).cloned().collect()
}

/// Whether two statuses would be stored alike. Times are compared as they are written, in whole seconds.
pub fn is_same<S: Serialize>(live: &S, next: &S) -> bool {
    match (serde_json::to_value(live), serde_json::to_value(next)) {
        (Ok(live), Ok(next)) => live == next,
        _ => false,
    }
}

fn shortened(message: &str) -> String {
    if message.chars().nth(LONGEST_MESSAGE).is_none() {
        return message.to_owned();
    }
    message.chars().take(LONGEST_MESSAGE - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a valid time")
    }

    fn kinds(conditions: &[Condition]) -> Vec<String> {
        conditions.iter().map(|c| format!("{}={} {}", c.type_, c.status, c.reason)).collect()
    }

    #[test]
    fn reconciling_and_stalled_are_there_only_while_true_and_never_both() {
        for (verdict, expected) in [
            (Verdict::succeeded("x"), vec!["Ready=True Succeeded"]),
            (Verdict::progressing("x"), vec!["Ready=Unknown Progressing", "Reconciling=True Progressing"]),
            (
                Verdict::retrying("RateLimited", "x"),
                vec!["Ready=False RateLimited", "Reconciling=True ProgressingWithRetry"],
            ),
            (
                Verdict::stalled("InvalidSpec", "x"),
                vec!["Ready=False InvalidSpec", "Stalled=True InvalidSpec"],
            ),
            (
                Verdict::dependency("False", "SecretNotFound", "x"),
                vec!["Ready=False SecretNotFound", "Reconciling=True DependencyNotReady"],
            ),
        ] {
            assert_eq!(kinds(&conditions(&[], &verdict, &[], 1, at(1))), expected);
        }
    }

    #[test]
    fn a_transition_time_moves_only_when_the_status_does() {
        let first = conditions(&[], &Verdict::succeeded("one"), &[], 1, at(100));
        let second = conditions(&first, &Verdict::succeeded("two"), &[], 2, at(200));
        assert_eq!(second[0].last_transition_time, Time(at(100)));
        let third = conditions(&second, &Verdict::progressing("three"), &[], 2, at(300));
        assert_eq!(third[0].last_transition_time, Time(at(300)));
    }

    #[test]
    fn what_a_pass_does_not_speak_of_can_stay_as_it_was() {
        let further = [("Connected", "True", "Connected", "x".to_owned())];
        let before = conditions(&[], &Verdict::stalled("Conflict", "x"), &further, 1, at(1));
        let now = conditions(&before, &Verdict::progressing("y"), &[], 2, at(2));
        assert_eq!(kinds(&others_than(&now, &before)), ["Connected=True Connected"]);
        let gone = [("Connected", "False", "Disconnected", "x".to_owned())];
        let now = conditions(&before, &Verdict::progressing("y"), &gone, 2, at(2));
        assert!(others_than(&now, &before).is_empty(), "it was spoken of");
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let verdict = Verdict::progressing("ü".repeat(5000));
        let conditions = conditions(&[], &verdict, &[], 1, at(1));
        assert_eq!(conditions[0].message.chars().count(), LONGEST_MESSAGE);
    }
}
