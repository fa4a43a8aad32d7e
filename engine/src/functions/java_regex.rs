//! Regular expressions as Java writes them.
//!
//! They become expressions of the `regex` crate, which are matched in linear time. Where the two mean
//! different things by the same signs, Java's meaning is written out. What needs backtracking (look-around,
//! back references, possessive quantifiers, atomic groups) is matched by `fancy-regex` instead, within a
//! bound of steps: such expressions may take time that doubles with every character.

use std::ops::Range;

use regex::{Regex, RegexBuilder};

use crate::expressions::failures;

/// Memory that a compiled expression may take, and its search.
const SIZE_BYTES_MAX: usize = 1 << 20;

/// How often one search may go back: enough for every expression that is meant well, and done in some
/// hundredths of a second.
const BACKTRACKS_MAX: usize = 500_000;

/// A regular expression, ready to search.
#[derive(Debug)]
pub(super) enum JavaRegex {
    /// One that is matched in linear time.
    Linear(Regex),
    /// One that needs backtracking.
    Backtracking(Box<fancy_regex::Regex>),
}

/// A match in a text.
pub(super) enum Found<'a> {
    Linear(regex::Captures<'a>),
    Backtracking(fancy_regex::Captures<'a>),
}

impl<'a> Found<'a> {
    /// Where the match is.
    pub(super) fn range(&self) -> Range<usize> {
        match self {
            Found::Linear(found) => found.get_match().range(),
            Found::Backtracking(found) => found.get(0).map_or(0..0, |whole| whole.range()),
        }
    }

    /// What a group matched; group 0 is the whole.
    pub(super) fn group(&self, group: usize) -> Option<&'a str> {
        match self {
            Found::Linear(found) => found.get(group).map(|part| part.as_str()),
            Found::Backtracking(found) => found.get(group).map(|part| part.as_str()),
        }
    }
}

impl JavaRegex {
    /// Reads an expression.
    ///
    /// # Errors
    /// What is wrong with it, in a sentence.
    pub(super) fn parse(pattern: &str) -> Result<JavaRegex, String> {
        let invalid = |reason: String| format!("invalid regular expression pattern '{pattern}': {reason}");
        if let Some(translated) = translate(pattern, Matching::Linear) {
            return RegexBuilder::new(&translated)
                .size_limit(SIZE_BYTES_MAX)
                .dfa_size_limit(SIZE_BYTES_MAX)
                .build()
                .map(JavaRegex::Linear)
                .map_err(|error| invalid(error.to_string()));
        }
        let translated = translate(pattern, Matching::Backtracking).ok_or_else(|| {
            invalid("it ends within an escape, or has one that is not understood".to_owned())
        })?;
        fancy_regex::RegexBuilder::new(&translated)
            .backtrack_limit(BACKTRACKS_MAX)
            .delegate_size_limit(SIZE_BYTES_MAX)
            .delegate_dfa_size_limit(SIZE_BYTES_MAX)
            .build()
            .map(|regex| JavaRegex::Backtracking(Box::new(regex)))
            .map_err(|error| invalid(error.to_string()))
    }

    /// How many groups it has, the whole not counted.
    pub(super) fn groups(&self) -> usize {
        let with_whole = match self {
            JavaRegex::Linear(regex) => regex.captures_len(),
            JavaRegex::Backtracking(regex) => regex.captures_len(),
        };
        with_whole.saturating_sub(1)
    }

    /// The number of a named group.
    pub(super) fn group_named(&self, name: &str) -> Option<usize> {
        match self {
            JavaRegex::Linear(regex) => regex.capture_names().position(|other| other == Some(name)),
            JavaRegex::Backtracking(regex) => regex.capture_names().position(|other| other == Some(name)),
        }
    }

    /// Whether the empty text matches.
    pub(super) fn matches_nothing(&self) -> bool {
        self.matches("").next().is_some()
    }

    /// The matches in a text, one after the other, as Java finds them: behind a match there may be an empty
    /// one. None, with a note, stands for a match whose search takes too many steps, and is the last.
    pub(super) fn matches<'a>(&'a self, text: &'a str) -> impl Iterator<Item = Option<Found<'a>>> + 'a {
        let mut from = Some(0);
        std::iter::from_fn(move || {
            let Some(found) = self.find(text, from?) else {
                from = None;
                return Some(None);
            };
            let found = found?;
            let whole = found.range();
            from = match text[whole.end..].chars().next() {
                _ if !whole.is_empty() => Some(whole.end),
                Some(character) => Some(whole.end + character.len_utf8()),
                None => None,
            };
            Some(Some(found))
        })
    }

    /// The first match from a position on, if there is one; none outside, with a note, where the search
    /// takes too many steps.
    fn find<'a>(&'a self, text: &'a str, from: usize) -> Option<Option<Found<'a>>> {
        match self {
            JavaRegex::Linear(regex) => Some(regex.captures_at(text, from).map(Found::Linear)),
            JavaRegex::Backtracking(regex) => match regex.captures_from_pos(text, from) {
                Ok(found) => Some(found.map(Found::Backtracking)),
                Err(error) => {
                    failures::note(|| format!("the regular expression '{}': {error}", regex.as_str()));
                    None
                }
            },
        }
    }
}

