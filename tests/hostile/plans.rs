//! From what is declared to what is done, with rows that nobody expected: a plan is total, writes nothing unless it manages, and what it writes
//! leaves nothing to write.

use std::cell::Cell;
use std::fmt::Debug;
use std::time::Duration;

use connector_operator::api::ManagementPolicy;
use connector_operator::engine::convergence::Convergence;
use connector_operator::engine::exclusives::Contest;
use connector_operator::engine::object::ObjectKey;
use connector_operator::engine::own::Own;
use connector_operator::engine::plan::{Facts, Plan, plan};
use connector_operator::engine::secret_facts::SecretFacts;
use connector_operator::engine::vendor::{Desired, Phase, SecretValues, Updated, WhenAbsent, Withheld};
use connector_operator::remote::{RemoteItem, Snapshot};
use connector_operator::vendors::{apono::Apono, omf::Omf, onomondo::Onomondo};
use http::Method;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestRunner;
use secrecy::SecretString;
use serde_json::Value;
use tokio::time::Instant;

use crate::canned::{Answer, connection};
use crate::decoders::{entry, in_paused_time};
use crate::laws::config;
use crate::mutation::{Edit, edited, edits};
use crate::vendors::Subject;

static NOTHING: Withheld = Withheld::new();

/// The specs of a vendor, changed in any way that its types allow.
fn spec<V: Subject>(which: Index, edits: &[Edit]) -> Option<V::ConnectorSpec> {
    let mut spec = which.get(&V::specs()).clone();
    edited(&mut spec, edits);
    serde_json::from_value(spec).ok()
}

fn rows<V: Subject>(edits: &[Edit]) -> Option<Vec<V::Item>>
where
    V::Item: serde::de::DeserializeOwned,
{
    let mut rows = Value::from(V::rows());
    edited(&mut rows, edits);
    serde_json::from_str(&rows.to_string()).ok()
}

fn planned<V: Subject>(
    spec: &V::ConnectorSpec,
    policy: ManagementPolicy,
    rows: &[V::Item],
    recorded: bool,
) -> Plan
where
    V::Item: Clone,
{
    let mut snapshot = Snapshot::new(Duration::ZERO);
    let recorded = rows.first().filter(|_| recorded).map(RemoteItem::identity);
    for _ in 0..2 {
        let ticket = snapshot.begin_list(Instant::now());
        snapshot.apply(ticket, rows.to_vec());
    }
    let me = ObjectKey::new("iot", "plant-a");
    let facts = Facts::<V> {
        me: &me,
        spec,
        policy,
        adoption: connector_operator::api::ConnectorSpec::adoption_policy(spec),
        consents_to_clearing: false,
        own: Own { recorded, ..Own::default() },
        claim_is_anothers: false,
        winner: None,
        is_anothers: false,
        keeper: None,
        contest: Contest::default(),
        when_absent: WhenAbsent::Create,
        snapshot: &snapshot,
        secrets: &SecretFacts::default(),
        absence_from: Instant::now(),
    };
    plan(&facts, &Convergence::default())
}

fn is_total_and_permitted<V: Subject>()
where
    V::Item: Clone + serde::de::DeserializeOwned,
{
    let (planned_at_all, writing) = (Cell::new(0_u32), Cell::new(0_u32));
    let strategy = (any::<Index>(), edits(2), edits(3), any::<bool>());
    let run = TestRunner::new(config()).run(&strategy, |(which, of_spec, of_rows, recorded)| {
        let (Some(spec), Some(rows)) = (spec::<V>(which, &of_spec), rows::<V>(&of_rows)) else {
            return Ok(());
        };
        for policy in [ManagementPolicy::Manage, ManagementPolicy::Observe, ManagementPolicy::Plan] {
            let plan = in_paused_time(async { planned::<V>(&spec, policy, &rows, recorded) });
            let writes = matches!(plan, Plan::Create(_) | Plan::Forget(_) | Plan::Update(_));
            prop_assert!(!writes || policy == ManagementPolicy::Manage, "{:?} under {:?}", plan, policy);
            planned_at_all.set(planned_at_all.get() + 1);
            writing.set(writing.get() + u32::from(writes));
        }
        Ok(())
    });
    run.unwrap_or_else(|failure| panic!("{}: {failure}", V::NAME));
    let (all, writing) = (planned_at_all.get(), writing.get());
    println!("{:10} {all} plans, {writing} of them write", V::NAME);
    assert!(writing > all / 20, "{}: hardly a plan wrote: {writing} of {all}", V::NAME);
}

/// A vendor that has this row, does what a write says, and answers with what it has then.
fn leaves_nothing<V: Subject>()
where
    V::Item: Clone + Debug + serde::de::DeserializeOwned,
{
    let (written, alike) = (Cell::new(0_u32), Cell::new(0_u32));
    let strategy = (any::<Index>(), any::<Index>(), edits(4));
    let run = TestRunner::new(config()).run(&strategy, |(which, row, of_row)| {
        let spec = spec::<V>(which, &[]).expect("a spec");
        let mut row = row.get(&V::rows()).clone();
        edited(&mut row, &of_row);
        // Serde takes a list of values for an object, too; nobody writes to such a row here.
        if !row.is_object() {
            return Ok(());
        }
        let Ok(item) = serde_json::from_str::<V::Item>(&row.to_string()) else { return Ok(()) };
        if V::phase(&item) != Phase::Settled {
            return Ok(());
        }
        let client = V::client(connection(&[usize::MAX], move |request| {
            let body = serde_json::from_slice(request.body()).unwrap_or_default();
            let now = if request.method() == Method::GET { row.clone() } else { V::written(&row, &body) };
            Answer::new(200, now.to_string().as_bytes())
        }));
        let changes = V::changes(&spec, "plant-a", &NOTHING, &item);
        if changes.is_empty() {
            alike.set(alike.get() + 1);
            return Ok(());
        }
        let fields = V::secret_fields(&spec);
        let secrets: SecretValues =
            fields.iter().map(|field| (field.field, SecretString::from("value"))).collect();
        let desired = Desired { object_name: "plant-a", spec: &spec, withheld: &NOTHING, secrets: &secrets };
        let updated = in_paused_time(async { V::update(&client, &entry(item), &desired, &changes).await });
        let Ok(Updated::Written(item)) = updated else {
            return Err(TestCaseError::fail(format!("{changes:?} ended in {updated:?}")));
        };
        let left = V::changes(&spec, "plant-a", &NOTHING, &item);
        prop_assert!(left.is_empty(), "{:?} is left of {:?}", left, changes);
        written.set(written.get() + 1);
        Ok(())
    });
    run.unwrap_or_else(|failure| panic!("{}: {failure}", V::NAME));
    println!("{:10} {} written, {} as declared already", V::NAME, written.get(), alike.get());
    assert!(written.get() > 10, "{}: hardly anything was written", V::NAME);
}

#[test]
fn a_plan_is_total_and_writes_only_where_it_manages() {
    is_total_and_permitted::<Onomondo>();
    is_total_and_permitted::<Apono>();
    is_total_and_permitted::<Omf>();
}

#[test]
fn what_is_written_leaves_nothing_to_write_whatever_the_row_was_like() {
    leaves_nothing::<Onomondo>();
    leaves_nothing::<Apono>();
    leaves_nothing::<Omf>();
}
