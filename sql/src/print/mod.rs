//! Statements back to text.
//!
//! The text is normalised: keywords in upper case, names as they are stored, one space between
//! words. It parses to the same statement again. Stored definitions, `SHOW CREATE` and `EXPLAIN`
//! print with it.

mod administration;
mod expression;
mod select;
mod session;
mod source;

use std::fmt;

pub use expression::print_expression;

use crate::parser::ast::{PropertyValue, Statement};
use crate::parser::identifier::Name;

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Statement::CreateSource(create) => write!(f, "{create}"),
            Statement::CreateAsSelect(create) => write!(f, "{create}"),
            Statement::AlterSource(alter) => write!(f, "{alter}"),
            Statement::DropSource(drop) => write!(f, "{drop}"),
            Statement::InsertValues(insert) => write!(f, "{insert}"),
            Statement::InsertSelect(insert) => write!(f, "{insert}"),
            Statement::Query(query) => write!(f, "{query}"),
            Statement::CreateType { if_not_exists, name, data_type } => {
                let guard = if *if_not_exists { "IF NOT EXISTS " } else { "" };
                write!(f, "CREATE TYPE {guard}{name} AS {data_type}")
            }
            Statement::DropType { if_exists, name } => {
                write!(f, "DROP TYPE {}{name}", guard(*if_exists))
            }
            Statement::CreateFunction(create) => write!(f, "{create}"),
            Statement::DropFunction { if_exists, name } => {
                write!(f, "DROP FUNCTION {}{name}", guard(*if_exists))
            }
            Statement::Terminate(target) => write!(f, "TERMINATE {target}"),
            Statement::Pause(target) => write!(f, "PAUSE {target}"),
            Statement::Resume(target) => write!(f, "RESUME {target}"),
            Statement::Show(show) => write!(f, "{show}"),
            Statement::Describe { target, extended } => {
                write!(f, "DESCRIBE {target}{}", if *extended { " EXTENDED" } else { "" })
            }
            Statement::Explain(explain) => write!(f, "{explain}"),
            Statement::Set(set) => write!(f, "{set}"),
            Statement::Unset { name: Some(name) } => write!(f, "UNSET {}", quoted(&name.value)),
            Statement::Unset { name: None } => f.write_str("RESET ALL"),
            Statement::Print(print) => write!(f, "{print}"),
            Statement::Define { name, value } => write!(f, "DEFINE {name} = {}", quoted(value)),
            Statement::Undefine { name } => write!(f, "UNDEFINE {name}"),
            Statement::AssertTopic(assert) => write!(f, "{assert}"),
            Statement::AssertSchema(assert) => write!(f, "{assert}"),
            Statement::RunScript { path } => write!(f, "RUN SCRIPT {}", quoted(path)),
            Statement::Transaction(transaction) => write!(f, "{transaction}"),
            Statement::DeclareCursor(declare) => write!(f, "{declare}"),
            Statement::Fetch(fetch) => write!(f, "FETCH {fetch}"),
            Statement::Move(fetch) => write!(f, "MOVE {fetch}"),
            Statement::Close(close) => write!(f, "{close}"),
            Statement::Copy(copy) => write!(f, "{copy}"),
            Statement::Prepare(prepare) => write!(f, "{prepare}"),
            Statement::Execute(execute) => write!(f, "{execute}"),
            Statement::Deallocate { name } => write!(f, "DEALLOCATE {}", or_all(name)),
            Statement::Discard { what } => write!(f, "DISCARD {what}"),
            Statement::Listen { channel } => write!(f, "LISTEN {channel}"),
            Statement::Unlisten { channel: Some(channel) } => write!(f, "UNLISTEN {channel}"),
            Statement::Unlisten { channel: None } => f.write_str("UNLISTEN *"),
        }
    }
}

impl fmt::Display for PropertyValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PropertyValue::String(text) => f.write_str(&quoted(text)),
            PropertyValue::Number(number) => f.write_str(number),
            PropertyValue::Boolean(true) => f.write_str("TRUE"),
            PropertyValue::Boolean(false) => f.write_str("FALSE"),
            PropertyValue::Null => f.write_str("NULL"),
        }
    }
}

/// `text` as a string literal.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn guard(if_exists: bool) -> &'static str {
    if if_exists { "IF EXISTS " } else { "" }
}

fn or_all(name: &Option<Name>) -> String {
    name.as_ref().map_or("ALL".to_owned(), Name::to_string)
}

/// Items with commas between them.
struct List<'a, T>(&'a [T]);

impl<T: fmt::Display> fmt::Display for List<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, item) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{item}")?;
        }
        Ok(())
    }
}
