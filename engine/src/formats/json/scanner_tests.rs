//! The scanner against another reader of JSON, and what it says of text that is none.

use proptest::prelude::*;
use serde::de::IgnoredAny;

use super::scanner::{DEPTH_MAX, Scanner, SyntaxError, Token};

fn scan(text: &str) -> Result<Token, SyntaxError> {
    let mut scanner = Scanner::at(text.as_bytes(), 0);
    let value = scanner.value()?;
    scanner.end()?;
    Ok(value)
}

/// JSON texts of any form, blanks and all.
fn document() -> impl Strategy<Value = String> {
    let blank = "[ \n\r\t]{0,2}";
    let string = r#""([a-zé😀 /]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4}){0,20}""#;
    let number = "-?(0|[1-9][0-9]{0,25})([.][0-9]{1,22})?([eE][-+]?[0-9]{1,3})?";
    let scalar = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("false".to_owned()),
        number,
        string
    ];
    scalar.prop_recursive(5, 60, 6, move |inner| {
        let element =
            (blank, inner, blank).prop_map(|(before, value, behind)| format!("{before}{value}{behind}"));
        let member = (blank, string, blank, element.clone())
            .prop_map(|(before, name, behind, value)| format!("{before}{name}{behind}:{value}"));
        prop_oneof![
            (blank, prop::collection::vec(element, 0..6)).prop_map(|(blank, items)| match items.as_slice() {
                [] => format!("[{blank}]"),
                items => format!("[{}]", items.join(",")),
            }),
            (blank, prop::collection::vec(member, 0..6)).prop_map(|(blank, members)| {
                match members.as_slice() {
                    [] => format!("{{{blank}}}"),
                    members => format!("{{{}}}", members.join(",")),
                }
            }),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_json_is_accepted(text in document()) {
        prop_assert!(serde_json::from_str::<IgnoredAny>(&text).is_ok());
        prop_assert_eq!(scan(&text).map(|_| ()), Ok(()));
    }

    #[test]
    fn a_damaged_document_is_accepted_exactly_if_it_is_still_json(
        text in document(),
        at in any::<prop::sample::Index>(),
        damage in "[\\[\\]{}:,\"\\\\0-9.eE+ntu \u{1}-]{0,2}",
    ) {
        let mut characters: Vec<char> = text.chars().collect();
        let at = at.index(characters.len());
        characters.splice(at..=at, damage.chars());
        let damaged: String = characters.into_iter().collect();
        prop_assert_eq!(scan(&damaged).is_ok(), serde_json::from_str::<IgnoredAny>(&damaged).is_ok(), "{}", damaged);
    }

    #[test]
    fn no_text_makes_the_scanner_panic(text in any::<String>()) {
        let _ = scan(&text);
    }
}

#[test]
fn text_that_is_not_json_is_refused_where_it_goes_wrong() {
    for (text, position, expected) in [
        ("", 0, "a value"),
        ("  ", 2, "a value"),
        ("{", 1, "a field name or '}'"),
        ("{a:1}", 1, "a field name or '}'"),
        (r#"{"a" 1}"#, 5, "':'"),
        (r#"{"a":1"#, 6, "',' or '}'"),
        (r#"{"a":1,}"#, 7, "a field name"),
        ("[1,]", 3, "a value"),
        ("[1 2]", 3, "',' or ']'"),
        ("[1}", 2, "',' or ']'"),
        ("nul", 0, "a value"),
        ("NaN", 0, "a value"),
        ("01", 1, "no digit after a leading 0"),
        ("-", 1, "a digit"),
        ("1.", 2, "a digit"),
        ("1e", 2, "a digit"),
        ("+1", 0, "a value"),
        (r#""abc"#, 4, "'\"' at the end of a string"),
        ("\"a\nb\"", 2, "no control character in a string"),
        (r#""\x""#, 1, "an escape sequence"),
        (r#""\u12"#, 1, "an escape sequence"),
        ("1 2", 2, "the end of the value"),
        ("{} x", 3, "the end of the value"),
    ] {
        assert_eq!(scan(text), Err(SyntaxError { position, expected }), "{text}");
    }
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(scan(&nested(DEPTH_MAX)).is_ok());
    let error = scan(&nested(DEPTH_MAX + 1)).unwrap_err();
    assert_eq!((error.position, error.expected), (DEPTH_MAX, "at most 128 levels of nesting"));
    assert!(scan(&"[".repeat(1_000_000)).is_err());
    assert!(scan(&"{\"a\":".repeat(1_000_000)).is_err());
}
