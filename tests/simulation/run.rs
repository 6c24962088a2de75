//! Runs one scenario from its beginning to its end: people and weather, then rest, then the question whether everything is as declared and quiet.

use super::ending;
use super::kubernetes::Resource;
use super::people::{self, carry_out};
use super::referee::Violation;
use super::replicas::{NAMESPACE, keep_running};
use super::scenario::Scenario;
use super::specs;
use super::tally::Tally;
use super::weather::{Episode, Trouble};
use super::world::{BEGINNING, World};
use connector_operator::clock;
use connector_operator::engine::start::KEY_SECRET;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// What came of a scenario.
pub struct Report {
    pub violations: Vec<Violation>,
    pub tally: Tally,
    /// What tells two histories apart.
    pub hash: u64,
    /// How many boundaries there are at which the process can die before everything has come to rest.
    pub boundaries: u64,
    /// In words, where they were asked for.
    pub lines: Vec<String>,
}

/// How a scenario is run.
#[derive(Debug, Clone, Copy, Default)]
pub struct How {
    /// The process dies at the boundary of that number.
    pub crash_at: Option<u64>,
    /// Whether the words of the trace are kept.
    pub tell: bool,
}

/// Runs a scenario, in this thread and in no time.
pub fn run(scenario: &Scenario, how: How) -> Report {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    fastrand::seed(scenario.seed);
    runtime.block_on(async {
        let world = World::new(scenario, how.crash_at, how.tell);
        let _clock = clock::read_from(operator_clock(&world));
        live(&world, scenario).await;
        let state = &mut *world.state();
        Report {
            violations: state.referee.violations().to_vec(),
            tally: std::mem::take(&mut state.tally),
            hash: state.trace.hash(),
            boundaries: state.boundaries_to_rest.unwrap_or(state.boundaries),
            lines: state.trace.lines().to_vec(),
        }
    })
}

async fn live(world: &Arc<World>, scenario: &Scenario) {
    furnish(world).await;
    for replica in 0..scenario.replicas {
        tokio::spawn(keep_running(Arc::clone(world), replica, scenario.replicas > 1));
    }
    for episode in scenario.weather.iter().filter(|episode| episode.trouble.is_moment()) {
        tokio::spawn(moment(Arc::clone(world), episode.clone()));
    }
    for (at, act) in &scenario.acts {
        sleep_until(world.began + *at).await;
        carry_out(world, act).await;
    }
    sleep_until(world.began + scenario.rest).await;
    world.tell(|| "people and weather come to rest".to_owned());
    ending::comes(world).await;
}

/// What is there before anything happens: namespaces, the way to the Data Hub's tokens, and the key that an earlier process made.
async fn furnish(world: &World) {
    let namespaces = super::remote::Vendor::ALL.map(specs::namespace);
    for namespace in namespaces.into_iter().chain([NAMESPACE, specs::GUESTS]) {
        let body = json!({ "metadata": { "name": namespace } });
        people::kubectl(
            world,
            http::Method::POST,
            &Resource::named("namespaces").plural,
            "",
            namespace,
            body,
        );
    }
    let token_endpoint = "https://uswe.datahub.connect.aveva.com/identity/connect/token";
    let discovery = json!({ "token_endpoint": token_endpoint });
    people::at_vendor(world, "PUT", "/_emulator/omf/discovery", &discovery).await;
    people::put_secret(world, NAMESPACE, KEY_SECRET, &json!({ "key": "0123456789abcdef0123456789abcdef" }));
}

/// What happens at one moment.
async fn moment(world: Arc<World>, episode: Episode) {
    sleep_until(world.began + episode.from).await;
    let Episode { trouble, replica, .. } = episode;
    world.tell(|| format!("{trouble:?}"));
    world.state().tally.met(trouble);
    match trouble {
        Trouble::Compaction => world.api.compact(),
        Trouble::ClockJump => {
            let hours = i64::try_from(replica).unwrap_or(0) * 2 - 1;
            world.clock_jumps(hours * 3_600_000);
        }
        Trouble::Crash => {
            let line = world.state().lines.get(replica).cloned().flatten();
            if let Some(line) = line {
                line.sever();
            }
        }
        other => unreachable!("{other:?} takes its time"),
    }
}

/// The operator's wall clock: it begins with the world, moves with simulated time, and jumps where the weather says so.
fn operator_clock(world: &Arc<World>) -> impl Fn() -> Timestamp + 'static {
    let (world, began) = (Arc::clone(world), Instant::now());
    let start: Timestamp = BEGINNING.parse().expect("a time");
    move || {
        let elapsed = SignedDuration::try_from(began.elapsed()).unwrap_or(SignedDuration::MAX);
        let ahead = world.clock_ahead();
        start
            .saturating_add(elapsed)
            .and_then(|now| now.saturating_add(SignedDuration::from_millis(ahead)))
            .unwrap_or(start)
    }
}

/// The longest that a world may take to come to rest: the longest hold of an account, and the half hour after which what has stalled is looked at
/// again.
pub const LONGEST_SETTLING: Duration = Duration::from_mins(75);
