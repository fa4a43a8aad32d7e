//! What the tab key proposes.

use tidemill_sql::parser::highlight::{TokenClass, tokens};
use tidemill_sql::parser::keywords::{is_reserved, keywords};

use super::commands::{BACKSLASH, EXPANDED_MODES, OF_SOURCES};
use super::names::Names;

/// Words after which a stream or table is named.
const BEFORE_SOURCES: &[&str] =
    &["FROM", "JOIN", "INTO", "DESCRIBE", "STREAM", "TABLE", "EXISTS", "EXTENDED"];

/// Where the word before the cursor begins, and what it may become.
pub(crate) fn complete(line: &str, cursor: usize, names: &Names) -> (usize, Vec<String>) {
    let before = line.get(..cursor).unwrap_or(line);
    if before.starts_with('\\') {
        return complete_backslash(before, names);
    }
    let start = word_start(before);
    let word = &before[start..];
    if in_text(before) {
        return (start, Vec::new());
    }
    if let Some((source, prefix)) = word.rsplit_once('.') {
        let columns = columns_of(source, before, names);
        return (before.len() - prefix.len(), matching(prefix, columns.iter().map(String::as_str)));
    }
    let previous = last_word(&before[..start]);
    let sources = names.sources.keys().map(String::as_str);
    if BEFORE_SOURCES.contains(&previous.as_str()) {
        let mut found = matching(word, sources);
        // CREATE STREAM IF NOT EXISTS and DROP TABLE IF EXISTS may still be written.
        if matches!(previous.as_str(), "STREAM" | "TABLE") && !word.is_empty() && begins("IF", word) {
            found.extend(in_case_of(word, vec!["IF".to_owned()]));
        }
        return (start, found);
    }
    if word.is_empty() {
        return (start, Vec::new());
    }
    let columns = names.sources.values().flatten().map(String::as_str);
    let functions = names.functions.iter().map(String::as_str);
    let mut found = matching(word, columns);
    found.extend(matching(word, sources));
    found.extend(matching_keywords(word));
    found.extend(in_case_of(word, matching(word, functions)));
    let mut seen = std::collections::BTreeSet::new();
    found.retain(|candidate| seen.insert(candidate.clone()));
    (start, found)
}

/// A backslash command, or what may follow it.
fn complete_backslash(before: &str, names: &Names) -> (usize, Vec<String>) {
    let Some((command, argument)) = before.split_once(char::is_whitespace) else {
        let commands = BACKSLASH.iter().filter(|command| command.starts_with(before));
        return (0, commands.map(|&command| command.to_owned()).collect());
    };
    let word = argument.trim_start();
    let found = match command {
        "\\x" => {
            EXPANDED_MODES.iter().filter(|mode| begins(mode, word)).map(|&mode| mode.to_owned()).collect()
        }
        "\\df" => in_case_of(word, matching(word, names.functions.iter().map(String::as_str))),
        _ if OF_SOURCES.contains(&command) => matching(word, names.sources.keys().map(String::as_str)),
        _ => Vec::new(),
    };
    (before.len() - word.len(), found)
}

/// Columns that `source.` may be followed by: those of the source, or of what the statement gives that
/// alias to.
fn columns_of<'n>(source: &str, statement: &str, names: &'n Names) -> &'n [String] {
    let named = |name: &str| {
        let found = names.sources.iter().find(|(candidate, _)| candidate.eq_ignore_ascii_case(name));
        found.map(|(_, columns)| columns.as_slice())
    };
    if let Some(columns) = named(source) {
        return columns;
    }
    let words: Vec<&str> = tokens(statement)
        .into_iter()
        .filter(|(class, range)| {
            *class == TokenClass::Name
                || (*class == TokenClass::Keyword && !statement[range.clone()].eq_ignore_ascii_case("AS"))
        })
        .map(|(_, range)| &statement[range])
        .collect();
    let alias =
        words.windows(2).find(|pair| pair[1].eq_ignore_ascii_case(source) && named(pair[0]).is_some());
    alias.and_then(|pair| named(pair[0])).unwrap_or_default()
}

/// Whether the end of the text is inside of a string or comment.
fn in_text(before: &str) -> bool {
    tokens(before).last().is_some_and(|(class, range)| {
        let text = &before[range.clone()];
        range.end == before.len()
            && match class {
                TokenClass::String => text.len() == 1 || !text.ends_with('\''),
                TokenClass::Comment => !text.ends_with("*/") && !text.ends_with('\n'),
                _ => false,
            }
    })
}

