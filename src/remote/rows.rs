//! A JSON list, decoded element by element while its bytes come. Pure.
//!
//! A list may hold tens of megabytes; only its rows are kept, never its text. It may be the whole document (`[…]`), or be in one named member
//! of an object (`{"items": […], "pagination": {…}}`), where `null` is an empty list and a missing member is none at all. The splitter only
//! finds where elements begin and end. Everything else is judged by `serde_json`: each element by itself, and, at the end, the document with
//! its list emptied, so that what is accepted is JSON and nothing else. No error shows a value.

use super::errors::RemoteError;
use http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A complete list.
#[derive(Debug)]
pub struct Listed<T> {
    /// Its elements, in the vendor's order.
    pub rows: Vec<T>,
    /// The document with its list emptied: `envelope["pagination"]["next_page_token"]` is what it was, and `Null` in a bare array.
    pub envelope: Value,
}

/// The most bytes of one element. An OMF connection with 10,000 clients has about 400 KB.
const ELEMENT_LIMIT: usize = 4 * 1024 * 1024;
/// The most bytes beside the list.
const ENVELOPE_LIMIT: usize = 1024 * 1024;

/// A list of which the end has not come yet.
pub(super) struct Rows<'m, T> {
    splitter: Splitter<'m>,
    decoded: Decoded<T>,
}

struct Decoded<T> {
    rows: Vec<T>,
    limit: usize,
    taken: usize,
}

impl<'m, T: DeserializeOwned> Rows<'m, T> {
    /// A list of at most `limit` bytes, in `member` where the document is an object.
    pub(super) fn new(status: StatusCode, member: Option<&'m str>, limit: usize) -> Self {
        Self {
            splitter: Splitter::new(status, member),
            decoded: Decoded { rows: Vec::new(), limit, taken: 0 },
        }
    }

    /// Takes the next bytes, cut wherever they are.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<(), RemoteError> {
        self.decoded.count(bytes.len())?;
        let Self { splitter, decoded } = self;
        let status = splitter.status;
        bytes.iter().try_for_each(|byte| splitter.take(*byte, |element| decoded.push(status, element)))
    }

    /// The list, if it is complete.
    pub(super) fn finish(self) -> Result<Listed<T>, RemoteError> {
        let envelope = self.splitter.finish()?;
        Ok(Listed { rows: self.decoded.rows, envelope })
    }
}

impl<T: DeserializeOwned> Decoded<T> {
    fn push(&mut self, status: StatusCode, element: &[u8]) -> Result<(), RemoteError> {
        // Else `[{},{},…]` within the limit would be many times as large in memory.
        self.count(size_of::<T>().saturating_sub(element.len()))?;
        let row = serde_json::from_slice(element).map_err(|error| {
            let (nth, line, column) = (self.rows.len() + 1, error.line(), error.column());
            let what =
                format!("a list of another shape (its element {nth}, line {line}, column {column} of that)");
            RemoteError::Malformed { status, what }
        })?;
        self.rows.push(row);
        Ok(())
    }

    fn count(&mut self, bytes: usize) -> Result<(), RemoteError> {
        self.taken = self.taken.saturating_add(bytes);
        if self.taken > self.limit { Err(RemoteError::TooLarge(self.limit)) } else { Ok(()) }
    }
}

/// Finds the elements of the list in a document that comes byte by byte.
struct Splitter<'m> {
    status: StatusCode,
    member: Option<&'m str>,
    /// Brackets that are open.
    depth: usize,
    text: Text,
    list: List,
    /// The bytes of the element that is being read.
    element: Vec<u8>,
    /// Everything but the elements and the commas between them.
    envelope: Vec<u8>,
    /// Where in `envelope` the last text of the outermost object begins.
    text_begins: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Text {
    Outside,
    Inside,
    Escaped,
}

#[derive(Clone, Copy, PartialEq)]
enum List {
    /// It has not come yet.
    Awaited,
    /// Its member's name has come, and the list has to follow.
    Announced,
    /// Its elements are at this depth; whether there was a comma.
    Open { depth: usize, comma: bool },
    /// It has come.
    Closed,
}