/// How a translated expression is matched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Matching {
    Linear,
    Backtracking,
}

/// The characters that `.` does not match.
const LINE_ENDS: &str = r"\n\r\u{85}\u{2028}\u{2029}";

/// The expression as the crate writes it; none where it cannot.
fn translate(pattern: &str, matching: Matching) -> Option<String> {
    let is_linear = matching == Matching::Linear;
    let mut out = String::with_capacity(pattern.len() * 2);
    let dot_matches_all = has_flag(pattern, 's');
    let mut class_depth = 0_usize;
    let mut rest = pattern.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\\' => escape(&mut rest, class_depth > 0, matching, &mut out)?,
            '[' => {
                class_depth += 1;
                out.push('[');
                if rest.next_if_eq(&'^').is_some() {
                    out.push('^');
                }
            }
            ']' => {
                class_depth = class_depth.saturating_sub(1);
                out.push(']');
            }
            _ if class_depth > 0 => {
                // The crate's signs for differences of classes, which Java does not have.
                if matches!(character, '-' | '~') && rest.peek() == Some(&character) {
                    out.push('\\');
                }
                out.push(character);
            }
            '.' if !dot_matches_all => {
                out.push_str("[^");
                out.push_str(LINE_ENDS);
                out.push(']');
            }
            '*' | '+' | '?' | '}' if is_linear && rest.peek() == Some(&'+') => return None,
            '(' if is_linear && rest.peek() == Some(&'?') => {
                out.push('(');
                let kind: String = rest.clone().skip(1).take(2).collect();
                let looks_around = ["=", "!", ">"].iter().any(|sign| kind.starts_with(sign));
                if looks_around || kind == "<=" || kind == "<!" {
                    return None;
                }
            }
            other => out.push(other),
        }
    }
    Some(out)
}

/// Whether a pattern switches a flag on: `(?s)`, `(?is:…)`.
fn has_flag(pattern: &str, flag: char) -> bool {
    pattern.match_indices("(?").any(|(at, sign)| {
        pattern[at + sign.len()..].chars().take_while(char::is_ascii_alphabetic).any(|found| found == flag)
    })
}

/// Writes what stands behind a backslash.
fn escape(
    rest: &mut std::iter::Peekable<std::str::Chars<'_>>,
    in_class: bool,
    matching: Matching,
    out: &mut String,
) -> Option<()> {
    /// Java's classes are those of ASCII.
    const DIGITS: &str = "0-9";
    const WORD: &str = "A-Za-z0-9_";
    const SPACE: &str = r" \t\n\x0B\f\r";
    const BLANK: &str = r" \t\u{a0}\u{1680}\u{180e}\u{2000}-\u{200a}\u{202f}\u{205f}\u{3000}";
    let mut class = |members: &str, negated: bool| {
        // A class in a class is taken out of it by the crate as by Java.
        let sign = if negated { "^" } else { "" };
        if in_class && !negated {
            out.push_str(members);
        } else {
            out.push_str(&format!("[{sign}{members}]"));
        }
    };
    match rest.next()? {
        'd' => class(DIGITS, false),
        'D' => class(DIGITS, true),
        'w' => class(WORD, false),
        'W' => class(WORD, true),
        's' => class(SPACE, false),
        'S' => class(SPACE, true),
        'h' => class(BLANK, false),
        'H' => class(BLANK, true),
        'v' => class(r"\n\x0B\f\r\u{85}\u{2028}\u{2029}", false),
        // Words of ASCII, which the other crate cannot tell from others.
        'b' if matching == Matching::Linear => out.push_str(r"(?-u:\b)"),
        'R' => out.push_str(r"(?:\r\n|[\n\x0B\f\r\u{85}\u{2028}\u{2029}])"),
        'Z' => out.push_str(r"\z"),
        'e' => out.push_str(r"\x1B"),
        'Q' => {
            let mut quoted = String::new();
            for character in rest.by_ref() {
                quoted.push(character);
                if quoted.ends_with("\\E") {
                    quoted.truncate(quoted.len() - 2);
                    break;
                }
            }
            out.push_str(&regex::escape(&quoted));
        }
        'p' => property(rest, 'p', out)?,
        'P' => property(rest, 'P', out)?,
        // Back references, and where the match before ended.
        '1'..='9' | 'k' | 'G' if matching == Matching::Linear => return None,
        'X' => return None,
        letter if letter.is_ascii_alphanumeric() => {
            out.push('\\');
            out.push(letter);
        }
        sign => out.push_str(&regex::escape(sign.encode_utf8(&mut [0; 4]))),
    }
    Some(())
}

