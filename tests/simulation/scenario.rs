//! What happens in one world, as data: how it is made, what people do and when, and the weather. Drawn from a seed before anything runs, so that
//! a part of it can be left out to find the shortest history that still breaks a promise.

use super::acts::{Act, draw};
use super::clusters;
use super::dice::Dice;
use super::specs;
use super::weather::{Episode, Trouble};
use std::time::Duration;

/// See the module.
#[derive(Debug, Clone)]
pub struct Scenario {
    pub seed: u64,
    /// How many replicas of the operator there are; with more than one they elect a leader.
    pub replicas: usize,
    /// Answers to what no document of the vendors answers.
    pub switches: Vec<(String, String)>,
    /// What people do, in its order.
    pub acts: Vec<(Duration, Act)>,
    pub weather: Vec<Episode>,
    /// When people and weather come to rest.
    pub rest: Duration,
}

impl Scenario {
    /// The scenario of a seed.
    pub fn of(seed: u64) -> Self {
        let dice = &mut Dice::of(seed, "scenario");
        let rest = dice.seconds(60, 600);
        let replicas = if dice.chance(0.25) { 2 } else { 1 };
        let switches = specs::switches(dice);
        let mut acts = draw(dice, rest);
        acts.extend(clusters::draw(&mut Dice::of(seed, "other clusters"), rest));
        // Sorted by time alone: what happens at one moment stays in the order in which it was drawn.
        acts.sort_by_key(|(at, _)| *at);
        let episodes = dice.between(0, 6);
        let mut weather: Vec<Episode> = (0..episodes).map(|_| Episode::draw(dice, rest)).collect();
        if switches.iter().any(|(name, value)| name == "onomondo.duplicate-name" && value == "allowed") {
            // Where the vendor refuses no second, its lists have to be whole (semantics, 2).
            weather.retain(|episode| episode.trouble != Trouble::VendorListsShrink);
        }
        if weather.iter().any(|episode| episode.trouble == Trouble::VendorListsShrink) {
            // Whoever believes a list that is not true has consented to what follows of it.
            acts.retain(|(_, act)| !matches!(act, Act::AcceptSnapshot { .. }));
        }
        Self { seed, replicas, switches, acts, weather, rest }
    }

    /// A world with the same people, in which nothing goes wrong.
    pub fn in_fair_weather(mut self) -> Self {
        self.weather.clear();
        self
    }

    /// What a person reads of it.
    pub fn describe(&self) -> String {
        use std::fmt::Write;
        let mut text = format!("seed {}, {} replica(s), {:?}\n", self.seed, self.replicas, self.switches);
        for (at, act) in &self.acts {
            let _ = writeln!(text, "  {:>8.3}s  {act}", at.as_secs_f64());
        }
        for Episode { trouble, from, until, rate, replica } in &self.weather {
            let (from, until) = (from.as_secs_f64(), until.as_secs_f64());
            let _ =
                writeln!(text, "  {from:>8.3}s  to {until:.3}s: {trouble:?}, rate {rate}, replica {replica}");
        }
        text
    }
}
