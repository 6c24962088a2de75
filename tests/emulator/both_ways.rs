//! Every switch, seen under each of its answers: what the stories of all vendors' switches share.
//!
//! A story is one sequence of requests and what was seen of it; beside it stands what each answer of the switch makes of it.
//! No two answers may look alike, and no answer may be missing.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;

use connector_operator::emulator::{Answers, Configuration, Emulator};
use serde_json::Value;

use crate::support::Vendor;

pub(crate) type Told = Pin<Box<dyn Future<Output = Value>>>;

/// Tells the story under each answer and compares what was seen.
pub(crate) async fn check(switch: &str, story: fn(Vendor) -> Told, expected: &[(&str, Value)]) {
    let known = Emulator::new(Configuration::default()).unwrap();
    let known =
        known.switches().known().iter().find(|known| known.name == switch).expect("a switch of this name");
    if let Answers::OneOf(words) = known.answers {
        let words = words.iter().map(|(word, _)| *word).collect::<Vec<_>>();
        let told = expected.iter().map(|(answer, _)| *answer).collect::<Vec<_>>();
        assert_eq!(told, words, "{switch} has these answers");
    }
    let mut seen = BTreeMap::new();
    for (answer, expected) in expected {
        let told = story(Vendor::with_switches(&[(switch, answer)])).await;
        assert_eq!(told, *expected, "{switch}={answer}");
        if let Some(twin) = seen.insert(told.to_string(), answer) {
            panic!("{switch} looks the same as {twin} and as {answer}");
        }
        if *answer == known.default {
            assert_eq!(story(Vendor::new()).await, *expected, "{switch} is {answer} where nobody sets it");
        }
    }
}

/// The names of this vendor's switches.
pub(crate) fn switches_of(vendor: &str) -> BTreeSet<&'static str> {
    let known = Emulator::new(Configuration::default()).unwrap();
    let names = known.switches().known().iter().map(|switch| switch.name);
    names.filter(|name| name.split('.').next() == Some(vendor)).collect()
}

/// Stories of the switches of one vendor, whose names begin with this prefix: all of them have to be there.
macro_rules! stories {
    ($vendor:literal; $($name:ident: $switch:literal, $story:expr, { $($answer:literal => $seen:tt,)+ })+) => {
        $(
            #[tokio::test(start_paused = true)]
            async fn $name() {
                let story: fn($crate::support::Vendor) -> $crate::both_ways::Told =
                    |vendor| Box::pin(async move { $story(vendor).await });
                $crate::both_ways::check($switch, story, &[$(($answer, serde_json::json!($seen)),)+]).await;
            }
        )+

        #[test]
        fn every_switch_has_a_story() {
            let told = std::collections::BTreeSet::from([$($switch,)+]);
            assert_eq!(told, $crate::both_ways::switches_of($vendor));
        }
    };
}
pub(crate) use stories;
