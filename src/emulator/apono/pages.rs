//! Lists in pages: what a request asks for, which items that is, and the token of the next page.

use std::fmt::Write as _;

use serde::Serialize;
use url::form_urlencoded;

use super::refusal::Refusal;
use super::reply::Shown;
use super::switches::{LARGEST_PAGE, LargeLimit, LastPageToken, PageToken};
use crate::emulator::switches::Answered;

/// How many items a page has where the request does not say.
const DEFAULT_LIMIT: usize = 100;

/// The query of a list.
#[derive(Debug, Default)]
pub(super) struct Asked {
    limit: usize,
    token: Option<Token>,
    /// Every other parameter, in order.
    filters: Vec<(String, String)>,
}

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Token {
    /// What a shuffled listing is shuffled by, on all of its pages.
    seed: u64,
    from: From,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum From {
    /// Behind the item with this key.
    After(String),
    /// After so many items.
    Offset(usize),
}

/// `{"items": […], "pagination": {"next_page_token": …}}`.
#[derive(Serialize)]
pub(super) struct Page<T> {
    items: Vec<T>,
    pagination: Pagination,
}

#[derive(Serialize)]
struct Pagination {
    #[serde(skip_serializing_if = "Shown::is_absent")]
    next_page_token: Shown<String>,
}

impl Asked {
    /// Reads a query. Parameters that no document names are ignored.
    pub(super) fn new(query: Option<&str>, switches: &Answered) -> Result<Self, Refusal> {
        let mut asked = Self { limit: DEFAULT_LIMIT, ..Self::default() };
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            match &*name {
                "limit" => asked.limit = limit(&value)?,
                "page_token" if value.is_empty() => {}
                "page_token" => {
                    let unknown = || Refusal::invalid("this page_token is none that a list answered with");
                    asked.token = Some(Token::parse(&value).ok_or_else(unknown)?);
                }
                _ => asked.filters.push((name.into_owned(), value.into_owned())),
            }
        }
        let largest = switches.whole_number(&LARGEST_PAGE) as usize;
        if largest > 0 && asked.limit > largest {
            match switches.choice() {
                LargeLimit::Clamped => asked.limit = largest,
                LargeLimit::Refused => {
                    return Err(Refusal::invalid(format!("limit may be {largest} at most")));
                }
            }
        }
        Ok(asked)
    }

    /// What a shuffled listing is shuffled by: the token's seed, or a new one for a first page.
    pub(super) fn seed(&self, new: impl FnOnce() -> u64) -> u64 {
        self.token.as_ref().map_or_else(new, |token| token.seed)
    }

    /// Whether a filter of this name admits one of these values, whatever their case. No such filter admits all.
    pub(super) fn admits(&self, filter: &str, value: Option<&str>) -> bool {
        let mut wanted = self.filters.iter().filter(|(name, _)| name == filter).peekable();
        wanted.peek().is_none()
            || wanted.any(|(_, wanted)| value.is_some_and(|value| value.eq_ignore_ascii_case(wanted)))
    }

    /// The page of these items, sorted by their keys, which no two may share.
    pub(super) fn page<T>(
        &self,
        mut items: Vec<T>,
        key: impl Fn(&T) -> String,
        seed: u64,
        switches: &Answered,
    ) -> Page<T> {
        items.sort_by_cached_key(&key);
        let begin = match self.token.as_ref().map(|token| &token.from) {
            None => 0,
            Some(From::Offset(offset)) => (*offset).min(items.len()),
            Some(From::After(last)) => items.partition_point(|item| key(item) <= *last),
        };
        let end = begin.saturating_add(self.limit).min(items.len());
        let more = end < items.len();
        items.truncate(end);
        let items = items.split_off(begin);
        let next = items.last().filter(|_| more).map(|last| {
            let from = match switches.choice() {
                PageToken::After => From::After(key(last)),
                PageToken::Offset => From::Offset(end),
            };
            Token { seed, from }.to_text()
        });
        let next_page_token = match (next, switches.choice()) {
            (Some(next), _) => Shown::Value(next),
            (None, LastPageToken::Null) => Shown::Null,
            (None, LastPageToken::Absent) => Shown::Absent,
            (None, LastPageToken::Empty) => Shown::Value(String::new()),
        };
        Page { items, pagination: Pagination { next_page_token } }
    }
}

impl<T> Page<T> {
    /// The same page of other items.
    pub(super) fn map<'a, U>(&'a self, read: impl FnMut(&'a T) -> U) -> Page<U> {
        let next_page_token = self.pagination.next_page_token.clone();
        Page { items: self.items.iter().map(read).collect(), pagination: Pagination { next_page_token } }
    }
}

/// Opaque, and full of characters that mean something in a query: a client that does not encode it is found out.
impl Token {
    fn to_text(&self) -> String {
        let plain = match &self.from {
            From::After(key) => format!("{}:after:{key}", self.seed),
            From::Offset(offset) => format!("{}:offset:{offset}", self.seed),
        };
        let hex = plain.bytes().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        format!("p+{hex}&/==")
    }

    fn parse(text: &str) -> Option<Self> {
        let hex = text.strip_prefix("p+")?.strip_suffix("&/==")?;
        let digits = hex.as_bytes().chunks(2);
        let bytes = digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
        let plain = String::from_utf8(bytes.collect::<Option<Vec<_>>>()?).ok()?;
        let (seed, from) = plain.split_once(':')?;
        let from = match from.split_once(':')? {
            ("after", key) => From::After(key.to_owned()),
            ("offset", offset) => From::Offset(offset.parse().ok()?),
            _ => return None,
        };
        Some(Self { seed: seed.parse().ok()?, from })
    }
}

/// An int32 of at least one.
fn limit(text: &str) -> Result<usize, Refusal> {
    let limit = text.parse::<i32>().ok().and_then(|limit| usize::try_from(limit).ok());
    limit
        .filter(|limit| *limit > 0)
        .ok_or_else(|| Refusal::invalid("limit has to be a whole number of at least 1"))
}
