//! Lists of every shape, cut anywhere, against `serde_json` on the whole.

use super::*;
use proptest::prelude::*;
use serde_json::json;

/// Takes `document` in pieces of `sizes`, over and over.
fn taken(document: &[u8], sizes: &[usize]) -> Result<Listed<Value>, RemoteError> {
    let mut rows = Rows::new(StatusCode::OK, Some("items"), 1 << 20, 0);
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
        ("[\u{c}]", "element 1, line 1"),
        ("[1,]", "element 2, line 1"),
        (r#"[1,"s3cret" 2]"#, "element 2, line 1"),
    ] {
        let said = said(document);
        assert!(said.contains(what) && !said.contains("s3cret"), "{document}: {said}");
    }
}

#[test]
fn an_object_is_no_list_where_no_member_is_known() {
    let mut rows = Rows::<Value>::new(StatusCode::OK, None, 1 << 20, 0);
    rows.take(br#"{"":[1]}"#).expect("bytes");
    assert!(rows.finish().is_err());
}

#[test]
fn memory_is_bounded_whatever_comes() {
    let mut rows = Rows::<Value>::new(StatusCode::OK, Some("items"), 64 << 20, 0);
    rows.take(b"[\"").expect("a beginning");
    let element = (0..5).try_for_each(|_| rows.take(&vec![b'a'; 1 << 20]));
    assert!(element.is_err_and(|error| error.to_string().contains("bytes in one place")));

    let mut rows = Rows::<Value>::new(StatusCode::OK, Some("items"), 64 << 20, 0);
    rows.take(b"{\"").expect("a beginning");
    let beside = (0..2).try_for_each(|_| rows.take(&vec![b'a'; 1 << 20]));
    assert!(beside.is_err_and(|error| error.to_string().contains("bytes in one place")));

    let mut rows = Rows::<Value>::new(StatusCode::OK, Some("items"), 1 << 20, 0);
    assert!(matches!(rows.take(&vec![b' '; (1 << 20) + 1]), Err(RemoteError::TooLarge(_))));

    let mut rows = Rows::<Large>::new(StatusCode::OK, Some("items"), 1 << 20, 0);
    rows.take(b"[{}").expect("a beginning");
    let many = (0..10_000).try_for_each(|_| rows.take(b",{}"));
    assert!(matches!(many, Err(RemoteError::TooLarge(_))), "10,000 rows of 256 bytes were kept");
}

#[test]
fn what_a_row_becomes_in_memory_is_counted_and_not_only_its_text() {
    // Two bytes each, and thirty-two in memory.
    for (many, each) in [("0,", 2), ("[],", 3), ("{},", 3), ("\"\",", 3)] {
        let row = format!(r#"{{"options":[{}0]}}"#, many.repeat((500 << 10) / each));
        let mut rows = Rows::<Value>::new(StatusCode::OK, Some("items"), 1 << 20, 0);
        let taken = rows.take(format!("[{row}]").as_bytes());
        assert!(matches!(taken, Err(RemoteError::TooLarge(_))), "500 KB of {many} became 8 MB: {taken:?}");
    }
    // Half a million client ids, as an account may have them, take no more than their text.
    let ids = r#""d6b178a4-0de5-4c30-8ba7-0a84751be854","#.repeat(20_000);
    let document = format!(r#"{{"items":[{{"ClientIds":[{ids}""]}}]}}"#);
    let mut rows = Rows::<Value>::new(StatusCode::OK, Some("items"), 1 << 20, 0);
    rows.take(document.as_bytes()).expect("20,000 client ids");
    let listed = rows.finish().expect("a list");
    assert_eq!((listed.rows.len(), listed.taken), (1, document.len()));
}

#[derive(serde::Deserialize)]
struct Large {
    #[serde(skip)]
    _text: [u64; 32],
}
