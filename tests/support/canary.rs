//! Secrets that must not come to light, and the search for them in every form in which they could.
//!
//! A secret is searched for in pieces, so that a cut, wrapped or escaped one is found too: each line in pieces of
//! [`PIECE`] bytes, each raw, JSON-escaped, URL-encoded, in hex, and in base64 at the three offsets that it can have
//! within a longer text.

use std::collections::BTreeMap;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// Long enough that no ordinary text holds it by chance, short enough to find what was cut.
const PIECE: usize = 20;
/// Shorter values say too little to be searched for.
const LEAST: usize = 8;

/// The secrets of one story.
#[derive(Default)]
pub struct Canaries {
    needles: BTreeMap<String, String>,
}

impl Canaries {
    /// From now on `value` must not come to light. `name` is how it is called where it does. Certificates are public.
    pub fn guard(&mut self, name: &str, value: &str) {
        if value.contains("-----BEGIN CERTIFICATE-----") {
            return;
        }
        for line in
            value.lines().map(str::trim).filter(|line| line.len() >= LEAST && !line.starts_with("-----"))
        {
            for piece in pieces(line.as_bytes()) {
                for (form, needle) in forms(piece) {
                    self.needles.entry(needle).or_insert_with(|| format!("{name}, {form}"));
                }
            }
        }
    }

    /// What of them is in a text: `name, form` for each piece that was found, each once.
    pub fn found_in(&self, text: &str) -> Vec<String> {
        let mut found: Vec<String> = self
            .needles
            .iter()
            .filter(|(needle, _)| text.contains(needle.as_str()))
            .map(|(_, what)| what.clone())
            .collect();
        found.sort();
        found.dedup();
        found
    }
}

/// A line in pieces; the last one overlaps its neighbour, so that the line's end is in a whole piece.
fn pieces(line: &[u8]) -> Vec<&[u8]> {
    if line.len() <= PIECE {
        return vec![line];
    }
    let mut pieces: Vec<&[u8]> = line.chunks_exact(PIECE).collect();
    pieces.push(&line[line.len() - PIECE..]);
    pieces
}

fn forms(piece: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(piece).into_owned();
    let json = serde_json::to_string(&text).expect("text").trim_matches('"').to_owned();
    let url = utf8_percent_encode(&text, NON_ALPHANUMERIC).to_string();
    let hex: String = piece.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    let debug = format!("{piece:?}").trim_matches(['[', ']']).to_owned();
    let mut forms = vec![
        ("raw".to_owned(), text),
        ("JSON-escaped".to_owned(), json.replace('/', "\\/")),
        ("JSON-escaped".to_owned(), json),
        ("URL-encoded".to_owned(), url.to_lowercase()),
        ("URL-encoded".to_owned(), url),
        ("hex".to_owned(), hex.to_uppercase()),
        ("hex".to_owned(), hex),
        ("a list of bytes".to_owned(), debug.replace(' ', "")),
        ("a list of bytes".to_owned(), debug),
    ];
    for offset in 0..3 {
        let encoded = base64_within(piece, offset);
        forms.push((format!("base64 at offset {offset}"), encoded.replace('+', "-").replace('/', "_")));
        forms.push((format!("base64 at offset {offset}"), encoded));
    }
    forms
}

/// The characters that base64 gives these bytes wherever `offset` (modulo 3) bytes of something else come before, and
/// anything behind.
fn base64_within(bytes: &[u8], offset: usize) -> String {
    let padded: Vec<u8> = std::iter::repeat_n(0, offset).chain(bytes.iter().copied()).collect();
    // A character is ours when all its six bits are.
    let first = (offset * 8).div_ceil(6);
    let end = padded.len() * 8 / 6;
    base64(&padded)[first..end].to_owned()
}

/// Standard base64 without padding.
pub fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits =
            group.iter().enumerate().fold(0u32, |bits, (at, byte)| bits | u32::from(*byte) << (16 - 8 * at));
        for at in 0..=group.len() {
            text.push(char::from(ALPHABET[(bits >> (18 - 6 * at)) as usize & 63]));
        }
    }
    text
}

/// Standard base64 with padding, as a Secret's `data` wants it.
pub fn base64_padded(text: &str) -> String {
    let mut encoded = base64(text.as_bytes());
    while !encoded.len().is_multiple_of(4) {
        encoded.push('=');
    }
    encoded
}
