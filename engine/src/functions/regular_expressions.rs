//! Search, replacement and splitting by regular expressions of Java's syntax.

use std::rc::Rc;

use arrow::array::{ArrayRef, StringBuilder};
use arrow::datatypes::{DataType, Int32Type};
use datafusion::common::Result;

use super::arguments::{Buffer, Remembered, Texts, Values, texts};
use super::declaration::{Category, Declaration, Evaluate, Overload, Returns};
use super::java_regex::{Found, JavaRegex};
use super::pattern_cache::PatternCache;
use super::splitting::text_lists;
use crate::expressions::failures;

pub(super) const FUNCTIONS: &[Declaration] = &[
    Declaration {
        name: "regexp_extract",
        category: Category::RegularExpression,
        description: "The first part of the text that a regular expression matches, or a group of it; NULL \
                      where it matches nothing.",
        overloads: &[
            Overload {
                signature: "(pattern STRING, text STRING)",
                returns: Returns::Type("STRING"),
                evaluate: Evaluate::Arrays(extract),
            },
            Overload {
                signature: "(pattern STRING, text STRING, group INTEGER)",
                returns: Returns::Type("STRING"),
                evaluate: Evaluate::Arrays(extract),
            },
        ],
        examples: &[
            "REGEXP_EXTRACT('[0-9]+', 'pier 39, dock 4') = '39'",
            "REGEXP_EXTRACT('(\\w+)-(\\w+)', 'a-b', 2) = 'b'",
        ],
        is_deterministic: true,
    },
    Declaration {
        name: "regexp_extract_all",
        category: Category::RegularExpression,
        description: "All parts of the text that a regular expression matches, or a group of each.",
        overloads: &[
            Overload {
                signature: "(pattern STRING, text STRING)",
                returns: Returns::Type("ARRAY<STRING>"),
                evaluate: Evaluate::Arrays(extract_all),
            },
            Overload {
                signature: "(pattern STRING, text STRING, group INTEGER)",
                returns: Returns::Type("ARRAY<STRING>"),
                evaluate: Evaluate::Arrays(extract_all),
            },
        ],
        examples: &["REGEXP_EXTRACT_ALL('[0-9]+', 'pier 39, dock 4') = ARRAY['39', '4']"],
        is_deterministic: true,
    },
    Declaration {
        name: "regexp_replace",
        category: Category::RegularExpression,
        description: "The text with every match of a regular expression replaced; $1 stands for what a group \
                      matched.",
        overloads: &[Overload {
            signature: "(text STRING, pattern STRING, replacement STRING)",
            returns: Returns::Type("STRING"),
            evaluate: Evaluate::Arrays(replace),
        }],
        examples: &[
            "REGEXP_REPLACE('a1b22', '[0-9]+', '#') = 'a#b#'",
            "REGEXP_REPLACE('a-b', '(.)-(.)', '$2-$1') = 'b-a'",
        ],
        is_deterministic: true,
    },
    Declaration {
        name: "regexp_split_to_array",
        category: Category::RegularExpression,
        description: "The parts of the text between the matches of a regular expression; its characters \
                      where the expression is empty.",
        overloads: &[Overload {
            signature: "(text STRING, pattern STRING)",
            returns: Returns::Type("ARRAY<STRING>"),
            evaluate: Evaluate::Arrays(split),
        }],
        examples: &["REGEXP_SPLIT_TO_ARRAY('a, b;c', '[,;] *') = ARRAY['a', 'b', 'c']"],
        is_deterministic: true,
    },
];

type Compiled = std::result::Result<JavaRegex, String>;

thread_local! {
    static COMPILED: PatternCache<Compiled> = PatternCache::new();
}

/// The expressions of a column of patterns.
struct Patterns<'a> {
    patterns: Texts<'a>,
    last: Remembered<Rc<Compiled>>,
}

