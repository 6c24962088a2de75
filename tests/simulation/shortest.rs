//! From a history that breaks a promise to the shortest one that still breaks the same: acts and episodes are left out as long as that goes.

use super::run::{How, Report, run};
use super::scenario::Scenario;

/// How many histories are tried at most.
const MOST_TRIES: usize = 400;

/// The shortest scenario found that breaks a promise that `broken` breaks, and how it is run.
pub fn shortest(scenario: &Scenario, how: How, promise: &str) -> Scenario {
    let mut best = scenario.clone();
    let mut tries = 0;
    loop {
        let before = size(&best);
        for kind in [Kind::Weather, Kind::Acts] {
            let mut chunk = kind.len(&best).div_ceil(2);
            while chunk > 0 && tries < MOST_TRIES {
                let mut from = 0;
                while from < kind.len(&best) && tries < MOST_TRIES {
                    let mut candidate = best.clone();
                    kind.remove(&mut candidate, from, chunk);
                    tries += 1;
                    if breaks(&run(&candidate, how), promise) {
                        best = candidate;
                    } else {
                        from += chunk;
                    }
                }
                chunk /= 2;
            }
        }
        if size(&best) == before || tries >= MOST_TRIES {
            return best;
        }
    }
}

fn breaks(report: &Report, promise: &str) -> bool {
    report.violations.iter().any(|violation| violation.promise == promise)
}

fn size(scenario: &Scenario) -> usize {
    scenario.acts.len() + scenario.weather.len()
}

#[derive(Clone, Copy)]
enum Kind {
    Acts,
    Weather,
}

impl Kind {
    fn len(self, scenario: &Scenario) -> usize {
        match self {
            Self::Acts => scenario.acts.len(),
            Self::Weather => scenario.weather.len(),
        }
    }

    fn remove(self, scenario: &mut Scenario, from: usize, many: usize) {
        let until = (from + many).min(self.len(scenario));
        match self {
            Self::Acts => drop(scenario.acts.drain(from..until)),
            Self::Weather => drop(scenario.weather.drain(from..until)),
        }
    }
}
