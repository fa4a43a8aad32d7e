//! Variables of the REPL: `DEFINE name = 'text'`, then `${name}` anywhere in a statement.
//!
//! They are the REPL's own, so that scripts, files and statements of the REPL can name them too; how they
//! are replaced is said where it is done, in [`tidemill_sql::parser::variables`].

use std::collections::BTreeMap;
use std::str::FromStr;

use tidemill_sql::SqlError;
use tidemill_sql::lookup::is_on;
use tidemill_sql::parser::ast::Statement;
use tidemill_sql::parser::parse_one;
use tidemill_sql::parser::variables::{Substituted, substitute};

/// The setting that lets statements be sent as they are written.
const SUBSTITUTION: &str = "ksql.variable.substitution.enable";

/// A variable and its text, as the command line gives them: `name=text`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Definition {
    pub(crate) name: String,
    pub(crate) value: String,
}

impl FromStr for Definition {
    type Err = String;

    fn from_str(text: &str) -> Result<Definition, String> {
        let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
        let is_part = |character: char| character.is_alphanumeric() || character == '_';
        if name.is_empty() || !name.chars().all(is_part) || name.starts_with(|first: char| first.is_numeric())
        {
            return Err(format!("'{name}' is no name of a variable: letters, digits and _ are"));
        }
        Ok(Definition { name: name.to_owned(), value: value.to_owned() })
    }
}

/// The variables, by their names in upper case: case does not tell names apart.
#[derive(Default)]
pub(crate) struct Variables {
    values: BTreeMap<String, String>,
    /// Whether somebody has switched replacing off.
    off: bool,
}

impl Variables {
    /// Gives a variable its text.
    pub(crate) fn define(&mut self, name: &str, value: String) {
        self.values.insert(name.to_uppercase(), value);
    }

    /// Forgets a variable; tells whether there was one.
    pub(crate) fn undefine(&mut self, name: &str) -> bool {
        self.values.remove(&name.to_uppercase()).is_some()
    }

    /// Names and texts.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The statement with every reference replaced.
    pub(crate) fn substitute<'t>(&self, statement: &'t str) -> Result<Substituted<'t>, SqlError> {
        if self.off { Ok(Substituted::unchanged(statement)) } else { substitute(statement, &self.values) }
    }

    /// Heeds a statement that was run, in case it switches replacing off or on.
    pub(crate) fn heed(&mut self, statement: &str) {
        let first = statement.split_whitespace().next().unwrap_or_default();
        if !["SET", "UNSET", "RESET"].iter().any(|word| first.eq_ignore_ascii_case(word)) {
            return;
        }
        match parse_one(statement).map(|parsed| parsed.statement) {
            Ok(Statement::Set(set)) if set.name.eq_ignore_ascii_case(SUBSTITUTION) => {
                self.off = set.values.first().is_some_and(|value| is_on(&value.as_text()) == Some(false));
            }
            Ok(Statement::Unset { name })
                if name.as_ref().is_none_or(|name| name.value.eq_ignore_ascii_case(SUBSTITUTION)) =>
            {
                self.off = false;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> Variables {
        let mut variables = Variables::default();
        variables.define("topic", "orders".to_owned());
        variables.define("n", "3".to_owned());
        variables
    }

    #[test]
    fn references_are_replaced_everywhere_whatever_their_case() {
        let variables = variables();
        let text = variables.substitute("PRINT '${topic}' LIMIT ${N};").unwrap();
        assert_eq!(text.text(), "PRINT 'orders' LIMIT 3;");
    }

    #[test]
    fn a_variable_that_does_not_exist_is_named() {
        let error = variables().substitute("SELECT ${missing}").unwrap_err();
        assert!(error.message.contains("'missing'"), "{}", error.message);
    }

    #[test]
    fn nothing_is_replaced_while_that_is_switched_off() {
        let mut variables = variables();
        let text = "SELECT '${topic}'";
        let replaced = |variables: &Variables| variables.substitute(text).unwrap().text() != text;
        for (statement, expected) in [
            ("SET 'ksql.variable.substitution.enable' = 'false'", false),
            ("SET 'auto.offset.reset' = 'earliest'", false),
            ("SET 'ksql.variable.substitution.enable' = 'true'", true),
            ("set \"ksql.variable.substitution.enable\" = off", false),
            ("UNSET 'auto.offset.reset'", false),
            ("UNSET 'ksql.variable.substitution.enable'", true),
        ] {
            variables.heed(statement);
            assert_eq!(replaced(&variables), expected, "{statement}");
        }
    }

    #[test]
    fn a_definition_is_a_name_and_a_text() {
        let read = |text: &str| text.parse::<Definition>().map(|read| (read.name, read.value));
        assert_eq!(read("topic=a=b"), Ok(("topic".to_owned(), "a=b".to_owned())));
        assert_eq!(read("_t1="), Ok(("_t1".to_owned(), String::new())));
        for text in ["topic", "=x", "1a=x", "a b=x", "a-b=x"] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_undefined_variable_is_gone() {
        let mut variables = variables();
        assert!(variables.undefine("TOPIC"));
        assert!(!variables.undefine("topic"));
        assert_eq!(variables.iter().collect::<Vec<_>>(), [("N", "3")]);
    }
}
