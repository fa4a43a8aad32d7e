//! Which keyword a word was meant to be that does not fit where it stands.
//!
//! The slip is in the word at which the text ends to make sense, in the one before it, which was taken for a
//! name: `FROM orders GROPU BY` is wrong at `BY`; or in the one behind it, which makes one clause with it:
//! `PRINT orders FROM BEGINING` is wrong at `FROM`. Every similar keyword is put in its place and the
//! text is read again; the one with which more of it makes sense was meant. So no word is suggested that
//! could not stand there, and the grammar needs no list of what it would have taken.

use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::cursor::unquoted;
use super::keywords;
use crate::error::{Position, SqlError, SqlErrorKind, similar};

/// Keywords tried in the place of one word; a slip is similar to few.
const TRIED_MAX: usize = 4;

/// Adds to a syntax error in `tokens` the keyword that was meant, if one was. `read` reads tokens and tells
/// what is wrong with them.
pub(crate) fn suggest(
    error: SqlError,
    tokens: &[TokenWithSpan],
    read: impl Fn(Vec<TokenWithSpan>) -> Result<(), SqlError>,
) -> SqlError {
    let Some(wrong) = error.position else { return error };
    if error.kind != SqlErrorKind::Syntax || error.hint.is_some() {
        return error;
    }
    let begins_before = |token: &TokenWithSpan| Position::from_location(token.span.start) < Some(wrong);
    let at = tokens.partition_point(begins_before);
    let reaches_further = |index: usize, keyword: &str| {
        let mut corrected = tokens.to_vec();
        let mut slip = None;
        if let Some(token) = corrected.get_mut(index) {
            token.token = Token::make_keyword(keyword);
            slip = Position::from_location(token.span.start);
        }
        read(corrected).err().is_none_or(|error| error.position > slip.max(Some(wrong)))
    };
    let meant = |index: usize| {
        let word = unquoted(&tokens.get(index)?.token)?;
        let candidates = similar(word, keywords::keywords()).into_iter();
        let others = candidates.filter(|keyword| !keyword.eq_ignore_ascii_case(word)).take(TRIED_MAX);
        let keyword = others.into_iter().find(|keyword| reaches_further(index, keyword))?;
        Some((word, keyword))
    };
    if let Some((_, keyword)) = meant(at) {
        return error.with_hint(format!("did you mean '{keyword}'?"));
    }
    match at.checked_sub(1).and_then(meant).or_else(|| meant(at + 1)) {
        Some((word, keyword)) => error.with_hint(format!("did you mean '{keyword}' instead of '{word}'?")),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use crate::parser::parse;

    #[track_caller]
    fn hint(text: &str) -> Option<String> {
        parse(text).expect_err(text).hint
    }

    #[test]
    fn a_slip_in_a_keyword_is_met_with_the_keyword() {
        for (text, keyword) in [
            ("SELECT * FORM x", "FROM"),
            ("LIST STREAM", "STREAMS"),
            ("CREATE STREM s (a INT)", "STREAM"),
            ("DESCRIBE s EXTENDD", "EXTENDED"),
            ("CREATE STREAM s (a INT) WTH (kafka_topic = 'x')", "WITH"),
            ("SELECT * FROM s WINDOW TUMBLING (SIZE 1 MINTE) GROUP BY a", "MINUTE"),
            ("SELECT * FROM s WINDOW TUMBLING (SIZE 1 MINUTE, GRCE PERIOD 1 DAY) GROUP BY a", "GRACE"),
            ("SELECT * FROM s EMIT CHANGE", "CHANGES"),
            ("DROP STREAM IF EXIST s", "EXISTS"),
        ] {
            assert_eq!(hint(text), Some(format!("did you mean '{keyword}'?")), "{text}");
        }
    }

    #[test]
    fn a_slip_beside_the_place_of_the_error_is_found() {
        for (text, word, keyword) in [
            ("SELECT a FORM s", "FORM", "FROM"),
            ("SELECT a, COUNT(*) FROM s GROPU BY a", "GROPU", "GROUP"),
            ("CREATE STREAM t AS SELECT * FROM s PARTION BY a", "PARTION", "PARTITION"),
            ("SELECT * FROM s WHER a = 1", "WHER", "WHERE"),
            ("SELECT * FROM s LIMT 5", "LIMT", "LIMIT"),
            ("PRINT t FROM BEGINING", "BEGINING", "BEGINNING"),
            ("SELECT * FROM a JOIN b WITHN 1 HOUR ON a.x = b.x", "WITHN", "WITHIN"),
        ] {
            let expected = format!("did you mean '{keyword}' instead of '{word}'?");
            assert_eq!(hint(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn no_keyword_is_suggested_that_could_not_stand_there() {
        for text in [
            "SELECT * FROM s form x",
            "SELECT a b c FROM s",
            "SELECT * FROM grop BY a",
            "CREATE STREAM s (a INT) x",
        ] {
            assert_eq!(hint(text), None, "{text}");
        }
    }
}
