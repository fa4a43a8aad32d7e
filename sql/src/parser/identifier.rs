//! Names, and the one rule that turns a written name into the stored one.
//!
//! A name without quotes is stored in upper case, a name in double quotes or backquotes as it was
//! written. Everything that lands in a topic, a schema or the catalog is a stored name. Showing
//! upper-case names in lower case to a Postgres session is a matter of that session, not of this
//! rule.

use std::fmt;
use std::hash::{Hash, Hasher};

use sqlparser::ast::Ident;
use sqlparser::tokenizer::Span;

use super::keywords;
use super::scanner::{is_word_part, is_word_start};

/// The name `ident` stands for: upper case unless it was quoted.
pub fn stored_name(ident: &Ident) -> String {
    match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_uppercase(),
    }
}

/// `name` as it has to be written so that it is read back as itself: in backquotes unless it is a
/// plain upper-case word that is no reserved one.
pub fn written_name(name: &str) -> String {
    let plain = name.chars().next().is_some_and(is_word_start)
        && name.chars().all(is_word_part)
        && name.to_uppercase() == name
        && !keywords::is_reserved(name);
    if plain { name.to_owned() } else { quoted_name(name) }
}

/// `name` in backquotes.
pub fn quoted_name(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A stored name together with the place where it was written.
///
/// Two names are equal when they name the same thing, wherever they were written.
#[derive(Debug, Clone)]
pub struct Name {
    /// The stored name.
    pub value: String,
    /// Whether it was written in quotes. Postgres sessions look up unquoted names more leniently.
    pub quoted: bool,
    /// Where it was written.
    pub span: Span,
}

impl Name {
    /// A name that was not written anywhere, given as it is stored.
    pub fn stored(value: impl Into<String>) -> Self {
        Name { value: value.into(), quoted: true, span: Span::empty() }
    }
}

impl From<&Ident> for Name {
    fn from(ident: &Ident) -> Self {
        Name { value: stored_name(ident), quoted: ident.quote_style.is_some(), span: ident.span }
    }
}

impl From<Ident> for Name {
    fn from(ident: Ident) -> Self {
        Name::from(&ident)
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Eq for Name {}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.value.hash(state);
    }
}

impl fmt::Display for Name {
    /// The name as it has to be written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&written_name(&self.value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unquoted_names_are_raised_to_upper_case() {
        assert_eq!(stored_name(&Ident::new("orders")), "ORDERS");
        assert_eq!(stored_name(&Ident::with_quote('`', "Orders")), "Orders");
        assert_eq!(stored_name(&Ident::with_quote('"', "orders")), "orders");
    }

    #[test]
    fn a_stored_name_is_written_so_that_it_reads_back() {
        assert_eq!(written_name("ORDERS"), "ORDERS");
        assert_eq!(written_name("orders"), "`orders`");
        assert_eq!(written_name("A`B"), "`A``B`");
        assert_eq!(written_name("FROM"), "`FROM`");
        assert_eq!(written_name("1A"), "`1A`");
        assert_eq!(written_name(""), "``");
    }
}
