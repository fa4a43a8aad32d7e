//! Colours of a statement while it is typed.

use tidemill_sql::parser::highlight::{TokenClass, tokens};

/// The text with its tokens coloured. It is as wide as before.
pub(crate) fn coloured(line: &str) -> String {
    let mut text = String::with_capacity(line.len() * 2);
    let mut written = 0;
    for (class, range) in tokens(line) {
        text.push_str(&line[written..range.start]);
        match colour(class) {
            Some(code) => {
                text.push_str(code);
                text.push_str(&line[range.clone()]);
                text.push_str("\u{1b}[0m");
            }
            None => text.push_str(&line[range.clone()]),
        }
        written = range.end;
    }
    text.push_str(&line[written..]);
    text
}

/// The escape sequence of a class: the eight colours every terminal has, in the user's own shades.
fn colour(class: TokenClass) -> Option<&'static str> {
    match class {
        TokenClass::Keyword => Some("\u{1b}[1;34m"),
        TokenClass::Function => Some("\u{1b}[36m"),
        TokenClass::String => Some("\u{1b}[32m"),
        TokenClass::Number => Some("\u{1b}[35m"),
        TokenClass::Comment => Some("\u{1b}[2m"),
        TokenClass::Variable => Some("\u{1b}[33m"),
        TokenClass::Name | TokenClass::Symbol => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_its_colours_the_text_is_what_was_typed() {
        let line = "SELECT sum(a), 'ö' FROM `S` -- why\n  WHERE ${v} > 1 AND x = 'open";
        let mut plain = coloured(line);
        while let Some(start) = plain.find('\u{1b}') {
            let end = start + plain[start..].find('m').unwrap();
            plain.replace_range(start..=end, "");
        }
        assert_eq!(plain, line);
    }

    #[test]
    fn keywords_are_coloured_and_names_are_not() {
        assert_eq!(coloured("FROM s"), "\u{1b}[1;34mFROM\u{1b}[0m s");
    }
}
