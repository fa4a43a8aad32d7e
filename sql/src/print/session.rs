//! Statements of a session back to text.

use std::fmt;

use super::expression::print_expression;
use super::{List, quoted};
use crate::parser::ast::{
    Close, Copy, CopySource, DeclareCursor, Execute, Fetch, FetchDirection, Prepare, PropertyValue,
    SetVariable, SettingScope, SettingValue, Transaction,
};

impl fmt::Display for SetVariable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.scope {
            SettingScope::Session => "SET ",
            SettingScope::Transaction => "SET LOCAL ",
            SettingScope::System => "ALTER SYSTEM ",
        })?;
        if self.is_property {
            write!(f, "{} = ", quoted(&self.name))?;
        } else {
            write!(f, "\"{}\" = ", self.name.replace('"', "\"\""))?;
        }
        if self.values.is_empty() { f.write_str("DEFAULT") } else { write!(f, "{}", List(&self.values)) }
    }
}

impl fmt::Display for SettingValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SettingValue::Literal(value) => write!(f, "{value}"),
            SettingValue::Word(word) => f.write_str(&quoted(word)),
        }
    }
}

impl fmt::Display for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Transaction::Begin => f.write_str("BEGIN"),
            Transaction::Commit => f.write_str("COMMIT"),
            Transaction::Rollback => f.write_str("ROLLBACK"),
            Transaction::Savepoint(name) => write!(f, "SAVEPOINT {name}"),
            Transaction::Release(name) => write!(f, "RELEASE SAVEPOINT {name}"),
            Transaction::RollbackTo(name) => write!(f, "ROLLBACK TO SAVEPOINT {name}"),
        }
    }
}

impl fmt::Display for DeclareCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DECLARE {}", self.name)?;
        if self.binary {
            f.write_str(" BINARY")?;
        }
        match self.scroll {
            Some(true) => f.write_str(" SCROLL")?,
            Some(false) => f.write_str(" NO SCROLL")?,
            None => {}
        }
        let hold = if self.hold { " WITH HOLD" } else { "" };
        write!(f, " CURSOR{hold} FOR {}", self.query)
    }
}

impl fmt::Display for Fetch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} FROM {}", self.direction, self.cursor)?;
        match self.timeout_ms {
            Some(millis) => write!(f, " WITH (TIMEOUT = '{millis}ms')"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for FetchDirection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FetchDirection::Count(count) => write!(f, "{count}"),
            FetchDirection::All => f.write_str("ALL"),
            FetchDirection::BackwardAll => f.write_str("BACKWARD ALL"),
            FetchDirection::First => f.write_str("FIRST"),
            FetchDirection::Last => f.write_str("LAST"),
            FetchDirection::Absolute(row) => write!(f, "ABSOLUTE {row}"),
            FetchDirection::Relative(rows) => write!(f, "RELATIVE {rows}"),
        }
    }
}

impl fmt::Display for Close {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Close::Cursor(name) => write!(f, "CLOSE {name}"),
            Close::All => f.write_str("CLOSE ALL"),
        }
    }
}

impl fmt::Display for Copy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("COPY ")?;
        match &self.source {
            CopySource::Relation { name, columns } if columns.is_empty() => write!(f, "{name}")?,
            CopySource::Relation { name, columns } => write!(f, "{name} ({})", List(columns))?,
            CopySource::Query(query) => write!(f, "({query})")?,
        }
        f.write_str(if self.to { " TO STDOUT" } else { " FROM STDIN" })?;
        if self.options.is_empty() {
            return Ok(());
        }
        let options: Vec<String> = self
            .options
            .iter()
            .map(|(name, value)| match value {
                PropertyValue::Null => name.clone(),
                value => format!("{name} {value}"),
            })
            .collect();
        write!(f, " WITH ({})", options.join(", "))
    }
}

impl fmt::Display for Prepare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PREPARE {}", self.name)?;
        if !self.parameter_types.is_empty() {
            write!(f, " ({})", List(&self.parameter_types))?;
        }
        write!(f, " AS {}", self.statement)
    }
}

impl fmt::Display for Execute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EXECUTE {}", self.name)?;
        if self.arguments.is_empty() {
            return Ok(());
        }
        let arguments: Vec<String> = self.arguments.iter().map(print_expression).collect();
        write!(f, " ({})", arguments.join(", "))
    }
}
