//! Which forced pass is asked for. Two annotations ask for one, ours and Flux's. Both stay on an object with what they said last, and the
//! status echoes only one value: which of them says something new is remembered.

use super::object::{Kind, Object};
use crate::api::{FLUX_REQUESTED_AT_ANNOTATION, RECONCILE_AT_ANNOTATION, shortened};

/// What the annotations of an object say: ours, then Flux's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requests([Option<String>; 2]);

impl Requests {
    /// Those of that object.
    pub fn of<K: Kind>(object: &Object<K>) -> Self {
        Self(
            [RECONCILE_AT_ANNOTATION, FLUX_REQUESTED_AT_ANNOTATION]
                .map(|name| object.annotation(name).map(shortened)),
        )
    }

    /// Something that differs wherever they say something else.
    pub fn basis(&self) -> String {
        format!("{:?}", self.0)
    }

    /// What the status is to echo once `asked` is answered. What it echoes already stays as long as an annotation says so: another value would be
    /// one more write, and none would be taken for a new request after a restart.
    pub fn echo(&self, asked: Option<String>, echoed: Option<&str>) -> Option<String> {
        let still = || self.said().find(|said| Some(*said) == echoed).or_else(|| self.said().next());
        asked.or_else(|| still().map(str::to_owned))
    }

    fn said(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flatten().map(String::as_str)
    }
}

/// What the annotations said that is answered, as far as this process knows. It may be lost: then what the status echoes is answered, and
/// with it what the other annotation says.
#[derive(Debug, Default)]
pub struct Answered(Option<Requests>);

impl Answered {
    /// The forced pass that is asked for, as it is to be echoed.
    pub fn asked(&mut self, requests: &Requests, echoed: Option<&str>) -> Option<String> {
        let is_echoed = |said: &str| Some(said) == echoed;
        let Some(Requests(answered)) = &mut self.0 else {
            let first = requests.said().next();
            if first.is_none() || requests.said().any(is_echoed) {
                self.0 = Some(requests.clone());
                return None;
            }
            return first.map(str::to_owned);
        };
        for (answered, said) in answered.iter_mut().zip(&requests.0) {
            // An echo whose reply was lost tells, too; and what is withdrawn may be asked for again.
            if said.as_deref().is_none_or(is_echoed) {
                answered.clone_from(said);
            }
        }
        let differs = answered.iter().zip(&requests.0).find(|(answered, said)| answered != said);
        differs.and_then(|(_, said)| said.clone())
    }

    /// What they say is answered.
    pub fn by_now(&mut self, requests: Requests) {
        self.0 = Some(requests);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests(ours: &str, flux: &str) -> Requests {
        Requests([ours, flux].map(|said| (!said.is_empty()).then(|| said.to_owned())))
    }

    /// What is asked for, and what the status echoes when it is answered.
    fn handle(answered: &mut Answered, requests: &Requests, echo: &mut Option<String>) -> Option<String> {
        let asked = answered.asked(requests, echo.as_deref());
        *echo = requests.echo(asked.clone(), echo.as_deref());
        answered.by_now(requests.clone());
        asked
    }

    #[test]
    fn whichever_annotation_says_something_new_asks_once() {
        let (mut answered, mut echo) = (Answered::default(), None);
        for (ours, flux, asked) in [
            ("", "", None),
            ("a", "", Some("a")),
            ("a", "", None),
            ("a", "1", Some("1")),
            ("a", "1", None),
            ("b", "1", Some("b")),
            ("b", "2", Some("2")),
            ("b", "", None),
            ("b", "2", Some("2")),
            ("", "2", None),
        ] {
            let requests = requests(ours, flux);
            let said = handle(&mut answered, &requests, &mut echo);
            assert_eq!(said.as_deref(), asked, "{ours}, {flux}");
            // One that knows nothing of it takes it for answered as well.
            assert_eq!(Answered::default().asked(&requests, echo.as_deref()), None, "{ours}, {flux}");
            assert!(asked.is_none() || echo == said, "{ours}, {flux}: {echo:?}");
        }
    }

    #[test]
    fn after_a_restart_only_what_nothing_was_echoed_of_asks() {
        let both = requests("a", "1");
        for (echoed, asked) in
            [(Some("a"), None), (Some("1"), None), (Some("0"), Some("a")), (None, Some("a"))]
        {
            let said = Answered::default().asked(&both, echoed);
            assert_eq!(said.as_deref(), asked, "{echoed:?}");
        }
        let mut answered = Answered::default();
        answered.asked(&both, Some("1"));
        assert_eq!(answered.asked(&requests("a", "2"), Some("1")).as_deref(), Some("2"));
        assert_eq!(answered.asked(&requests("a", "2"), Some("2")), None, "the answer to the write was lost");
    }

    #[test]
    fn the_echo_does_not_move_unless_something_is_asked() {
        let echo = |ours, flux, echoed| requests(ours, flux).echo(None, echoed);
        assert_eq!(echo("a", "1", Some("1")).as_deref(), Some("1"));
        assert_eq!(echo("a", "1", Some("a")).as_deref(), Some("a"));
        assert_eq!(echo("a", "", Some("1")).as_deref(), Some("a"), "what is echoed is gone");
        assert_eq!(echo("", "", Some("1")), None);
    }
}
