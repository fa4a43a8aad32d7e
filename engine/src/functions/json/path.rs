//! Paths into JSON: `$.a[0].b`, `$["two words"]`.
//!
//! A step names a member of an object or, as a number from 0, an element of an array; how it is written,
//! behind a point or in brackets, makes no difference.

use std::iter::Peekable;
use std::str::Chars;

use crate::formats::{JsonKind, JsonValue};

/// A path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct JsonPath {
    steps: Vec<String>,
}

impl JsonPath {
    /// Reads a path; `None` for a text that is none.
    pub(super) fn parse(text: &str) -> Option<JsonPath> {
        let mut rest = text.strip_prefix('$')?.chars().peekable();
        let mut steps = Vec::new();
        loop {
            while rest.next_if(|character| character.is_whitespace()).is_some() {}
            match rest.next() {
                None => return Some(JsonPath { steps }),
                Some('.') => steps.push(plain(&mut rest)?),
                Some('[') => {
                    let quoted = rest.next_if_eq(&'"').is_some();
                    steps.push(if quoted { quoted_step(&mut rest)? } else { plain(&mut rest)? });
                    rest.next_if_eq(&']')?;
                }
                Some(_) => return None,
            }
        }
    }

    /// What stands at the path.
    pub(super) fn find<'a>(&self, document: JsonValue<'a>) -> Option<JsonValue<'a>> {
        self.steps.iter().try_fold(document, |value, step| match value.kind() {
            JsonKind::Array => value.element(step.parse().ok()?),
            _ => value.member(step),
        })
    }
}

fn plain(rest: &mut Peekable<Chars<'_>>) -> Option<String> {
    let is_part =
        |character: &char| !matches!(character, '.' | '[' | ']' | '"') && !character.is_whitespace();
    let step: String = std::iter::from_fn(|| rest.next_if(is_part)).collect();
    (!step.is_empty()).then_some(step)
}

/// Up to the closing quote; a backslash takes the meaning of the character behind it.
fn quoted_step(rest: &mut Peekable<Chars<'_>>) -> Option<String> {
    let mut step = String::new();
    loop {
        match rest.next()? {
            '"' => return Some(step),
            '\\' => step.push(rest.next()?),
            other => step.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_stand_behind_points_or_in_brackets() {
        let steps = |text: &str| JsonPath::parse(text).map(|path| path.steps);
        assert_eq!(steps("$"), Some(vec![]));
        assert_eq!(steps("$.a[0].b-c"), Some(vec!["a".into(), "0".into(), "b-c".into()]));
        assert_eq!(steps(r#"$["x.\"y"] .z"#), Some(vec!["x.\"y".into(), "z".into()]));
        for text in ["", "a", "$a", "$.", "$[", "$[]", "$[0", "$[\"a]", "$..a"] {
            assert_eq!(steps(text), None, "{text}");
        }
    }
}