impl<'a> Patterns<'a> {
    fn of(columns: &'a [ArrayRef], index: usize) -> Result<Patterns<'a>> {
        Ok(Patterns { patterns: Texts::of(columns, index)?, last: Remembered::new() })
    }

    /// The expression of a row; none for NULL and, with a note, where the pattern is not understood.
    fn get(&mut self, row: usize) -> Option<&JavaRegex> {
        let pattern = self.patterns.get(row)?;
        let compile = |pattern: &str| COMPILED.with(|cache| cache.get(pattern, JavaRegex::parse));
        let compiled: &Compiled = self.last.get(pattern, compile);
        match compiled {
            Ok(regex) => Some(regex),
            Err(reason) => {
                failures::note(|| reason.clone());
                None
            }
        }
    }
}

/// The groups that are asked for: the whole match where the call does not say.
struct Groups<'a>(Option<Values<'a, Int32Type>>);

impl<'a> Groups<'a> {
    fn of(columns: &'a [ArrayRef], index: usize) -> Result<Groups<'a>> {
        Ok(Groups(if columns.len() > index { Some(Values::of(columns, index)?) } else { None }))
    }

    /// The group of a row; none where the expression has no such group.
    fn get(&self, row: usize, regex: &JavaRegex) -> Option<usize> {
        let Some(groups) = self.0 else { return Some(0) };
        let group = groups.get(row)?;
        match usize::try_from(group) {
            Ok(group) => (group <= regex.groups()).then_some(group),
            Err(_) => {
                failures::note(|| format!("there is no group {group}"));
                None
            }
        }
    }
}

fn extract(columns: &[ArrayRef], _: &DataType) -> Result<ArrayRef> {
    let (mut patterns, text) = (Patterns::of(columns, 0)?, Texts::of(columns, 1)?);
    let groups = Groups::of(columns, 2)?;
    texts(text.len(), |row, out| {
        let text = text.get(row)?;
        let regex = patterns.get(row)?;
        let group = groups.get(row, regex)?;
        let found = regex.matches(text).next()??;
        out.push_str(found.group(group)?)
    })
}

fn extract_all(columns: &[ArrayRef], _: &DataType) -> Result<ArrayRef> {
    let (mut patterns, text) = (Patterns::of(columns, 0)?, Texts::of(columns, 1)?);
    let groups = Groups::of(columns, 2)?;
    Ok(text_lists(text.len(), |row, parts| {
        let text = text.get(row)?;
        let regex = patterns.get(row)?;
        let group = groups.get(row, regex)?;
        for found in regex.matches(text) {
            parts.append_option(found?.group(group));
        }
        Some(())
    }))
}

fn replace(columns: &[ArrayRef], _: &DataType) -> Result<ArrayRef> {
    let (text, replacement) = (Texts::of(columns, 0)?, Texts::of(columns, 2)?);
    let mut patterns = Patterns::of(columns, 1)?;
    texts(text.len(), |row, out| {
        let (text, replacement) = (text.get(row)?, replacement.get(row)?);
        let regex = patterns.get(row)?;
        let pieces = match pieces(replacement, regex) {
            Ok(pieces) => pieces,
            Err(reason) => {
                failures::note(|| reason);
                return None;
            }
        };
        let mut copied = 0;
        for found in regex.matches(text) {
            let found = found?;
            let whole = found.range();
            out.push_str(&text[copied..whole.start])?;
            for piece in &pieces {
                match piece {
                    Piece::Text(text) => out.push_str(text)?,
                    Piece::Group(group) => push_group(&found, *group, out)?,
                }
            }
            copied = whole.end;
        }
        out.push_str(&text[copied..])
    })
}

fn push_group(found: &Found<'_>, group: usize, out: &mut Buffer) -> Option<()> {
    found.group(group).map_or(Some(()), |part| out.push_str(part))
}

/// A piece of a replacement.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Piece {
    Text(String),
    Group(usize),
}

