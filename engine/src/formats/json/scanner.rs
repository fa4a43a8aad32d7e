//! One pass over the bytes of a JSON text: values become tokens that say where they stand.
//!
//! The scanner checks the whole grammar, of values nobody asked for too, because a damaged record must
//! be seen whichever columns a query reads. It allocates nothing and copies nothing: a token is a kind
//! and a place. What it leaves to its callers: UTF-8 (checked once for a payload), surrogate pairs in
//! escapes (checked where a string is decoded), and duplicate names.

use super::special_bytes;

/// How deep arrays and objects may nest. No schema comes near; the bound keeps the recursion of
/// everything behind the scanner short.
pub(super) const DEPTH_MAX: usize = 128;

/// As many digits as 64 bits hold whatever they are.
const EXACT_DIGITS_MAX: usize = 19;

/// A place in the payload, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Span {
    fn new(start: usize, end: usize) -> Span {
        // Batches are limited to 1 GiB, so that every position fits.
        Span { start: start as u32, end: end as u32 }
    }

    /// The text at this place.
    #[inline]
    pub(super) fn of(self, text: &str) -> &str {
        text.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

/// A string's contents, between its quotes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct StringToken {
    pub(super) span: Span,
    /// It holds backslashes, so its text is not its bytes.
    pub(super) escaped: bool,
}

/// A number: its place, and its value as far as 64 bits hold it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct NumberToken {
    pub(super) span: Span,
    /// Its digits as one whole number.
    pub(super) mantissa: u64,
    /// Power of ten to multiply the mantissa by.
    pub(super) exponent: i32,
    pub(super) negative: bool,
    /// Whether `mantissa` holds all digits; otherwise only the text does.
    pub(super) exact: bool,
}

/// A value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Token {
    /// The field is not there.
    Missing,
    Null,
    True,
    False,
    Number(NumberToken),
    String(StringToken),
    /// From `{` to behind `}`.
    Object(Span),
    /// From `[` to behind `]`.
    Array(Span),
}

impl Token {
    /// First byte of the value; strings begin at their quote.
    pub(super) fn position(self) -> usize {
        match self {
            Token::Number(number) => number.span.start as usize,
            Token::String(string) => string.span.start as usize - 1,
            Token::Object(span) | Token::Array(span) => span.start as usize,
            Token::Missing | Token::Null | Token::True | Token::False => 0,
        }
    }
}

/// The text is not JSON.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct SyntaxError {
    /// Where, in bytes from the start of the payload.
    pub(super) position: usize,
    /// What should stand there.
    pub(super) expected: &'static str,
}

type Result<T> = std::result::Result<T, SyntaxError>;

