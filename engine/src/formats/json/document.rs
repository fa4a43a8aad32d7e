//! JSON texts that functions look into: values are places in the text, found by the scanner.

use super::scanner::{Scanner, Token};
use super::text::{Scratch, read_members, string_text, write_json};

/// A value in a JSON text.
#[derive(Clone, Copy)]
pub(crate) struct JsonValue<'a> {
    text: &'a str,
    token: Token,
}

/// What a value is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum JsonKind {
    /// `null`.
    Null,
    /// `true`, `false`.
    Boolean(bool),
    /// A number.
    Number,
    /// Text.
    String,
    /// `{…}`.
    Object,
    /// `[…]`.
    Array,
}

impl<'a> JsonValue<'a> {
    /// The value that a text is; `None` for a text that is no JSON.
    pub(crate) fn parse(text: &'a str) -> Option<JsonValue<'a>> {
        let mut scanner = Scanner::at(text.as_bytes(), 0);
        let token = scanner.value().ok()?;
        scanner.end().ok()?;
        Some(JsonValue { text, token })
    }

    /// What it is.
    pub(crate) fn kind(&self) -> JsonKind {
        match self.token {
            Token::Missing | Token::Null => JsonKind::Null,
            Token::True => JsonKind::Boolean(true),
            Token::False => JsonKind::Boolean(false),
            Token::Number(_) => JsonKind::Number,
            Token::String(_) => JsonKind::String,
            Token::Object(_) => JsonKind::Object,
            Token::Array(_) => JsonKind::Array,
        }
    }

    /// A number as it is written.
    pub(crate) fn number(&self) -> Option<&'a str> {
        match self.token {
            Token::Number(number) => Some(number.span.of(self.text)),
            _ => None,
        }
    }

    /// The text that a string stands for; `None` for other values, and where half of a pair of surrogates
    /// makes it no text.
    pub(crate) fn string(&self) -> Option<String> {
        let Token::String(string) = self.token else { return None };
        let mut scratch = String::new();
        string_text(self.text, string, &mut scratch).ok().map(str::to_owned)
    }

    /// The member of an object by its name; of several the last.
    pub(crate) fn member(&self, name: &str) -> Option<JsonValue<'a>> {
        let Token::Object(object) = self.token else { return None };
        let mut scratch = String::new();
        let mut scanner = Scanner::inside(self.text, object);
        let mut found = None;
        let mut more = scanner.first_name().ok()?;
        while more {
            let member = scanner.string_rest().ok()?;
            scanner.colon().ok()?;
            let value = scanner.value().ok()?;
            if string_text(self.text, member, &mut scratch).is_ok_and(|member| member == name) {
                found = Some(self.with(value));
            }
            more = scanner.next_name().ok()?;
        }
        found
    }

    /// The element of an array by its place, counted from 0.
    pub(crate) fn element(&self, index: usize) -> Option<JsonValue<'a>> {
        let mut elements = self.elements()?;
        elements.nth(index)
    }

    /// The elements of an array.
    pub(crate) fn elements(&self) -> Option<impl Iterator<Item = JsonValue<'a>> + use<'a>> {
        let Token::Array(array) = self.token else { return None };
        let whole = *self;
        let mut scanner = Scanner::inside(self.text, array);
        let mut more = scanner.first_element();
        Some(std::iter::from_fn(move || {
            if !more {
                return None;
            }
            let value = scanner.value().ok()?;
            more = scanner.next_element().ok()?;
            Some(whole.with(value))
        }))
    }

    /// The members of an object; of several with one name the last value at the first one's place. `None` for
    /// other values, and where a name is no text.
    pub(crate) fn members(&self) -> Option<Vec<(String, JsonValue<'a>)>> {
        let Token::Object(object) = self.token else { return None };
        let mut members = Vec::new();
        read_members(self.text, object, &mut members).ok()?;
        let mut scratch = String::new();
        members
            .into_iter()
            .map(|member| {
                let name = string_text(self.text, member.name, &mut scratch).ok()?.to_owned();
                Some((name, self.with(member.value)))
            })
            .collect()
    }

    /// Appends the value as JSON without blanks; false where a string in it is no text.
    #[must_use]
    pub(crate) fn write(&self, out: &mut Vec<u8>) -> bool {
        write_json(self.text, self.token, &mut Scratch::default(), out).is_ok()
    }

    fn with(&self, token: Token) -> JsonValue<'a> {
        JsonValue { text: self.text, token }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_in_their_text() {
        let text = r#" {"a": [1, {"b\u0062": "x\ny"}], "c": 1.50, "c": null} "#;
        let value = JsonValue::parse(text).expect("JSON");
        let list = value.member("a").expect("a member");
        assert_eq!(list.element(0).and_then(|first| first.number()), Some("1"));
        let inner = list.element(1).and_then(|second| second.member("bb")).expect("an escaped name");
        assert_eq!(inner.string().as_deref(), Some("x\ny"));
        assert_eq!(value.member("c").map(|last| last.kind()), Some(JsonKind::Null));
        assert_eq!(value.members().map(|members| members.len()), Some(2));
        assert!(list.element(2).is_none() && value.element(0).is_none() && list.member("a").is_none());
        let mut out = Vec::new();
        assert!(list.write(&mut out));
        assert_eq!(out, br#"[1,{"bb":"x\ny"}]"#);
    }

    #[test]
    fn what_is_no_json_is_no_value() {
        for text in ["", " ", "abc", "[1", "{\"a\":}", "1 2", "[1,]"] {
            assert!(JsonValue::parse(text).is_none(), "{text}");
        }
    }
}