/// The pieces of a replacement: `$1` and `${name}` are groups, a backslash takes the meaning from the
/// character behind it.
fn pieces(replacement: &str, regex: &JavaRegex) -> std::result::Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut rest = replacement.chars().peekable();
    while let Some(character) = rest.next() {
        let group = match character {
            '\\' => {
                text.push(rest.next().ok_or("the replacement ends with a backslash")?);
                continue;
            }
            '$' if rest.next_if_eq(&'{').is_some() => {
                let name: String = rest.by_ref().take_while(|character| *character != '}').collect();
                let group = regex.group_named(&name);
                group.ok_or_else(|| format!("the pattern has no group '{name}'"))?
            }
            '$' => {
                let mut number: Option<usize> = None;
                // As many digits as there is still a group for.
                while let Some(digit) = rest.peek().and_then(|next| next.to_digit(10)) {
                    let longer = number.unwrap_or(0) * 10 + digit as usize;
                    if number.is_some() && longer > regex.groups() {
                        break;
                    }
                    number = Some(longer);
                    rest.next();
                }
                let number = number.ok_or("behind $ in a replacement stands the number of a group")?;
                if number > regex.groups() {
                    return Err(format!("the pattern has no group {number}"));
                }
                number
            }
            other => {
                text.push(other);
                continue;
            }
        };
        pieces.push(Piece::Text(std::mem::take(&mut text)));
        pieces.push(Piece::Group(group));
    }
    pieces.push(Piece::Text(text));
    Ok(pieces)
}

fn split(columns: &[ArrayRef], _: &DataType) -> Result<ArrayRef> {
    let (text, mut patterns) = (Texts::of(columns, 0)?, Patterns::of(columns, 1)?);
    Ok(text_lists(text.len(), |row, parts| {
        let text = text.get(row)?;
        let regex = patterns.get(row)?;
        if regex.matches_nothing() {
            return split_between_characters(text, regex, parts);
        }
        let mut copied = 0;
        for found in regex.matches(text) {
            let whole = found?.range();
            parts.append_value(&text[copied..whole.start]);
            copied = whole.end;
        }
        parts.append_value(&text[copied..]);
        Some(())
    }))
}

