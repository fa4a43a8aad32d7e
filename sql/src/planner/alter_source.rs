//! ALTER STREAM and ALTER TABLE: more columns for the value of a source.

use std::sync::Arc;

use super::create_source::{check_column_name, kind_word};
use crate::analyzer::resolve::resolve_custom_types;
use crate::error::{SqlError, SqlErrorKind};
use crate::lookup::{ColumnRole, Lookup, Source, SourceColumn};
use crate::parser::ast::AlterSource;
use crate::parser::identifier::quoted_name;

/// A planned ALTER STREAM or TABLE.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlannedAlteration {
    /// The source as it is.
    pub before: Arc<Source>,
    /// The source as it will be: with the new columns behind those it has.
    pub after: Source,
}

/// Plans ALTER STREAM | TABLE … ADD COLUMN.
///
/// # Errors
/// Everything that is wrong with it. Whether a query fills the source is the caller's to know.
pub fn plan_alter_source(
    statement: &AlterSource,
    lookup: &dyn Lookup,
) -> Result<PlannedAlteration, SqlError> {
    let name = &statement.name;
    let before = lookup.resolve(name).ok_or_else(|| {
        let names = lookup.source_names();
        let message = format!("Source {} does not exist.", name.value);
        SqlError::new(SqlErrorKind::UnknownSource, message)
            .at(name.span)
            .with_suggestion(&name.value, names.iter().map(String::as_str))
    })?;
    let word = kind_word(statement.kind);
    if before.read_only {
        let message = format!(
            "Cannot alter {word} '{}': ALTER operations are not supported on source {word}s.",
            before.name
        );
        return Err(SqlError::unsupported(message).at(name.span));
    }
    if before.kind != statement.kind {
        let message = format!(
            "Incompatible data source type is {}, but statement was ALTER {}",
            before.kind.keyword(),
            statement.kind.keyword()
        );
        return Err(SqlError::invalid(message).at(name.span));
    }
    let mut after = before.as_ref().clone();
    for column in &statement.add_columns {
        check_column_name(&column.name)?;
        let data_type = resolve_custom_types(&column.data_type, lookup, column.span)?;
        if after.columns.iter().any(|existing| existing.name == column.name.value) {
            let message = format!(
                "Cannot add column {} to schema. A column with the same name already exists.",
                quoted_name(&column.name.value)
            );
            return Err(SqlError::new(SqlErrorKind::Duplicate, message).at(column.name.span));
        }
        after.columns.push(SourceColumn {
            name: column.name.value.clone(),
            data_type: data_type.to_arrow()?,
            role: ColumnRole::Value,
        });
    }
    Ok(PlannedAlteration { before, after })
}
