//! What a POST makes and what a PATCH makes of a connector. Pure: the time and the switches are passed in.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::draft::Draft;
use super::refusal::Refusal;
use super::shape::{self, Required, Shape};
use super::state::Tag;
use super::store::{Connector, SecretState};
use super::switches::{
    ClearSecret, OptionsPatch, SameSecret, SecretTimestamps, TlsSecrets, UnknownOption, UnknownTag,
};
use crate::emulator::redaction::hexadecimal_digest;
use crate::emulator::switches::Answered;

type Options = Map<String, Value>;
type Secrets = BTreeMap<String, SecretState>;

/// What a change is judged by.
pub(super) struct Rules<'a> {
    pub(super) switches: &'a Answered,
    /// The organisation's tags, by id.
    pub(super) tags: &'a BTreeMap<String, Tag>,
    pub(super) now: Timestamp,
}

/// Which options a body has to hold.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// All that are required; whatever is left out is not there.
    Whole,
    /// Any; what is left out stays.
    Part,
}

impl Rules<'_> {
    /// The connector that a POST makes.
    pub(super) fn create(&self, draft: Draft, id: u64, uuid: String) -> Result<Connector, Refusal> {
        let name = draft.name.ok_or_else(|| Refusal::invalid("missing_name", "name is required"))?;
        let type_name =
            draft.type_name.ok_or_else(|| Refusal::invalid("missing_type", "type is required"))?;
        let shape = documented(&type_name)?;
        let given = draft.options.unwrap_or_default();
        let (options, secrets) =
            self.options(Some(shape), (Options::new(), self.unset(shape)), &given, Extent::Whole)?;
        Ok(Connector {
            id,
            uuid,
            name,
            type_name,
            passthrough: draft.passthrough.unwrap_or_default(),
            tags: self.tags(draft.tags.unwrap_or_default())?,
            options,
            secrets,
            further: Map::new(),
        })
    }

    /// What a PATCH makes of `present`.
    pub(super) fn patch(&self, present: &Connector, draft: Draft) -> Result<Connector, Refusal> {
        let mut next = present.clone();
        let new_type = draft.type_name.filter(|type_name| *type_name != present.type_name);
        if let Some(type_name) = new_type {
            let shape = documented(&type_name)?;
            let missing =
                || Refusal::invalid("missing_options", "a change of type needs the new type's options");
            let given = draft.options.ok_or_else(missing)?;
            (next.options, next.secrets) =
                self.options(Some(shape), (Options::new(), self.unset(shape)), &given, Extent::Whole)?;
            next.type_name = type_name;
        } else if let Some(given) = draft.options {
            (next.options, next.secrets) = self.patch_options(present, &given)?;
        }
        if let Some(name) = draft.name {
            next.name = name;
        }
        if let Some(passthrough) = draft.passthrough {
            next.passthrough = passthrough;
        }
        if let Some(tags) = draft.tags {
            next.tags = self.tags(tags)?;
        }
        if self.switches.choice::<SecretTimestamps>() == SecretTimestamps::All {
            next.secrets.values_mut().for_each(|secret| secret.last_updated_at = self.now);
        }
        Ok(next)
    }

    fn patch_options(&self, present: &Connector, given: &Options) -> Result<(Options, Secrets), Refusal> {
        let shape = shape::of_type(&present.type_name);
        let mut secrets = present.secrets.clone();
        match self.switches.choice() {
            OptionsPatch::Merge => {
                self.options(shape, (present.options.clone(), secrets), given, Extent::Part)
            }
            OptionsPatch::Replace => {
                let left_out = secrets.iter_mut().filter(|(name, _)| !given.contains_key(*name));
                left_out.for_each(|(_, secret)| secret.clear(self.now));
                self.options(shape, (Options::new(), secrets), given, Extent::Whole)
            }
        }
    }

    /// Writes `given` over what is there. An undocumented type takes anything.
    fn options(
        &self,
        shape: Option<&Shape>,
        (mut options, mut secrets): (Options, Secrets),
        given: &Options,
        extent: Extent,
    ) -> Result<(Options, Secrets), Refusal> {
        for (name, value) in given {
            if let Some(secret) = secrets.get_mut(name) {
                self.write_secret(name, secret, value)?;
            } else if let Some(option) = shape.and_then(|shape| shape.option(name)) {
                if !option.holds.admits(value) {
                    return Err(invalid_option(name));
                }
                options.insert(name.clone(), value.clone());
            } else {
                self.write_unknown(shape, &mut options, name, value)?;
            }
        }
        if let Some(shape) = shape {
            self.check_required(shape, &options, &secrets, given, extent)?;
        }
        Ok((options, secrets))
    }

    fn write_unknown(
        &self,
        shape: Option<&Shape>,
        options: &mut Options,
        name: &str,
        value: &Value,
    ) -> Result<(), Refusal> {
        let answer = if shape.is_some() { self.switches.choice() } else { UnknownOption::Kept };
        match answer {
            // Another type's secret: never to read back.
            UnknownOption::Kept if shape::is_secret(name) => {}
            UnknownOption::Kept => drop(options.insert(name.to_owned(), value.clone())),
            UnknownOption::Ignored => {}
            UnknownOption::Refused => {
                return Err(Refusal::invalid("unknown_option", format!("this type has no option {name}")));
            }
        }
        Ok(())
    }

    fn check_required(
        &self,
        shape: &Shape,
        options: &Options,
        secrets: &Secrets,
        given: &Options,
        extent: Extent,
    ) -> Result<(), Refusal> {
        let missing = |name: &str| {
            Refusal::invalid(format!("missing_option_{name}"), format!("options.{name} is required"))
        };
        let whole = extent == Extent::Whole;
        let lacks_option = |name| whole && !options.contains_key(name);
        let option = shape.options.iter().find(|option| option.required && lacks_option(option.name));
        if let Some(option) = option {
            return Err(missing(option.name));
        }
        let disputed = self.switches.choice::<TlsSecrets>() == TlsSecrets::Required;
        let is_set = |name| secrets.get(name).is_some_and(|secret| secret.is_set);
        let lacks_secret = |name| (whole || given.contains_key(name)) && !is_set(name);
        let secret = shape
            .secrets
            .iter()
            .find(|secret| (secret.required == Required::Yes || disputed) && lacks_secret(secret.name));
        secret.map_or(Ok(()), |secret| Err(missing(secret.name)))
    }

    fn write_secret(&self, name: &str, secret: &mut SecretState, value: &Value) -> Result<(), Refusal> {
        let text = match value {
            Value::Null => "",
            Value::String(text) => text,
            _ => return Err(invalid_option(name)),
        };
        let digest = if text.is_empty() {
            match (self.switches.choice(), value) {
                (ClearSecret::Ignored, _) => return Ok(()),
                (ClearSecret::Refused, _)
                | (ClearSecret::Null, Value::String(_))
                | (ClearSecret::Empty, Value::Null) => return Err(invalid_option(name)),
                _ => None,
            }
        } else {
            Some(hexadecimal_digest(text.as_bytes()))
        };
        let same = secret.digest == digest && secret.is_set == digest.is_some();
        secret.is_set = digest.is_some();
        secret.digest = digest;
        if !same || self.switches.choice::<SameSecret>() == SameSecret::Moves {
            secret.last_updated_at = self.now;
        }
        Ok(())
    }

    fn tags(&self, ids: Vec<String>) -> Result<Vec<String>, Refusal> {
        let answer = self.switches.choice::<UnknownTag>();
        let mut kept = Vec::with_capacity(ids.len());
        for id in ids {
            match answer {
                _ if self.tags.contains_key(&id) => kept.push(id),
                UnknownTag::Accepted => kept.push(id),
                UnknownTag::Dropped => {}
                UnknownTag::Refused => {
                    return Err(Refusal::invalid("unknown_tag", format!("there is no tag {id}")));
                }
            }
        }
        Ok(kept)
    }

    /// A type's secrets before any is written: each has a date from the start.
    fn unset(&self, shape: &Shape) -> Secrets {
        let unset = SecretState { digest: None, is_set: false, last_updated_at: self.now };
        shape.secrets.iter().map(|secret| (secret.name.to_owned(), unset.clone())).collect()
    }
}

impl SecretState {
    fn clear(&mut self, now: Timestamp) {
        if self.is_set {
            *self = Self { digest: None, is_set: false, last_updated_at: now };
        }
    }
}

fn documented(type_name: &str) -> Result<&'static Shape, Refusal> {
    shape::of_type(type_name).ok_or_else(|| {
        let types = "https, tls, microsoft_azure_iot or aws_iot_core";
        Refusal::invalid("invalid_type", format!("type has to be {types}"))
    })
}

fn invalid_option(name: &str) -> Refusal {
    Refusal::invalid(format!("invalid_option_{name}"), format!("options.{name} cannot be this"))
}
