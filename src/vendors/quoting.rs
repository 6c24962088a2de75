//! What of a vendor's own words may reach a condition: short ones. That they repeat no secret is [`crate::remote::overlaps`]'s to say. Pure.

/// Whether a vendor's code is one short word or two, and no text that could hold anything.
pub(super) fn is_short_word(text: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ');
    !text.is_empty() && text.len() <= 80 && text.chars().all(is_allowed)
}

/// A vendor's sentence as far as a condition shows it: one line of at most 200 characters, with a full stop. `None` where there is nothing.
pub(super) fn sentence(text: &str) -> Option<String> {
    const LONGEST: usize = 200;
    let visible: String =
        text.chars().map(|c| if c.is_control() || is_unseen(c) { ' ' } else { c }).collect();
    let visible = visible.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut short: String = visible.chars().take(LONGEST).collect();
    if short.len() < visible.len() {
        short.push('…');
    } else if !short.ends_with(['.', '!', '?']) && !short.is_empty() {
        short.push('.');
    }
    Some(short).filter(|short| !short.is_empty())
}

/// What is not seen, but turns the text around it or hides a part of it: marks of direction, joiners, tags, byte order marks.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        || matches!(c, '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_a_short_word() {
        assert!(!is_short_word("-----BEGIN RSA PRIVATE KEY-----\nMIIE"));
        assert!(is_short_word("connector_in_use"));
    }

    #[test]
    fn a_sentence_is_one_short_line() {
        assert_eq!(sentence("Bad\nrequest"), Some("Bad request.".into()));
        assert_eq!(sentence("Why?"), Some("Why?".into()));
        assert_eq!(sentence(" \u{0} "), None);
        // What is not seen could make a terminal show another text than the one that is there.
        let turned = "not\u{202e}nialp\u{2066}\u{200b}\u{feff}\u{2028}here";
        assert_eq!(sentence(turned), Some("not nialp here.".into()));
        let long = sentence(&"ü".repeat(500)).expect("a sentence");
        assert_eq!(long.chars().count(), 201, "{long}");
    }
}
