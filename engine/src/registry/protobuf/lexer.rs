//! Splitting a `.proto` file into tokens.

use std::fmt;

/// A token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Token {
    /// A keyword or name.
    Word(String),
    /// A number, as it is written.
    Number(String),
    /// A text: what stands between the quotes, with double quotes escaped.
    Text(String),
    /// A sign.
    Symbol(char),
    /// The end of the file.
    End,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::Word(text) | Token::Number(text) => write!(f, "'{text}'"),
            Token::Text(text) => write!(f, "\"{text}\""),
            Token::Symbol(symbol) => write!(f, "'{symbol}'"),
            Token::End => f.write_str("the end"),
        }
    }
}

/// Where a token is, from 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    line: usize,
    column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// All tokens of a text, the last of them [`Token::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<(Token, Place)>, String> {
    let mut lexer = Lexer { rest: text.chars().peekable(), place: Place { line: 1, column: 1 } };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_space()?;
        let place = lexer.place;
        let token = lexer.token()?;
        let is_end = token == Token::End;
        tokens.push((token, place));
        if is_end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'t> {
    rest: std::iter::Peekable<std::str::Chars<'t>>,
    place: Place,
}

impl Lexer<'_> {
    fn next(&mut self) -> Option<char> {
        let character = self.rest.next()?;
        if character == '\n' {
            self.place = Place { line: self.place.line + 1, column: 1 };
        } else {
            self.place.column += 1;
        }
        Some(character)
    }

    fn skip_space(&mut self) -> Result<(), String> {
        loop {
            match self.rest.peek() {
                Some(space) if space.is_whitespace() || *space == '\u{FEFF}' => {
                    self.next();
                }
                Some('/') => self.skip_comment()?,
                _ => return Ok(()),
            }
        }
    }

    fn skip_comment(&mut self) -> Result<(), String> {
        let begin = self.place;
        self.next();
        match self.next() {
            Some('/') => {
                while self.rest.peek().is_some_and(|character| *character != '\n') {
                    self.next();
                }
                Ok(())
            }
            Some('*') => {
                let mut is_star = false;
                loop {
                    match self.next() {
                        Some('/') if is_star => return Ok(()),
                        Some(character) => is_star = character == '*',
                        None => return Err(format!("the comment that begins at {begin} has no end")),
                    }
                }
            }
            _ => Err(format!("'/' at {begin} is no comment")),
        }
    }

    fn token(&mut self) -> Result<Token, String> {
        let begin = self.place;
        Ok(match self.rest.peek().copied() {
            None => Token::End,
            Some(quote @ ('"' | '\'')) => self.quoted(quote)?,
            Some(first) if first.is_ascii_alphabetic() || first == '_' => {
                Token::Word(self.run(|next| next.is_ascii_alphanumeric() || next == '_'))
            }
            Some(first) if first.is_ascii_digit() => Token::Number(self.number()),
            Some(symbol) if symbol.is_ascii_punctuation() => {
                self.next();
                Token::Symbol(symbol)
            }
            Some(other) => return Err(format!("'{}' at {begin} begins nothing", other.escape_debug())),
        })
    }

    fn run(&mut self, belongs: impl Fn(char) -> bool) -> String {
        let mut run = String::new();
        while let Some(next) = self.rest.peek().copied().filter(|next| belongs(*next)) {
            run.push(next);
            self.next();
        }
        run
    }

    /// Digits, letters (of hexadecimal numbers, exponents and suffixes), points, and a sign after an
    /// exponent.
    fn number(&mut self) -> String {
        let mut number = String::new();
        while let Some(next) = self.rest.peek().copied() {
            let is_exponent_sign = matches!(next, '+' | '-')
                && number.ends_with(['e', 'E'])
                && !number.starts_with("0x")
                && !number.starts_with("0X");
            if !next.is_ascii_alphanumeric() && next != '.' && !is_exponent_sign {
                break;
            }
            number.push(next);
            self.next();
        }
        number
    }

    fn quoted(&mut self, quote: char) -> Result<Token, String> {
        let begin = self.place;
        let unended = || format!("the text that begins at {begin} has no end");
        self.next();
        let mut text = String::new();
        loop {
            match self.next().ok_or_else(unended)? {
                '\n' => return Err(unended()),
                '\\' => {
                    let escaped = self.next().ok_or_else(unended)?;
                    if escaped != '\'' {
                        text.push('\\');
                    }
                    text.push(escaped);
                }
                end if end == quote => return Ok(Token::Text(text)),
                '"' => text.push_str("\\\""),
                other => text.push(other),
            }
        }
    }
}