/// A position in the bytes of a JSON text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scanner<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Scanner<'a> {
    /// At a byte of the text.
    pub(super) fn at(bytes: &'a [u8], position: usize) -> Scanner<'a> {
        Scanner { bytes, position }
    }

    /// Just inside the object or array at a place that was scanned before.
    pub(super) fn inside(text: &'a str, container: Span) -> Scanner<'a> {
        Scanner::at(text.as_bytes(), container.start as usize + 1)
    }

    /// What is left of the text.
    #[inline]
    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.position..).unwrap_or_default()
    }

    #[inline]
    pub(super) fn advance(&mut self, bytes: usize) {
        self.position += bytes;
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.position).copied()
    }

    #[inline]
    pub(super) fn skip_blanks(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.position += 1;
        }
    }

    /// Takes one byte if it is the next.
    #[inline]
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.position += usize::from(there);
        there
    }

    #[cold]
    fn expected<T>(&self, expected: &'static str) -> Result<T> {
        Err(SyntaxError { position: self.position, expected })
    }

    /// Blanks, then the end of the text.
    pub(super) fn end(&mut self) -> Result<()> {
        self.skip_blanks();
        if self.position < self.bytes.len() { self.expected("the end of the value") } else { Ok(()) }
    }

    /// The start of a member name, or the end of the object right behind `{`.
    #[inline]
    pub(super) fn first_name(&mut self) -> Result<bool> {
        self.skip_blanks();
        match self.peek() {
            Some(b'"') => {
                self.position += 1;
                Ok(true)
            }
            Some(b'}') => {
                self.position += 1;
                Ok(false)
            }
            _ => self.expected("a field name or '}'"),
        }
    }

    /// Behind a member's value: the start of the next name, or the end of the object.
    #[inline]
    pub(super) fn next_name(&mut self) -> Result<bool> {
        self.skip_blanks();
        match self.peek() {
            Some(b',') => {
                self.position += 1;
                self.skip_blanks();
                if self.take(b'"') { Ok(true) } else { self.expected("a field name") }
            }
            Some(b'}') => {
                self.position += 1;
                Ok(false)
            }
            _ => self.expected("',' or '}'"),
        }
    }

    /// Between a name and its value.
    #[inline]
    pub(super) fn colon(&mut self) -> Result<()> {
        self.skip_blanks();
        if self.take(b':') { Ok(()) } else { self.expected("':'") }
    }

    /// Right behind `[`: whether there is an element.
    pub(super) fn first_element(&mut self) -> bool {
        self.skip_blanks();
        !self.take(b']')
    }

    /// Behind an element: whether there is another.
    pub(super) fn next_element(&mut self) -> Result<bool> {
        self.skip_blanks();
        match self.peek() {
            Some(b',') => {
                self.position += 1;
                Ok(true)
            }
            Some(b']') => {
                self.position += 1;
                Ok(false)
            }
            _ => self.expected("',' or ']'"),
        }
    }

    /// A value, blanks before it included.
    #[inline]
    pub(super) fn value(&mut self) -> Result<Token> {
        self.skip_blanks();
        let start = self.position;
        match self.peek() {
            Some(b'"') => {
                self.position += 1;
                Ok(Token::String(self.string_rest()?))
            }
            Some(b'-' | b'0'..=b'9') => Ok(Token::Number(self.number()?)),
            Some(b'{') => {
                self.container()?;
                Ok(Token::Object(Span::new(start, self.position)))
            }
            Some(b'[') => {
                self.container()?;
                Ok(Token::Array(Span::new(start, self.position)))
            }
            Some(b't') => self.word(b"true", Token::True),
            Some(b'f') => self.word(b"false", Token::False),
            Some(b'n') => self.word(b"null", Token::Null),
            _ => self.expected("a value"),
        }
    }

    /// The rest of a string, behind its opening quote.
    #[inline]
    pub(super) fn string_rest(&mut self) -> Result<StringToken> {
        let start = self.position;
        let mut escaped = false;
        loop {
            self.position = special_bytes::next(self.bytes, self.position);
            match self.peek() {
                Some(b'"') => {
                    let span = Span::new(start, self.position);
                    self.position += 1;
                    return Ok(StringToken { span, escaped });
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(_) => return self.expected("no control character in a string"),
                None => return self.expected("'\"' at the end of a string"),
            }
        }
    }

    fn escape(&mut self) -> Result<()> {
        let length = match self.rest() {
            [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => 2,
            [b'\\', b'u', a, b, c, d, ..] if [a, b, c, d].into_iter().all(u8::is_ascii_hexdigit) => 6,
            _ => return self.expected("an escape sequence"),
        };
        self.position += length;
        Ok(())
    }

    #[inline]
    fn word(&mut self, word: &'static [u8], token: Token) -> Result<Token> {
        if !self.rest().starts_with(word) {
            return self.expected("a value");
        }
        self.position += word.len();
        Ok(token)
    }

    #[inline]
    fn number(&mut self) -> Result<NumberToken> {
        let start = self.position;
        let negative = self.take(b'-');
        let first = self.position;
        let mut mantissa = self.digits(0);
        let mut digits = self.position - first;
        match digits {
            0 => return self.expected("a digit"),
            1 => {}
            _ if self.bytes.get(first) == Some(&b'0') => {
                self.position = first + 1;
                return self.expected("no digit after a leading 0");
            }
            _ => {}
        }
        let mut exponent: i32 = 0;
        if let Some(b'.' | b'e' | b'E') = self.peek() {
            if self.take(b'.') {
                let first = self.position;
                mantissa = self.digits(mantissa);
                let places = self.position - first;
                digits += places;
                if places == 0 {
                    return self.expected("a digit");
                }
                exponent = i32::try_from(places).map_or(i32::MIN, |places| -places);
            }
            if let Some(b'e' | b'E') = self.peek() {
                self.position += 1;
                exponent = exponent.saturating_add(self.exponent()?);
            }
        }
        Ok(NumberToken {
            span: Span::new(start, self.position),
            mantissa,
            exponent,
            negative,
            exact: digits <= EXACT_DIGITS_MAX,
        })
    }

    /// Reads digits behind those of `value`.
    #[inline]
    fn digits(&mut self, mut value: u64) -> u64 {
        while let Some(byte @ b'0'..=b'9') = self.peek() {
            value = value.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'));
            self.position += 1;
        }
        value
    }

    fn exponent(&mut self) -> Result<i32> {
        let negative = self.take(b'-');
        if !negative {
            self.take(b'+');
        }
        let first = self.position;
        let mut exponent: i32 = 0;
        while let Some(byte @ b'0'..=b'9') = self.peek() {
            exponent = exponent.saturating_mul(10).saturating_add(i32::from(byte - b'0'));
            self.position += 1;
        }
        if self.position == first {
            return self.expected("a digit");
        }
        Ok(if negative { -exponent } else { exponent })
    }

    /// Skips the object or array that starts here, checking its grammar.
    fn container(&mut self) -> Result<()> {
        // One bit a level, set for objects: what to expect behind a value depends on it.
        let mut objects: u128 = 0;
        let mut depth = 0;
        loop {
            // Here a value is expected: at the very start an opening bracket, by the caller's word.
            self.skip_blanks();
            match self.peek() {
                Some(open @ (b'{' | b'[')) => {
                    if depth == DEPTH_MAX {
                        return self.expected("at most 128 levels of nesting");
                    }
                    self.position += 1;
                    objects = objects << 1 | u128::from(open == b'{');
                    depth += 1;
                    let empty = if open == b'{' { !self.first_name()? } else { !self.first_element() };
                    if !empty {
                        if open == b'{' {
                            self.string_rest()?;
                            self.colon()?;
                        }
                        continue;
                    }
                    objects >>= 1;
                    depth -= 1;
                }
                _ => {
                    self.value()?;
                }
            }
            // Behind a value: close what ends here, until another value follows.
            loop {
                if depth == 0 {
                    return Ok(());
                }
                let object = objects & 1 == 1;
                if if object { self.next_name()? } else { self.next_element()? } {
                    if object {
                        self.string_rest()?;
                        self.colon()?;
                    }
                    break;
                }
                objects >>= 1;
                depth -= 1;
            }
        }
    }
}
