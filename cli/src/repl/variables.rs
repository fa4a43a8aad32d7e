//! Variables of the REPL: `DEFINE name = 'text'`, then `${name}` anywhere in a statement.
//!
//! The text takes the reference's place before the statement is read, inside of quotes too. `$${name}`
//! stands for `${name}` itself.

use std::collections::BTreeMap;

use super::backend::Failure;

/// The longest statement that may come out. Values are short in practice; without a limit a variable
/// made of variables would double with every definition.
const STATEMENT_BYTES_MAX: usize = 16 << 20;

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
    pub(crate) fn substitute(&self, statement: &str) -> Result<String, Failure> {
        let mut text = String::with_capacity(statement.len());
        let mut rest = statement;
        while let Some(at) = rest.find("${") {
            let (before, reference) = rest.split_at(at);
            let Some(end) = reference.find('}').filter(|end| is_name(&reference[2..*end])) else {
                // Not a reference: no name stands between the braces.
                text.push_str(before);
                text.push_str("${");
                rest = &reference[2..];
                continue;
            };
            let (name, after) = (&reference[2..end], &reference[end + 1..]);
            if let Some(before) = before.strip_suffix('$') {
                text.push_str(before);
                text.push_str(&reference[..=end]);
            } else {
                text.push_str(before);
                text.push_str(self.value(name)?);
            }
            if text.len() > STATEMENT_BYTES_MAX {
                return Err(Failure::new(format!(
                    "the statement is longer than {STATEMENT_BYTES_MAX} bytes once its variables are replaced"
                )));
            }
            rest = after;
        }
        text.push_str(rest);
        Ok(text)
    }

    fn value(&self, name: &str) -> Result<&str, Failure> {
        self.values.get(&name.to_uppercase()).map(String::as_str).ok_or_else(|| {
            Failure::new(format!("there is no variable '{name}'"))
                .with_hint(format!("DEFINE {name} = '…'; or write $${{{name}}} for the text itself"))
        })
    }
}

fn is_name(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(|first| first.is_alphabetic() || first == '_')
        && characters.all(|character| character.is_alphanumeric() || character == '_')
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
        let text = variables().substitute("PRINT '${topic}' LIMIT ${N};").unwrap();
        assert_eq!(text, "PRINT 'orders' LIMIT 3;");
    }

    #[test]
    fn a_doubled_dollar_keeps_the_reference_as_text() {
        assert_eq!(variables().substitute("SELECT '$${topic}'").unwrap(), "SELECT '${topic}'");
    }

    #[test]
    fn what_is_no_reference_stays() {
        for text in ["SELECT '$.a'", "'${'", "'${}'", "'${a b}'", "$1", "${ topic }"] {
            assert_eq!(variables().substitute(text).unwrap(), text);
        }
    }

    #[test]
    fn a_variable_that_does_not_exist_is_named() {
        let failure = variables().substitute("SELECT ${missing}").unwrap_err();
        assert!(failure.message.contains("'missing'"), "{}", failure.message);
    }

    #[test]
    fn a_value_is_not_replaced_again() {
        let mut variables = variables();
        variables.define("loop", "${loop}".to_owned());
        assert_eq!(variables.substitute("${loop}").unwrap(), "${loop}");
    }

    #[test]
    fn an_undefined_variable_is_gone() {
        let mut variables = variables();
        assert!(variables.undefine("TOPIC"));
        assert!(!variables.undefine("topic"));
        assert_eq!(variables.iter().collect::<Vec<_>>(), [("N", "3")]);
    }
}