/// Writes a class of characters that has a name: `\p{Alpha}`, `\p{IsLatin}`, `\pL`.
fn property(rest: &mut std::iter::Peekable<std::str::Chars<'_>>, sign: char, out: &mut String) -> Option<()> {
    let name: String = match rest.next()? {
        '{' => rest.by_ref().take_while(|character| *character != '}').collect(),
        letter => letter.to_string(),
    };
    const OF_ASCII: [&str; 13] = [
        "Lower", "Upper", "ASCII", "Alpha", "Digit", "Alnum", "Punct", "Graph", "Print", "Blank", "Cntrl",
        "XDigit", "Space",
    ];
    if OF_ASCII.contains(&name.as_str()) {
        let sign = if sign == 'P' { "^" } else { "" };
        out.push_str(&format!("[[:{sign}{}:]]", name.to_lowercase()));
    } else {
        let name = name.strip_prefix("Is").unwrap_or(&name);
        out.push_str(&format!("\\{sign}{{{name}}}"));
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pattern: &str, text: &str) -> Vec<String> {
        let regex = JavaRegex::parse(pattern).unwrap_or_else(|error| panic!("{error}"));
        let found = regex.matches(text).map(|found| found.expect("few steps"));
        found.map(|found| found.group(0).expect("the whole").to_owned()).collect()
    }

    #[test]
    fn signs_mean_what_they_mean_in_java() {
        assert_eq!(found(r"\d+", "12 ٣ 4"), ["12", "4"]);
        assert_eq!(found(r"\w+", "ab_é c"), ["ab_", "c"]);
        assert_eq!(found(r"[\d\s]+", "a1 2b"), ["1 2"]);
        assert_eq!(found(r"[^\d]+", "a1b"), ["a", "b"]);
        assert_eq!(found(r"[\D]+", "a1b"), ["a", "b"]);
        assert_eq!(found(".+", "ab\r\ncd"), ["ab", "cd"]);
        assert_eq!(found("(?s).+", "ab\r\ncd"), ["ab\r\ncd"]);
        assert_eq!(found(r"\Qa.b\E+", "a.bb axb"), ["a.bb"]);
        assert_eq!(found(r"\<\w\>", "<a>"), ["<a>"]);
        assert_eq!(found(r"\p{Upper}\p{Lower}", "Ab äB"), ["Ab"]);
        assert_eq!(found(r"\p{IsGreek}", "aλ"), ["λ"]);
        assert_eq!(found(r"\bb\w", "ab bc"), ["bc"]);
        assert_eq!(found("[a-z&&[^b]]+", "abc"), ["a", "c"]);
        assert_eq!(found(r"\u0041", "A"), ["A"]);
    }

    #[test]
    fn empty_matches_are_found_behind_others() {
        assert_eq!(found("a*", "baac"), ["", "aa", "", ""]);
        assert_eq!(found(".*", "ä"), ["ä", ""]);
    }

    #[test]
    fn what_is_not_closed_or_too_large_is_refused() {
        for pattern in ["(a", "[a", "a\\", "(?=a", r"(a)\2", "a{3000}{3000}", r"\X"] {
            assert!(JavaRegex::parse(pattern).is_err(), "{pattern}");
        }
        assert!(JavaRegex::parse("(?<name>a)").is_ok());
    }

    #[test]
    fn look_around_and_references_back_are_followed() {
        assert_eq!(found(r"\w+(?=\.)", "low. high tide."), ["low", "tide"]);
        assert_eq!(found("a(?!b).", "abac"), ["ac"]);
        assert_eq!(found(r"(?<=\$)\d+", "$12 13"), ["12"]);
        assert_eq!(found("(?<!x)y", "xy y"), ["y"]);
        assert_eq!(found(r"(\w)\1", "a bb ccd"), ["bb", "cc"]);
        assert_eq!(found(r"(?<sign>['`])\w+\k<sign>", "'a` 'b'"), ["'b'"]);
        assert_eq!(found("(?>a+)b", "aab"), ["aab"]);
        assert!(found("a++a", "aaa").is_empty());
        assert_eq!(found(r"(?=\d)[\d\s]+", "a1 2b"), ["1 2"]);
        let named = JavaRegex::parse(r"(?<sign>a)(?=b)(c)?").expect("an expression");
        assert_eq!((named.groups(), named.group_named("sign")), (2, Some(1)));
        let groups = named.matches("ab").next().flatten().map(|found| (found.range(), found.group(2)));
        assert_eq!(groups, Some((0..1, None)));
    }

    #[test]
    fn a_search_of_too_many_steps_is_given_up_and_noted() {
        let doubling = JavaRegex::parse(r"^(a+)+(?!x)\1b$").expect("an expression");
        let text = "a".repeat(200);
        let search = || doubling.matches(&text).map(|found| found.is_none()).collect::<Vec<bool>>();
        let (given_up, noted) = failures::collect(search);
        assert_eq!((given_up, noted.count), (vec![true], 1));
    }
}
