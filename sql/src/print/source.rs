//! Declarations and insertions back to text.

use std::fmt;

use super::expression::print_expression;
use super::{List, guard, quoted};
use crate::parser::ast::{
    AlterSource, ColumnDef, ColumnRole, CreateAsSelect, CreateFunction, CreateSource, DropSource,
    FunctionArgument, InsertSelect, InsertValues, Property, SourceKind, WithProperties,
};
use crate::parser::identifier::Name;

impl fmt::Display for CreateSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = if self.read_only { "SOURCE " } else { "" };
        write_create(f, self.or_replace, source, self.kind, self.if_not_exists, &self.name)?;
        if !self.elements.is_empty() {
            write!(f, " ({})", List(&self.elements))?;
        }
        write!(f, "{}", self.properties)
    }
}

impl fmt::Display for CreateAsSelect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_create(f, self.or_replace, "", self.kind, self.if_not_exists, &self.name)?;
        write!(f, "{} AS {}", self.properties, self.query)
    }
}

fn write_create(
    f: &mut fmt::Formatter<'_>,
    or_replace: bool,
    source: &str,
    kind: SourceKind,
    if_not_exists: bool,
    name: &Name,
) -> fmt::Result {
    let or_replace = if or_replace { "OR REPLACE " } else { "" };
    let if_not_exists = if if_not_exists { "IF NOT EXISTS " } else { "" };
    let kind = kind.keyword();
    write!(f, "CREATE {or_replace}{source}{kind} {if_not_exists}{name}")
}

impl fmt::Display for ColumnDef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.data_type)?;
        match &self.role {
            ColumnRole::Value => Ok(()),
            ColumnRole::Key => f.write_str(" KEY"),
            ColumnRole::PrimaryKey => f.write_str(" PRIMARY KEY"),
            ColumnRole::Headers => f.write_str(" HEADERS"),
            ColumnRole::Header(key) => write!(f, " HEADER({})", quoted(key)),
        }
    }
}

impl fmt::Display for WithProperties {
    /// The clause with a space before it, or nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return Ok(());
        }
        write!(f, " WITH ({})", List(&self.entries))
    }
}

impl fmt::Display for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", Name::stored(&self.name), self.value)
    }
}

impl fmt::Display for InsertValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "INSERT INTO {}", self.target)?;
        write_columns(f, &self.columns)?;
        f.write_str(" VALUES ")?;
        for (index, row) in self.rows.iter().enumerate() {
            let row: Vec<String> = row.iter().map(print_expression).collect();
            let comma = if index > 0 { ", " } else { "" };
            write!(f, "{comma}({})", row.join(", "))?;
        }
        Ok(())
    }
}

impl fmt::Display for InsertSelect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "INSERT INTO {}", self.target)?;
        write_columns(f, &self.columns)?;
        write!(f, "{} {}", self.properties, self.query)
    }
}

fn write_columns(f: &mut fmt::Formatter<'_>, columns: &[Name]) -> fmt::Result {
    if columns.is_empty() {
        return Ok(());
    }
    write!(f, " ({})", List(columns))
}

impl fmt::Display for AlterSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ALTER {} {}", self.kind.keyword(), self.name)?;
        for (index, column) in self.add_columns.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            write!(f, "{comma} ADD COLUMN {column}")?;
        }
        Ok(())
    }
}

impl fmt::Display for DropSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DROP {} {}{}", self.kind.keyword(), guard(self.if_exists), self.name)?;
        f.write_str(if self.delete_topic { " DELETE TOPIC" } else { "" })
    }
}

impl fmt::Display for CreateFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_replace = if self.or_replace { "OR REPLACE " } else { "" };
        let guard = if self.if_not_exists { "IF NOT EXISTS " } else { "" };
        write!(
            f,
            "CREATE {or_replace}FUNCTION {guard}{}({}) RETURNS {} AS {}",
            self.name,
            List(&self.arguments),
            self.returns,
            quoted(&self.body)
        )
    }
}

impl fmt::Display for FunctionArgument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.data_type)
    }
}