impl<'m> Splitter<'m> {
    fn new(status: StatusCode, member: Option<&'m str>) -> Self {
        Self {
            status,
            member,
            depth: 0,
            text: Text::Outside,
            list: List::Awaited,
            element: Vec::new(),
            envelope: Vec::new(),
            text_begins: 0,
        }
    }

    fn take(
        &mut self,
        byte: u8,
        each: impl FnMut(&[u8]) -> Result<(), RemoteError>,
    ) -> Result<(), RemoteError> {
        match (self.text, byte) {
            (Text::Outside, _) if is_space(byte) => {}
            (Text::Outside, _) => return self.structure(byte, each),
            (Text::Inside, b'\\') => self.text = Text::Escaped,
            (Text::Inside, b'"') => self.text = Text::Outside,
            (Text::Inside, _) => {}
            (Text::Escaped, _) => self.text = Text::Inside,
        }
        self.keep(byte)
    }

    /// A byte that is neither in a text nor white space.
    fn structure(
        &mut self,
        byte: u8,
        mut each: impl FnMut(&[u8]) -> Result<(), RemoteError>,
    ) -> Result<(), RemoteError> {
        match (self.list, byte) {
            (List::Open { depth, .. }, b',') if depth == self.depth => {
                self.list = List::Open { depth, comma: true };
                each(&self.element)?;
                self.element.clear();
                return Ok(());
            }
            (List::Open { depth, comma }, b']' | b'}') if depth == self.depth => {
                if comma || !is_blank(&self.element) {
                    each(&self.element)?;
                }
                self.element = Vec::new();
                self.list = List::Closed;
            }
            (List::Open { .. }, _) => {}
            _ => return self.beside_the_list(byte),
        }
        self.keep(byte)?;
        self.count(byte);
        Ok(())
    }

    /// Such a byte before the list or after it.
    fn beside_the_list(&mut self, byte: u8) -> Result<(), RemoteError> {
        if self.depth == 0 && !(matches!(byte, b'[' | b'{') && is_blank(&self.envelope)) {
            return Err(self.malformed("something else than a JSON document"));
        }
        let is_announced = self.list == List::Announced;
        match byte {
            b'n' if is_announced => self.list = List::Closed,
            b'[' => {}
            _ if is_announced => return Err(self.malformed("something else where its list was expected")),
            b'"' if self.depth == 1 => self.text_begins = self.envelope.len(),
            b':' if self.depth == 1 && self.names_the_list() => {
                if self.list == List::Closed {
                    return Err(self.malformed("two lists where one was expected"));
                }
                self.list = List::Announced;
            }
            _ => {}
        }
        self.keep(byte)?;
        self.count(byte);
        // From the next byte on.
        if byte == b'[' && (is_announced || self.depth == 1) {
            self.list = List::Open { depth: self.depth, comma: false };
        }
        Ok(())
    }

    fn names_the_list(&self) -> bool {
        let text = self.envelope.get(self.text_begins..).unwrap_or_default();
        self.member.is_some() && serde_json::from_slice::<String>(text).ok().as_deref() == self.member
    }

    fn keep(&mut self, byte: u8) -> Result<(), RemoteError> {
        let (kept, limit) = match self.list {
            List::Open { .. } => (&mut self.element, ELEMENT_LIMIT),
            _ => (&mut self.envelope, ENVELOPE_LIMIT),
        };
        if kept.len() == limit {
            return Err(self.malformed(&format!("more than {limit} bytes in one place of its list")));
        }
        kept.push(byte);
        Ok(())
    }

