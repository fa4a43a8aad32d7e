//! Reading our own clauses off sqlparser's token stream.
//!
//! sqlparser knows a fixed list of keywords; ours (`EMIT`, `TUMBLING`, `GRACE` …) are mostly not on
//! it. So clauses are recognised by the text of unquoted words, in any case, and every failure
//! says what was expected in the one form that
//! [`syntax_error`](super::syntax_error) understands.

use sqlparser::ast::Ident;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Span, Token};

use super::keywords;

/// Words, symbols and positions, as the grammar of our own clauses needs them.
pub(crate) trait TokenCursor {
    /// Whether the token `n` places ahead is the unquoted word `word` (given in upper case).
    fn peek_word_at(&self, n: usize, word: &str) -> bool;
    /// Whether the token `n` places ahead is `token`.
    fn peek_symbol_at(&self, n: usize, token: &Token) -> bool;
    /// Takes the words if they are next, all or none of them.
    fn take_words(&mut self, words: &[&str]) -> bool;
    /// Takes the words or fails saying they were expected.
    fn expect_words(&mut self, words: &[&str]) -> Result<(), ParserError>;
    /// Takes a name; a reserved word must be quoted to be one.
    fn expect_name(&mut self, what: &str) -> Result<Ident, ParserError>;
    /// Takes the name of a column or field, which may also be a word that only Postgres reserves.
    fn expect_column(&mut self, what: &str) -> Result<Ident, ParserError>;
    /// Whether the next word is one that only Postgres reserves, and does not begin its clause here.
    fn peek_unclaimed_word(&self) -> bool;
    /// Takes a whole number that is not negative.
    fn expect_count(&mut self, what: &str) -> Result<u64, ParserError>;
    /// Takes a string.
    fn expect_string(&mut self, what: &str) -> Result<(String, Span), ParserError>;
    /// Fails with `what` expected at the next token.
    fn unexpected<T>(&self, what: &str) -> Result<T, ParserError>;
    /// Where the next token starts; the empty location at the end.
    fn here(&self) -> Location;
    /// From `start` to the end of the token taken last.
    fn span_from(&self, start: Location) -> Span;
    /// Whether there is no token left.
    fn at_end(&self) -> bool;

    /// Whether `word` is next.
    fn peek_word(&self, word: &str) -> bool {
        self.peek_word_at(0, word)
    }
    /// Whether the words are next.
    fn peek_words(&self, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(n, word)| self.peek_word_at(n, word))
    }
    /// Takes `word` if it is next.
    fn take_word(&mut self, word: &str) -> bool {
        self.take_words(&[word])
    }
    /// Takes the first of `words` that is next.
    fn take_one_of<'w>(&mut self, words: &[&'w str]) -> Option<&'w str> {
        words.iter().find(|word| self.take_word(word)).copied()
    }
}

impl TokenCursor for Parser<'_> {
    fn peek_word_at(&self, n: usize, word: &str) -> bool {
        unquoted(&self.peek_nth_token_ref(n).token).is_some_and(|found| found.eq_ignore_ascii_case(word))
    }

    fn peek_symbol_at(&self, n: usize, token: &Token) -> bool {
        self.peek_nth_token_ref(n).token == *token
    }

    fn take_words(&mut self, words: &[&str]) -> bool {
        let found = self.peek_words(words);
        if found {
            for _ in words {
                self.advance_token();
            }
        }
        found
    }

    fn expect_words(&mut self, words: &[&str]) -> Result<(), ParserError> {
        for word in words {
            if !self.take_word(word) {
                return self.unexpected(word);
            }
        }
        Ok(())
    }

    fn expect_name(&mut self, what: &str) -> Result<Ident, ParserError> {
        let next = self.peek_token_ref();
        match &next.token {
            Token::Word(word) if word.quote_style.is_none() && keywords::is_reserved(&word.value) => {
                self.unexpected(what)
            }
            Token::Word(word) => {
                let ident = word.to_ident(next.span);
                self.advance_token();
                Ok(ident)
            }
            _ => self.unexpected(what),
        }
    }

    fn expect_column(&mut self, what: &str) -> Result<Ident, ParserError> {
        let next = self.peek_token_ref();
        match &next.token {
            Token::Word(word) if self.peek_unclaimed_word() => {
                let ident = word.to_ident(next.span);
                self.advance_token();
                Ok(ident)
            }
            _ => self.expect_name(what),
        }
    }

    fn peek_unclaimed_word(&self) -> bool {
        let word = unquoted(&self.peek_token_ref().token);
        let Some(behind) = word.and_then(keywords::postgres_clause) else { return false };
        let next = &self.peek_nth_token_ref(1).token;
        match unquoted(next) {
            Some(next) => !behind.iter().any(|word| next.eq_ignore_ascii_case(word)),
            None => *next != Token::LParen,
        }
    }

    fn expect_count(&mut self, what: &str) -> Result<u64, ParserError> {
        let count = match &self.peek_token_ref().token {
            Token::Number(digits, _) => digits.parse().ok(),
            _ => None,
        };
        match count {
            Some(count) => {
                self.advance_token();
                Ok(count)
            }
            None => self.unexpected(what),
        }
    }

    fn expect_string(&mut self, what: &str) -> Result<(String, Span), ParserError> {
        let next = self.peek_token_ref();
        let text = match &next.token {
            Token::SingleQuotedString(text) | Token::EscapedStringLiteral(text) => text.clone(),
            Token::DollarQuotedString(text) => text.value.clone(),
            _ => return self.unexpected(what),
        };
        let span = next.span;
        self.advance_token();
        Ok((text, span))
    }

    fn unexpected<T>(&self, what: &str) -> Result<T, ParserError> {
        self.expected_ref(what, self.peek_token_ref())
    }

    fn here(&self) -> Location {
        self.peek_token_ref().span.start
    }

    fn span_from(&self, start: Location) -> Span {
        Span::new(start, self.get_current_token().span.end)
    }

    fn at_end(&self) -> bool {
        self.peek_token_ref().token == Token::EOF
    }
}

/// The text of a word that is not quoted.
pub(crate) fn unquoted(token: &Token) -> Option<&str> {
    match token {
        Token::Word(word) if word.quote_style.is_none() => Some(&word.value),
        _ => None,
    }
}