fn word_start(before: &str) -> usize {
    let is_part = |character: char| character.is_alphanumeric() || matches!(character, '_' | '.');
    before
        .char_indices()
        .rev()
        .take_while(|(_, character)| is_part(*character))
        .last()
        .map_or(before.len(), |(at, _)| at)
}

fn last_word(text: &str) -> String {
    text.split_whitespace().next_back().unwrap_or_default().to_uppercase()
}

/// Names that begin with the word in whatever case, as they have to be written.
fn matching<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    names.filter(|name| begins(name, word)).map(written).collect()
}

fn matching_keywords(word: &str) -> Vec<String> {
    in_case_of(word, keywords().filter(|keyword| begins(keyword, word)).map(str::to_owned).collect())
}

/// Words of the language in the case in which the word was begun.
fn in_case_of(word: &str, candidates: Vec<String>) -> Vec<String> {
    let lower = word.chars().next_back().is_some_and(char::is_lowercase);
    candidates
        .into_iter()
        .map(|candidate| if lower { candidate.to_lowercase() } else { candidate.to_uppercase() })
        .collect()
}

fn begins(name: &str, word: &str) -> bool {
    name.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

/// A name as it has to be written: in quotes if it would be read differently without.
fn written(name: &str) -> String {
    let regular = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let one_case =
        !(name.contains(|c: char| c.is_ascii_lowercase()) && name.contains(|c: char| c.is_ascii_uppercase()));
    if regular && one_case && !is_reserved(name) {
        name.to_owned()
    } else {
        format!("`{}`", name.replace('`', "``"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        let columns = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        Names {
            sources: [
                ("orders".to_owned(), columns(&["id", "amount"])),
                ("players".to_owned(), columns(&["name"])),
            ]
            .into(),
            functions: vec!["SUM".to_owned(), "COUNT".to_owned()],
        }
    }

    fn completed(line: &str) -> (usize, Vec<String>) {
        complete(line, line.len(), &names())
    }

    #[test]
    fn after_from_only_streams_and_tables_are_proposed() {
        assert_eq!(completed("SELECT * FROM ord"), (14, vec!["orders".to_owned()]));
        assert_eq!(completed("select * from ").1, ["orders", "players"]);
    }

    #[test]
    fn words_of_the_language_come_in_the_case_that_was_begun() {
        assert!(completed("SEL").1.contains(&"SELECT".to_owned()));
        assert!(completed("sel").1.contains(&"select".to_owned()));
        assert!(completed("select su").1.contains(&"sum".to_owned()));
    }

    #[test]
    fn columns_follow_a_source_or_its_alias_and_a_dot() {
        assert_eq!(completed("SELECT orders.am"), (14, vec!["amount".to_owned()]));
        assert_eq!(completed("SELECT 1 FROM orders AS o WHERE o.").1, ["id", "amount"]);
        assert_eq!(completed("SELECT 1 FROM players p WHERE p.").1, ["name"]);
        assert!(completed("SELECT x.").1.is_empty());
    }

    #[test]
    fn nothing_is_proposed_inside_of_text() {
        assert!(completed("SELECT 'sel").1.is_empty());
        assert!(completed("-- sel").1.is_empty());
    }

    #[test]
    fn backslash_commands_are_completed_at_the_beginning() {
        assert_eq!(completed("\\").1.len(), BACKSLASH.len());
        assert_eq!(completed("\\q"), (0, vec!["\\q".to_owned()]));
        assert_eq!(completed("\\d ord"), (3, vec!["orders".to_owned()]));
        assert_eq!(completed("\\df su").1, ["sum"]);
        assert_eq!(completed("\\x o").1, ["on", "off"]);
        assert!(completed("\\i sel").1.is_empty(), "a file is no name");
    }

    #[test]
    fn names_that_need_quotes_get_them() {
        assert_eq!(written("Orders"), "`Orders`");
        assert_eq!(written("a-b"), "`a-b`");
        assert_eq!(written("orders"), "orders");
        assert_eq!(written("from"), "`from`");
    }

    #[test]
    fn a_cursor_in_the_middle_completes_the_word_before_it() {
        let line = "SELECT * FROM ord WHERE x";
        assert_eq!(complete(line, 17, &names()), (14, vec!["orders".to_owned()]));
    }
}
