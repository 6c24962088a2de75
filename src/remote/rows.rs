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

#[cfg(test)]
mod tests;

/// A complete list.
#[derive(Debug)]
pub struct Listed<T> {
    /// Its elements, in the vendor's order.
    pub rows: Vec<T>,
    /// The document with its list emptied: `envelope["pagination"]["next_page_token"]` is what it was, and `Null` in a bare array.
    pub envelope: Value,
    /// How much of the limit it took, with what was taken before.
    pub taken: usize,
}

/// The most bytes of one element. An OMF connection with 10,000 clients has about 400 KB.
pub(super) const ELEMENT_LIMIT: usize = 4 * 1024 * 1024;
/// What a JSON value takes in memory at least, however short its text is.
const VALUE: usize = size_of::<Value>();
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
    /// A list in `member` where the document is an object; of at most `limit` bytes, with those that earlier parts of it have `taken`.
    pub(super) fn new(status: StatusCode, member: Option<&'m str>, limit: usize, taken: usize) -> Self {
        Self { splitter: Splitter::new(status, member), decoded: Decoded { rows: Vec::new(), limit, taken } }
    }

    /// Takes the next bytes, cut wherever they are.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<(), RemoteError> {
        self.decoded.count(bytes.len())?;
        let Self { splitter, decoded } = self;
        let status = splitter.status;
        let mut each = |element: &[u8], values| decoded.push(status, element, values);
        bytes.iter().try_for_each(|byte| splitter.take(*byte, &mut each))
    }

    /// The list, if it is complete.
    pub(super) fn finish(self) -> Result<Listed<T>, RemoteError> {
        let envelope = self.splitter.finish()?;
        Ok(Listed { rows: self.decoded.rows, envelope, taken: self.decoded.taken })
    }
}

impl<T: DeserializeOwned> Decoded<T> {
    fn push(&mut self, status: StatusCode, element: &[u8], values: usize) -> Result<(), RemoteError> {
        // Else `[{},{},…]` within the limit would be many times as large in memory, and so would a row that is full of such.
        let in_memory = size_of::<T>().max(values.saturating_mul(VALUE));
        self.count(in_memory.saturating_sub(element.len()))?;
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
    /// How many values may begin in it: one behind each bracket, colon and comma.
    values: usize,
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
            values: 0,
            envelope: Vec::new(),
            text_begins: 0,
        }
    }

    fn take(
        &mut self,
        byte: u8,
        each: impl FnMut(&[u8], usize) -> Result<(), RemoteError>,
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
        mut each: impl FnMut(&[u8], usize) -> Result<(), RemoteError>,
    ) -> Result<(), RemoteError> {
        match (self.list, byte) {
            (List::Open { depth, .. }, b',') if depth == self.depth => {
                self.list = List::Open { depth, comma: true };
                each(&self.element, self.values)?;
                self.element.clear();
                self.values = 0;
                return Ok(());
            }
            (List::Open { depth, comma }, b']' | b'}') if depth == self.depth => {
                if comma || !is_blank(&self.element) {
                    each(&self.element, self.values)?;
                }
                self.element = Vec::new();
                self.list = List::Closed;
            }
            (List::Open { .. }, b'[' | b'{' | b',' | b':') => self.values += 1,
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
