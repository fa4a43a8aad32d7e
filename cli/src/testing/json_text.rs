//! What stands where in the text of a JSON document, so that a part of it can be written anew while the rest
//! stays as somebody has laid it out.
//!
//! The text has to be JSON, as one that was read is; in any other nothing is promised to be found.

use std::ops::Range;

/// The value of a document.
pub(super) fn document(text: &str) -> Option<Range<usize>> {
    value_at(text, 0)
}

/// The value of the object's member with this name; the last one of several, as readers have it.
pub(super) fn member(text: &str, object: &Range<usize>, name: &str) -> Option<Range<usize>> {
    let members = members(text, object)?.into_iter().rev();
    let mut named = members
        .filter(|(key, _)| serde_json::from_str::<String>(&text[key.clone()]).is_ok_and(|key| key == name));
    named.next().map(|(_, value)| value)
}

/// Names and values of an object, in quotes the names.
pub(super) fn members(text: &str, object: &Range<usize>) -> Option<Vec<(Range<usize>, Range<usize>)>> {
    let mut found = Vec::new();
    let mut at = begin(text, object, '{')?;
    while let Some(name) = value_at(text, at).filter(|name| name.end < object.end && !name.is_empty()) {
        let colon = name.end + text[name.end..object.end].find(':')?;
        let value = value_at(text, colon + 1)?;
        at = behind_comma(text, value.end);
        found.push((name, value));
    }
    Some(found)
}

/// The elements of an array.
pub(super) fn elements(text: &str, array: &Range<usize>) -> Option<Vec<Range<usize>>> {
    let mut found = Vec::new();
    let mut at = begin(text, array, '[')?;
    while let Some(element) =
        value_at(text, at).filter(|element| element.end < array.end && !element.is_empty())
    {
        at = behind_comma(text, element.end);
        found.push(element);
    }
    Some(found)
}

fn begin(text: &str, value: &Range<usize>, opening: char) -> Option<usize> {
    text.get(value.clone())?.starts_with(opening).then_some(value.start + 1)
}

fn behind_comma(text: &str, at: usize) -> usize {
    let rest = text[at..].trim_start();
    let start = text.len() - rest.len();
    start + usize::from(rest.starts_with(','))
}

/// The value that begins at the first character that is no space; an empty one where a list has ended.
fn value_at(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = text.get(at..)?;
    let start = at + rest.len() - rest.trim_start().len();
    let bytes = text.as_bytes();
    let end = match *bytes.get(start)? {
        b'"' => string_end(bytes, start)?,
        b'{' | b'[' => {
            let (mut depth, mut at) = (0usize, start);
            loop {
                match *bytes.get(at)? {
                    b'"' => at = string_end(bytes, at)?,
                    b'{' | b'[' => (depth, at) = (depth + 1, at + 1),
                    b'}' | b']' => (depth, at) = (depth.checked_sub(1)?, at + 1),
                    _ => at += 1,
                }
                if depth == 0 {
                    break at;
                }
            }
        }
        _ => {
            let ends = |byte: &u8| matches!(byte, b',' | b':' | b'}' | b']') || byte.is_ascii_whitespace();
            bytes[start..].iter().position(ends).map_or(bytes.len(), |length| start + length)
        }
    };
    Some(start..end)
}

/// The end of the string that begins here.
fn string_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        match *bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#" { "a" : [1, {"x\"]": [ ]}, "}", null ] , "\u0062":{}, "c": -1.5e3, "c": true }"#;

    fn texts(ranges: Vec<Range<usize>>) -> Vec<&'static str> {
        ranges.into_iter().map(|range| &TEXT[range]).collect()
    }

    #[test]
    fn members_and_elements_are_found_where_they_stand() {
        let object = document(TEXT).unwrap();
        assert_eq!(object, 1..TEXT.len());
        let (names, values): (Vec<_>, Vec<_>) = members(TEXT, &object).unwrap().into_iter().unzip();
        assert_eq!(texts(names), [r#""a""#, r#""\u0062""#, r#""c""#, r#""c""#]);
        assert_eq!(texts(values)[1..], ["{}", "-1.5e3", "true"]);
        let list = member(TEXT, &object, "a").unwrap();
        assert_eq!(texts(elements(TEXT, &list).unwrap()), ["1", r#"{"x\"]": [ ]}"#, r#""}""#, "null"]);
    }

    #[test]
    fn names_are_read_and_the_last_of_several_counts() {
        let object = document(TEXT).unwrap();
        assert_eq!(&TEXT[member(TEXT, &object, "b").unwrap()], "{}");
        assert_eq!(&TEXT[member(TEXT, &object, "c").unwrap()], "true");
        assert_eq!(member(TEXT, &object, "d"), None);
    }

    #[test]
    fn empty_ones_have_nothing_and_other_values_are_neither() {
        for text in ["[]", "[ ]", "{}", "{\n}"] {
            let all = document(text).unwrap();
            let found = elements(text, &all).map(|found| found.len());
            assert_eq!(found.or(members(text, &all).map(|found| found.len())), Some(0), "{text}");
        }
        assert_eq!(elements("1", &(0..1)), None);
        assert_eq!(members("[1]", &(0..3)), None);
    }

    #[test]
    fn text_that_is_cut_off_has_no_value() {
        for text in ["", " ", "{\"a\": [1", "\"a\\", "[\"a"] {
            assert_eq!(document(text), None, "{text}");
        }
    }
}
