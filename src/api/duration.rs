//! Durations as users write them: Go's notation in whole hours, minutes and seconds ("1m", "30s", "1h30m").
//!
//! The schema accepts exactly what [`parse`] reads, within the field's bounds; so a value that reached the operator
//! always parses.

use std::time::Duration;

/// The form of a duration, as the CEL rules in the schema match it (at least one part must be there).
pub const PATTERN: &str = "^([0-9]{1,3}h)?([0-9]{1,5}m)?([0-9]{1,7}s)?$";
/// The longest text that [`PATTERN`] matches, in characters.
pub const LONGEST: usize = 18;

/// Reads "1h30m", "90s"; `None` where the text is not of that form.
pub fn parse(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut seconds = 0_u64;
    for (unit, most_digits, length) in [('h', 3, 3600), ('m', 5, 60), ('s', 7, 1)] {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let Some(tail) = rest[digits..].strip_prefix(unit) else { continue };
        if digits == 0 || digits > most_digits {
            return None;
        }
        seconds += rest[..digits].parse::<u64>().ok()? * length;
        rest = tail;
    }
    (rest.is_empty() && !text.is_empty()).then(|| Duration::from_secs(seconds))
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test fails by panicking")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_usual_forms_are_read() {
        for (text, seconds) in
            [("1m", 60), ("30s", 30), ("1h30m", 5400), ("24h", 86_400), ("1h1m1s", 3661), ("0s", 0)]
        {
            assert_eq!(parse(text), Some(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "1", "m", "1.5h", "1m1h", "30 s", "-1s", "1d", "1ms", "1000h", "1s1s", "١s"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_the_schema_lets_through_always_parses(text in "([0-9]{1,3}h)?([0-9]{1,5}m)?([0-9]{1,7}s)?") {
            prop_assert_eq!(parse(&text).is_some(), !text.is_empty());
            prop_assert!(text.len() <= LONGEST);
        }

        #[test]
        fn what_parses_has_the_form_that_the_schema_matches(text in "[0-9hms]{0,12}") {
            let form = regex_lite::Regex::new(PATTERN).expect("the pattern compiles");
            prop_assert_eq!(parse(&text).is_some(), form.is_match(&text) && !text.is_empty());
        }
    }
}
