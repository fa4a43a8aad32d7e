//! Variables of the REPL: `DEFINE name = 'text'`, then `${name}` anywhere in a statement.
//!
//! They are the REPL's own, so that scripts, files and statements of the REPL can name them too; how they
//! are replaced is said where it is done, in [`tidemill_sql::parser::variables`].

use std::collections::BTreeMap;

use tidemill_sql::SqlError;
use tidemill_sql::parser::variables::{Substituted, substitute};

/// The variables, by their names in upper case: case does not tell names apart.
#[derive(Default)]
pub(crate) struct Variables {
    values: BTreeMap<String, String>,
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
        substitute(statement, &self.values)
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
    fn an_undefined_variable_is_gone() {
        let mut variables = variables();
        assert!(variables.undefine("TOPIC"));
        assert!(!variables.undefine("topic"));
        assert_eq!(variables.iter().collect::<Vec<_>>(), [("N", "3")]);
    }
}