    fn count(&mut self, byte: u8) {
        match byte {
            b'"' => self.text = Text::Inside,
            b'[' | b'{' => self.depth += 1,
            // Not below zero: outside every bracket only an opening one was let through.
            b']' | b'}' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }

    fn finish(self) -> Result<Value, RemoteError> {
        if self.depth > 0 {
            return Err(self.malformed("a list that is cut"));
        }
        let envelope = serde_json::from_slice(&self.envelope)
            .map_err(|_| self.malformed("JSON that is cut or of another shape"))?;
        if self.list == List::Closed {
            Ok(envelope)
        } else {
            Err(self.malformed("an object without its list"))
        }
    }

    fn malformed(&self, what: &str) -> RemoteError {
        RemoteError::Malformed { status: self.status, what: what.to_owned() }
    }
}

/// White space as JSON has it.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| is_space(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    /// Takes `document` in pieces of `sizes`, over and over.
    fn taken(document: &[u8], sizes: &[usize]) -> Result<Listed<Value>, RemoteError> {
        let mut rows = Rows::new(StatusCode::OK, Some("items"), 1 << 20);
        let mut rest = document;
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, behind) = rest.split_at((*size).min(rest.len()));
            rows.take(piece)?;
            rest = behind;
        }
        rows.finish()
    }

    /// What `serde_json` makes of the whole document.
    fn reference(document: &[u8]) -> Option<(Vec<Value>, Value)> {
        let mut whole: Value = serde_json::from_slice(document).ok()?;
        let list = if whole.is_array() { &mut whole } else { whole.get_mut("items")? };
        let rows = match list {
            Value::Array(rows) => std::mem::take(rows),
            Value::Null => Vec::new(),
            _ => return None,
        };
        Some((rows, whole))
    }

    fn said(document: &str) -> String {
        taken(document.as_bytes(), &[1]).expect_err(document).to_string()
    }

    fn text() -> impl Strategy<Value = String> {
        let awkward = ["items", "\"", "\\", "\\\"", "[", "]", "{}", ",", ":", "\n", "\u{0}", "ä", "🦀", "a"];
        prop::collection::vec(prop::sample::select(awkward.to_vec()), 0..4).prop_map(|parts| parts.concat())
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-1e9..1e9).prop_map(Value::from),
            text().prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((text(), inner), 0..4)
                    .prop_map(|members| members.into_iter().collect::<serde_json::Map<_, _>>().into()),
            ]
        })
    }

    fn document() -> impl Strategy<Value = Vec<u8>> {
        let rows = prop::collection::vec(value(), 0..5);
        let list = prop_oneof![4 => rows.prop_map(Value::from), 1 => Just(Value::Null)];
        let beside = prop::collection::vec((text(), value()), 0..3);
        (list, prop::option::of(beside), any::<bool>()).prop_map(|(list, beside, pretty)| {
            let document = match beside {
                None => list,
                Some(beside) => {
                    let others = beside.into_iter().filter(|(name, _)| name != "items");
                    Value::Object(others.chain([("items".to_owned(), list)]).collect())
                }
            };
            let written =
                if pretty { serde_json::to_vec_pretty(&document) } else { serde_json::to_vec(&document) };
            written.expect("JSON")
        })
    }

    fn sizes() -> impl Strategy<Value = Vec<usize>> {
        prop::collection::vec(1_usize..9, 1..6)
    }

    proptest! {
        #[test]
        fn it_is_what_serde_json_makes_of_the_whole_wherever_it_is_cut_into_pieces(document in document(), sizes in sizes()) {
            let listed = taken(&document, &sizes).ok().map(|listed| (listed.rows, listed.envelope));
            prop_assert_eq!(listed, reference(&document));
        }

        #[test]
        fn what_is_no_json_to_serde_json_is_no_list(
            document in document(),
            edits in prop::collection::vec((any::<prop::sample::Index>(), prop::option::of(prop::sample::select(b"[]{},:\"\\n1 \x0c\xff".to_vec()))), 1..4),
        ) {
            let mut document = document;
            for (at, byte) in edits {
                let at = at.index(document.len().max(1));
                match byte {
                    Some(byte) => document.insert(at, byte),
                    None if document.is_empty() => {}
                    None => { document.remove(at); }
                }
            }
            let listed = taken(&document, &[3]).ok().map(|listed| (listed.rows, listed.envelope));
            prop_assert_eq!(listed, reference(&document), "{}", String::from_utf8_lossy(&document));
        }

        #[test]
        fn a_list_that_is_cut_is_none(document in document(), at in any::<prop::sample::Index>()) {
            let cut = &document[..at.index(document.len())];
            prop_assert!(taken(cut, &[7]).is_err(), "{}", String::from_utf8_lossy(cut));
        }
    }

    #[test]
    fn a_list_is_bare_or_in_its_member_and_null_is_empty() {
        let page = br#" {"a": ["items"], "ite\u006ds" : [1, [2]], "pagination": {"next": "x"}} "#;
        let listed = taken(page, &[1]).expect("a list");
        assert_eq!(listed.rows, [json!(1), json!([2])]);
        assert_eq!(listed.envelope["pagination"]["next"], "x");
        let bare = taken(b"[{}]", &[1]).expect("a list");
        assert_eq!((bare.rows.len(), &bare.envelope["pagination"]["next"]), (1, &Value::Null));
        assert!(taken(br#"{"items":null}"#, &[1]).expect("a list").rows.is_empty());
    }

    #[test]
    fn what_is_no_list_is_said_in_our_words() {
        for (document, what) in [
            ("", "cut or of another shape"),
            ("<html>", "something else than a JSON document"),
            ("null", "something else than a JSON document"),
            ("[] []", "something else than a JSON document"),
            ("\u{feff}[]", "something else than a JSON document"),
            ("{}", "an object without its list"),
            (r#"{"other":[1]}"#, "an object without its list"),
            (r#"{"a":{"items":[1]}}"#, "an object without its list"),
            (r#"{"items":{"items":[1]}}"#, "something else where its list was expected"),
            (r#"{"items":[1],"items":[2]}"#, "two lists"),
            (r#"{"items":null,"items":[2]}"#, "two lists"),
            (r#"[1,"s3cret"#, "cut"),
            (r#"[1,{"s3cret":]"#, "cut"),
            (r#"[1,"s3cret" 2]"#, "element 2, line 1"),
        ] {
            let said = said(document);
            assert!(said.contains(what) && !said.contains("s3cret"), "{document}: {said}");
        }
    }

    #[test]
    fn an_object_is_no_list_where_no_member_is_known() {
        let mut rows = Rows::<Value>::new(StatusCode::OK, None, 1 << 20);
        rows.take(br#"{"":[1]}"#).expect("bytes");
        assert!(rows.finish().is_err());
    }

    #[test]
    fn memory_is_bounded_whatever_comes() {
        let mut rows = Rows::<Value>::new(StatusCode::OK, Some("items"), 64 << 20);
        rows.take(b"[\"").expect("a beginning");
        let element = (0..5).try_for_each(|_| rows.take(&vec![b'a'; 1 << 20]));
        assert!(element.is_err_and(|error| error.to_string().contains("bytes in one place")));

        let mut rows = Rows::<Value>::new(StatusCode::OK, Some("items"), 64 << 20);
        rows.take(b"{\"").expect("a beginning");
        let beside = (0..2).try_for_each(|_| rows.take(&vec![b'a'; 1 << 20]));
        assert!(beside.is_err_and(|error| error.to_string().contains("bytes in one place")));

        let mut rows = Rows::<Value>::new(StatusCode::OK, Some("items"), 1 << 20);
        assert!(matches!(rows.take(&vec![b' '; (1 << 20) + 1]), Err(RemoteError::TooLarge(_))));

        let mut rows = Rows::<Large>::new(StatusCode::OK, Some("items"), 1 << 20);
        rows.take(b"[{}").expect("a beginning");
        let many = (0..10_000).try_for_each(|_| rows.take(b",{}"));
        assert!(matches!(many, Err(RemoteError::TooLarge(_))), "10,000 rows of 256 bytes were kept");
    }

    #[derive(serde::Deserialize)]
    struct Large {
        #[serde(skip)]
        _text: [u64; 32],
    }
}
