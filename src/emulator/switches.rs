//! Switches: each question about a vendor that no document answers, with the answers it may have.
//!
//! A vendor declares its switches as types with [`choices!`] and reads them by type; people set them by name, at start or
//! while the emulator runs. This module knows no vendor and no switch.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use serde::Serialize;

/// What may be set: a name, the question behind it, and its answers.
#[derive(Debug, Clone, Copy)]
pub struct Switch {
    /// `vendor.question`, for example `onomondo.options-patch`.
    pub name: &'static str,
    /// The question, for people.
    pub question: &'static str,
    /// What it may be set to.
    pub answers: Answers,
    /// The answer where nobody sets one.
    pub default: &'static str,
}

/// What a switch may be set to.
#[derive(Debug, Clone, Copy)]
pub enum Answers {
    /// One of these words, each with what it means.
    OneOf(&'static [(&'static str, &'static str)]),
    /// A whole number from 0 to this one.
    WholeNumber(u32),
}

/// A switch as the control API shows it.
#[derive(Debug, Serialize)]
pub struct SwitchState {
    /// The answer in force.
    pub value: String,
    /// The answer where nobody sets one.
    pub default: &'static str,
    /// The question, for people.
    pub question: &'static str,
    /// Each answer with what it means.
    pub answers: BTreeMap<String, &'static str>,
}

/// A switch that is read by type. Implemented by [`choices!`].
pub(super) trait Choice: Sized {
    const SWITCH: Switch;
    fn from_word(word: &str) -> Option<Self>;
    fn fallback() -> Self;
}

/// The answers in force.
#[derive(Debug)]
pub struct Switches {
    known: Vec<Switch>,
    answers: RwLock<Answered>,
}

/// The answers at one moment: a request reads all its switches from one of these.
#[derive(Debug, Clone, Default)]
pub(super) struct Answered(Arc<BTreeMap<&'static str, String>>);

impl Switches {
    pub(super) fn new(known: Vec<Switch>) -> Self {
        Self { known, answers: RwLock::default() }
    }

    /// Every switch, in the order in which its vendor declares it.
    pub fn known(&self) -> &[Switch] {
        &self.known
    }

    /// Sets one switch. The error says what can be set instead.
    pub fn set(&self, name: &str, value: &str) -> Result<(), String> {
        self.set_all([(name, value)])
    }

    /// Sets all of these, or none where one of them is unknown or has no such answer.
    pub fn set_all<'a>(&self, values: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<(), String> {
        let values =
            values.into_iter().map(|(name, value)| self.check(name, value)).collect::<Result<Vec<_>, _>>()?;
        let mut answers = self.answers.write().unwrap_or_else(PoisonError::into_inner);
        Arc::make_mut(&mut answers.0).extend(values);
        Ok(())
    }

    /// Sets every switch to its default.
    pub fn reset(&self) {
        *self.answers.write().unwrap_or_else(PoisonError::into_inner) = Answered::default();
    }

    /// Every switch with the answer in force, by name.
    pub fn states(&self) -> BTreeMap<&'static str, SwitchState> {
        let answered = self.answered();
        self.known.iter().map(|switch| (switch.name, answered.state_of(switch))).collect()
    }

    pub(super) fn answered(&self) -> Answered {
        self.answers.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn check(&self, name: &str, value: &str) -> Result<(&'static str, String), String> {
        let switch = self.known.iter().find(|switch| switch.name == name).ok_or_else(|| {
            let names = self.known.iter().map(|switch| switch.name).collect::<Vec<_>>().join(", ");
            format!("there is no switch {name:?}; there are: {names}")
        })?;
        if switch.answers.allow(value) {
            return Ok((switch.name, value.to_owned()));
        }
        Err(format!("switch {name} cannot be {value:?}; it can be {}", switch.answers.listed()))
    }
}

impl Answered {
    /// The answer to the switch that `C` stands for.
    pub(super) fn choice<C: Choice>(&self) -> C {
        self.0.get(C::SWITCH.name).and_then(|word| C::from_word(word)).unwrap_or_else(C::fallback)
    }

    /// The answer to a switch whose answers are whole numbers.
    pub(super) fn whole_number(&self, switch: &Switch) -> u32 {
        self.value_of(switch).parse().unwrap_or_default()
    }

    fn value_of<'a>(&'a self, switch: &Switch) -> &'a str {
        self.0.get(switch.name).map_or(switch.default, String::as_str)
    }

    fn state_of(&self, switch: &Switch) -> SwitchState {
        let answers = match switch.answers {
            Answers::OneOf(words) => {
                words.iter().map(|(word, meaning)| ((*word).to_owned(), *meaning)).collect()
            }
            Answers::WholeNumber(most) => BTreeMap::from([(format!("0–{most}"), "a whole number")]),
        };
        SwitchState {
            value: self.value_of(switch).to_owned(),
            default: switch.default,
            question: switch.question,
            answers,
        }
    }
}

impl Answers {
    fn allow(&self, value: &str) -> bool {
        match self {
            Self::OneOf(words) => words.iter().any(|(word, _)| *word == value),
            Self::WholeNumber(most) => value.parse::<u32>().is_ok_and(|number| number <= *most),
        }
    }

    fn listed(&self) -> String {
        match self {
            Self::OneOf(words) => words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", "),
            Self::WholeNumber(most) => format!("a whole number from 0 to {most}"),
        }
    }
}

/// Declares a switch as an enum: its name, its question, and each answer as a variant with its word and its meaning. The
/// first answer is the default.
macro_rules! choices {
    ($(
        $(#[doc = $question:literal])+
        $type:ident = $name:literal {
            $first:ident = $first_word:literal: $first_meaning:literal,
            $($other:ident = $other_word:literal: $other_meaning:literal,)+
        }
    )+) => {
        $(
            #[derive(Debug, Clone, Copy, PartialEq, Eq)]
            pub(super) enum $type {
                $first,
                $($other,)+
            }

            impl $crate::emulator::switches::Choice for $type {
                const SWITCH: $crate::emulator::switches::Switch = $crate::emulator::switches::Switch {
                    name: $name,
                    question: concat!($($question),+).trim_ascii(),
                    answers: $crate::emulator::switches::Answers::OneOf(&[
                        ($first_word, $first_meaning),
                        $(($other_word, $other_meaning),)+
                    ]),
                    default: $first_word,
                };

                fn from_word(word: &str) -> Option<Self> {
                    match word {
                        $first_word => Some(Self::$first),
                        $($other_word => Some(Self::$other),)+
                        _ => None,
                    }
                }

                fn fallback() -> Self {
                    Self::$first
                }
            }
        )+

        /// Every switch declared here.
        pub(super) const CHOICES: &[$crate::emulator::switches::Switch] =
            &[$(<$type as $crate::emulator::switches::Choice>::SWITCH,)+];
    };
}
pub(super) use choices;
