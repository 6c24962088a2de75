//! How a world ends: everything as it was declared, or said why not; and then quiet for ever.

use super::declared::Declared;
use super::expectations::unmet;
use super::remote::{Vendor, all};
use super::run::LONGEST_SETTLING;
use super::world::World;
use std::time::Duration;
use tokio::time::sleep;

const STABLE: &str = "7: everything is as declared in the end, or says why not";
const QUIET: &str = "1: nothing is written when nothing changes";
const LISTS: &str = "4: a quiet account costs one list an interval";

/// How often a world that comes to rest is looked at.
const LOOK: Duration = Duration::from_secs(20);
/// The longest interval between two lists, with its jitter.
const INTERVAL: Duration = Duration::from_secs(66);
/// How many quiet intervals are waited for.
const INTERVALS: u32 = 10;

/// Waits for the end, and judges it.
pub async fn comes(world: &World) {
    let began = world.now();
    let mut quiet_since = world.now();
    let mut written = writes(world);
    loop {
        sleep(LOOK).await;
        let now = writes(world);
        if now != written {
            written = now;
            quiet_since = world.now();
        }
        // An account that is held says nothing new before its list is too old (semantics, 7).
        let is_quiet = world.now() >= quiet_since + 6 * INTERVAL;
        if is_quiet && all_unmet(world).is_empty() {
            break;
        }
        if world.now() > began + LONGEST_SETTLING {
            let unmet = all_unmet(world);
            let at = world.now();
            let state = &mut *world.state();
            for what in &unmet {
                state.referee.breaks(at, STABLE, what.clone());
            }
            if unmet.is_empty() {
                state.referee.breaks(at, QUIET, format!("{written:?} writes, and no end to them"));
            }
            return;
        }
    }
    stays_quiet(world).await;
}

async fn stays_quiet(world: &World) {
    world.tell(|| "everything is as declared; now nothing may happen".to_owned());
    {
        let mut state = world.state();
        state.boundaries_to_rest = Some(state.boundaries);
    }
    let (written, lists) = (writes(world), world.state().referee.lists);
    sleep(INTERVAL * INTERVALS).await;
    let at = world.now();
    let (now, more) = (writes(world), world.state().referee.lists - lists);
    let state = &mut *world.state();
    state.tally.tests(STABLE);
    state.tally.tests(QUIET);
    state.tally.tests(LISTS);
    if now != written {
        state.referee.breaks(
            at,
            QUIET,
            format!("{now:?} writes at the vendors and in Kubernetes, and {written:?} before"),
        );
    }
    // The shortest interval of a world is 15 seconds, and its jitter a tenth.
    let most = 3 * u64::from(INTERVALS) * 5;
    if more > most {
        state.referee.breaks(at, LISTS, format!("{more} lists in {INTERVALS} intervals of {INTERVAL:?}"));
    }
}

fn writes(world: &World) -> (u64, u64) {
    let referee = &world.state().referee;
    (referee.vendor_writes, referee.kubernetes_writes)
}

/// What is not as it should be.
fn all_unmet(world: &World) -> Vec<String> {
    let remotes = all(&world.emulator.state());
    let declared: Vec<Declared> = {
        let store = world.api.store();
        let keys: Vec<_> =
            Vendor::ALL.iter().flat_map(|vendor| store.ever(vendor.connectors())).cloned().collect();
        keys.iter().filter_map(|key| Declared::new(key, store.get(key)?.clone())).collect()
    };
    declared.iter().filter_map(|one| unmet(one, &declared, &remotes, world)).collect()
}