/// Splits by an expression that matches between characters: no part is empty at the beginning because of an
/// empty match, and none at the end.
fn split_between_characters(text: &str, regex: &JavaRegex, parts: &mut StringBuilder) -> Option<()> {
    let mut found: Vec<&str> = Vec::new();
    let mut copied = 0;
    for whole in regex.matches(text) {
        let whole = whole?.range();
        if whole.end > 0 {
            found.push(&text[copied..whole.start]);
            copied = whole.end;
        }
    }
    if copied == 0 {
        parts.append_value(text);
        return Some(());
    }
    found.push(&text[copied..]);
    while found.pop_if(|part| part.is_empty()).is_some() {}
    found.iter().for_each(|part| parts.append_value(part));
    Some(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, AsArray, StringArray};

    use crate::functions::sql_harness::{assert_values, evaluate, evaluate_over};

    #[test]
    fn the_first_match_or_a_group_of_it_is_taken() {
        assert_values(&[
            ("REGEXP_EXTRACT('b.', 'abcbd')", "STRING", Some("bc")),
            ("REGEXP_EXTRACT('x', 'abc')", "STRING", None),
            ("REGEXP_EXTRACT('(a)(b)?', 'ac', 1)", "STRING", Some("a")),
            ("REGEXP_EXTRACT('(a)(b)?', 'ac', 2)", "STRING", None),
            ("REGEXP_EXTRACT('(a)', 'a', 2)", "STRING", None),
            ("REGEXP_EXTRACT('[a-z]+(?=-)', 'low-tide')", "STRING", Some("low")),
            ("REGEXP_EXTRACT(NULL, 'a')", "STRING", None),
        ]);
        for refused in ["REGEXP_EXTRACT('(a', 'a')", "REGEXP_EXTRACT('(a)', 'a', -1)"] {
            let (_, value, failures) = evaluate(refused);
            assert_eq!((value, failures.len()), (None, 1), "{refused}");
        }
    }

    #[test]
    fn every_row_may_have_a_pattern_of_its_own() {
        let column = |values: Vec<Option<&str>>| Arc::new(StringArray::from(values)) as ArrayRef;
        let columns = [
            ("P", column(vec![Some("a"), Some("[0-9]"), Some("["), None, Some("a")])),
            ("A", column(vec![Some("xa1"), Some("xa1"), Some("xa1"), Some("xa1"), None])),
        ];
        let (found, failures) = evaluate_over(&columns, "REGEXP_EXTRACT(P, A)");
        assert_eq!(
            found.as_string::<i32>(),
            &StringArray::from(vec![Some("a"), Some("1"), None, None, None])
        );
        assert_eq!(failures.len(), 1);
    }

    #[test]
    fn all_matches_are_taken() {
        assert_values(&[
            ("REGEXP_EXTRACT_ALL('[a-c]', 'axbyc')", "ARRAY<STRING>", Some("[a, b, c]")),
            ("REGEXP_EXTRACT_ALL('(.)=(.)?', 'a=1 b=2', 2)", "ARRAY<STRING>", Some("[1, 2]")),
            ("REGEXP_EXTRACT_ALL('(.)=(.)?', 'a=', 2)", "ARRAY<STRING>", Some("[null]")),
            ("REGEXP_EXTRACT_ALL('x', 'abc')", "ARRAY<STRING>", Some("[]")),
            ("REGEXP_EXTRACT_ALL('x', 'abc', 1)", "ARRAY<STRING>", None),
            ("REGEXP_EXTRACT_ALL('x', NULL)", "ARRAY<STRING>", None),
        ]);
    }

    #[test]
    fn matches_are_replaced_and_groups_put_in() {
        assert_values(&[
            ("REGEXP_REPLACE('a1b2', '[0-9]', '')", "STRING", Some("ab")),
            ("REGEXP_REPLACE('john smith', '(\\w+) (\\w+)', '$2, $1')", "STRING", Some("smith, john")),
            ("REGEXP_REPLACE('ab', '(?<first>a)', '<${first}>')", "STRING", Some("<a>b")),
            ("REGEXP_REPLACE('a', '(a)', '$12')", "STRING", Some("a2")),
            ("REGEXP_REPLACE('a', 'a', '\\$1')", "STRING", Some("$1")),
            ("REGEXP_REPLACE('abc', 'x*', '-')", "STRING", Some("-a-b-c-")),
            ("REGEXP_REPLACE('aabbc', '(.)\\1', '<$1>')", "STRING", Some("<a><b>c")),
            ("REGEXP_REPLACE('a', 'a', '$1')", "STRING", None),
            ("REGEXP_REPLACE('a', 'a', NULL)", "STRING", None),
        ]);
    }

    #[test]
    fn texts_are_split_at_matches() {
        assert_values(&[
            ("REGEXP_SPLIT_TO_ARRAY('1a22b', '[ab]')", "ARRAY<STRING>", Some("[1, 22, ]")),
            ("REGEXP_SPLIT_TO_ARRAY('abc', 'x')", "ARRAY<STRING>", Some("[abc]")),
            ("REGEXP_SPLIT_TO_ARRAY('äbc', '')", "ARRAY<STRING>", Some("[ä, b, c]")),
            ("REGEXP_SPLIT_TO_ARRAY('axxb', 'x*')", "ARRAY<STRING>", Some("[a, , b]")),
            ("REGEXP_SPLIT_TO_ARRAY('a,b;c', '(?<=a)[,;]')", "ARRAY<STRING>", Some("[a, b;c]")),
            ("REGEXP_SPLIT_TO_ARRAY('a', '(')", "ARRAY<STRING>", None),
            ("REGEXP_SPLIT_TO_ARRAY('a', NULL)", "ARRAY<STRING>", None),
        ]);
    }
}
