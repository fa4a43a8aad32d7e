//! LIKE with an escape character that is not Arrow's, or with a pattern that is no literal.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray};
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};

use crate::expressions::failures;

/// A piece of a pattern.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Piece {
    /// This character.
    Exactly(char),
    /// `_`: any one character.
    AnyOne,
    /// `%`: any characters.
    AnyMany,
}

pub(super) fn like(columns: &[ArrayRef], _: &DataType) -> Result<ArrayRef> {
    let [values, patterns, escapes] = columns else {
        return exec_err!("LIKE has a value, a pattern and an escape");
    };
    let (values, patterns) = (values.as_string::<i32>(), patterns.as_string::<i32>());
    let escapes = escapes.as_string::<i32>();
    // Patterns are nearly always one literal: the last one compiled is kept.
    let mut last: Option<(&str, Option<Vec<Piece>>)> = None;
    let matched: BooleanArray = values
        .iter()
        .zip(patterns)
        .zip(escapes)
        .map(|((value, pattern), escape)| {
            let (value, pattern, escape) = (value?, pattern?, escape?);
            if last.as_ref().is_none_or(|(text, _)| *text != pattern) {
                last = Some((pattern, compile(pattern, escape.chars().next())));
            }
            match last.as_ref().and_then(|(_, pieces)| pieces.as_ref()) {
                Some(pieces) => Some(matches(value, pieces)),
                None => {
                    failures::note(|| format!("the LIKE pattern '{pattern}' ends with its escape character"));
                    None
                }
            }
        })
        .collect();
    Ok(Arc::new(matched))
}

/// The pieces of a pattern; none where it ends with its escape character.
fn compile(pattern: &str, escape: Option<char>) -> Option<Vec<Piece>> {
    let mut pieces = Vec::with_capacity(pattern.len());
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        pieces.push(match character {
            escaped if Some(escaped) == escape => Piece::Exactly(characters.next()?),
            '%' => Piece::AnyMany,
            '_' => Piece::AnyOne,
            other => Piece::Exactly(other),
        });
    }
    Some(pieces)
}

/// Whether a text fits. Goes back to the last `%` only, so it takes at most length times pieces steps.
fn matches(text: &str, pieces: &[Piece]) -> bool {
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut piece) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while at < text.len() {
        match pieces.get(piece) {
            Some(Piece::AnyMany) => {
                retry = Some((piece, at));
                piece += 1;
            }
            Some(Piece::AnyOne) => {
                at += 1;
                piece += 1;
            }
            Some(Piece::Exactly(character)) if *character == text[at] => {
                at += 1;
                piece += 1;
            }
            _ => match retry {
                Some((many, from)) => {
                    retry = Some((many, from + 1));
                    (at, piece) = (from + 1, many + 1);
                }
                None => return false,
            },
        }
    }
    pieces[piece..].iter().all(|piece| *piece == Piece::AnyMany)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_texts() {
        for (text, pattern, expected) in [
            ("abc", "abc", true),
            ("abc", "ab", false),
            ("abc", "a%", true),
            ("abc", "%c", true),
            ("abc", "%b%", true),
            ("abc", "a_c", true),
            ("abc", "____", false),
            ("", "%", true),
            ("", "_", false),
            ("a%c", "a!%c", true),
            ("abc", "a!%c", false),
            ("aXbXc", "a%X%c", true),
            ("äöü", "_ö_", true),
        ] {
            let pieces = compile(pattern, Some('!')).expect("the pattern ends well");
            assert_eq!(matches(text, &pieces), expected, "'{text}' LIKE '{pattern}'");
        }
        assert_eq!(compile("a!", Some('!')), None);
    }
}
