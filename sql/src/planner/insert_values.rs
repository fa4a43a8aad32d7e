//! INSERT INTO … VALUES: rows for a stream or table, written as they are.

use std::sync::Arc;

use datafusion_expr::{Expr, lit};
use sqlparser::ast::Spanned;
use sqlparser::tokenizer::Span;

use super::insert_select::has_headers;
use crate::analyzer::cast::{convert, is_supported, lost_field, null};
use crate::analyzer::clause::Clause;
use crate::analyzer::coercion::widest_number;
use crate::analyzer::expression::{Expression, Literal, Node};
use crate::analyzer::lower::Lowering;
use crate::analyzer::resolve::Resolver;
use crate::analyzer::scope::{Scope, is_pseudo_column};
use crate::analyzer::text_value::value_of_text;
use crate::analyzer::time_text::parse_timestamp;
use crate::error::{Position, SqlError, SqlErrorKind, Stage, closest};
use crate::lookup::{ColumnRole, Lookup, Source, SourceColumn, SourceKind};
use crate::parser::ast::InsertValues;
use crate::parser::identifier::{Name, quoted_name, written_name};
use crate::plan::source::{ROWOFFSET, ROWPARTITION, ROWTIME, WINDOWEND, WINDOWSTART};
use crate::type_system::{SqlType, StructField};

/// A planned INSERT INTO … VALUES.
#[derive(Clone, Debug)]
pub struct PlannedRows {
    /// The stream or table.
    pub target: Arc<Source>,
    /// The rows, in order.
    pub rows: Vec<PlannedRow>,
}

/// One row of an INSERT.
#[derive(Clone, Debug)]
pub struct PlannedRow {
    /// A value for each column of the target's key and value, in the target's order and of its type;
    /// typed NULLs where the statement gives none. They refer to no columns.
    pub values: Vec<Expr>,
    /// Where each of the values stands in the statement; `None` for those it does not give.
    pub positions: Vec<Option<Position>>,
    /// The record's timestamp in milliseconds since the epoch, a BIGINT; `None` for the time of the
    /// statement.
    pub rowtime: Option<Expr>,
}

/// Plans INSERT INTO … VALUES.
///
/// # Errors
/// Everything that is wrong with it.
pub fn plan_insert_values(statement: &InsertValues, lookup: &dyn Lookup) -> Result<PlannedRows, SqlError> {
    let target = find_target(&statement.target, lookup)?;
    check_writable(&statement.target, &target)?;
    let columns = given_columns(statement, &target, lookup)?;
    let rows = statement
        .rows
        .iter()
        .map(|row| {
            check_count(row, &columns, !statement.columns.is_empty())?;
            plan_row(row, &columns, &target, lookup)
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(PlannedRows { target, rows })
}

/// The source of an INSERT INTO … VALUES.
///
/// # Errors
/// There is none of that name.
pub(super) fn find_target(name: &Name, lookup: &dyn Lookup) -> Result<Arc<Source>, SqlError> {
    lookup.resolve(name).ok_or_else(|| {
        let names = lookup.source_names();
        let mut message =
            format!("Cannot insert values into an unknown stream/table: {}", quoted_name(&name.value));
        let other_case = names.iter().find(|other| other.eq_ignore_ascii_case(&name.value));
        if let Some(other) = other_case {
            message.push_str(&format!(
                "\nDid you mean \"{other}\"? Hint: wrap the source name in double quotes to make it \
                 case-sensitive."
            ));
        }
        let error = SqlError::new(SqlErrorKind::UnknownSource, message).at(name.span);
        match other_case {
            Some(_) => error,
            None => error.with_suggestion(&name.value, names.iter().map(String::as_str)),
        }
    })
}

/// Where a value of a row goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Into the target's column at this position.
    Column(usize),
    /// Into the record's timestamp.
    Rowtime,
}

fn check_writable(name: &Name, source: &Source) -> Result<(), SqlError> {
    if source.read_only {
        let word = super::create_source::kind_word(source.kind);
        return Err(SqlError::invalid(format!(
            "Cannot insert values into read-only {word}: {}",
            source.name
        ))
        .at(name.span));
    }
    if source.window.is_some() {
        return Err(SqlError::unsupported("Cannot insert values into windowed stream/table!").at(name.span));
    }
    Ok(())
}

/// The columns that an INSERT gives values for, by their stored names as far as they exist.
pub(super) fn named_columns(statement: &InsertValues, target: &Source, lookup: &dyn Lookup) -> Vec<Name> {
    if statement.columns.is_empty() {
        // Without a list the key's columns come first, wherever they were declared.
        let others = target.columns.iter().filter(|column| column.role != ColumnRole::Key);
        return target.key_columns().chain(others).map(|column| Name::stored(column.name.clone())).collect();
    }
    let exists =
        |name: &String| is_pseudo_column(name) || target.columns.iter().any(|column| column.name == *name);
    let stored = |name: &Name| {
        let spelling = lookup.spellings(name).into_iter().find(exists);
        Name { value: spelling.unwrap_or_else(|| name.value.clone()), ..name.clone() }
    };
    statement.columns.iter().map(stored).collect()
}

fn given_columns(
    statement: &InsertValues,
    target: &Source,
    lookup: &dyn Lookup,
) -> Result<Vec<(Place, Name)>, SqlError> {
    let names = named_columns(statement, target, lookup);
    let mut places: Vec<(Place, Name)> = Vec::with_capacity(names.len());
    for name in names {
        let place = place(&name, target).map_err(|error| error.or_at(name.span))?;
        if places.iter().any(|(other, _)| *other == place) {
            let message = format!("Column {} is given twice.", quoted_name(&name.value));
            return Err(SqlError::new(SqlErrorKind::Duplicate, message).at(name.span));
        }
        places.push((place, name));
    }
    if has_headers(target) {
        let headers: Vec<&str> = target
            .columns
            .iter()
            .filter(|column| matches!(column.role, ColumnRole::Headers | ColumnRole::Header(_)))
            .map(|column| column.name.as_str())
            .filter(|name| places.iter().any(|(_, given)| given.value == **name))
            .collect();
        if !headers.is_empty() {
            return Err(SqlError::invalid(format!(
                "Cannot insert into HEADER columns: {}",
                headers.join(", ")
            ))
            .at(statement.target.span)
            .with_hint("list the columns to insert into, without those for headers"));
        }
    }
    if target.kind == SourceKind::Table {
        let key = |place: &Place| matches!(place, Place::Column(index) if target.columns[*index].role == ColumnRole::Key);
        let given = places.iter().filter(|(place, _)| key(place)).count();
        if given < target.key_columns().count() {
            let missing: Vec<&str> = target
                .key_columns()
                .map(|column| column.name.as_str())
                .filter(|name| !places.iter().any(|(_, given)| given.value == **name))
                .collect();
            return Err(SqlError::invalid(format!(
                "Failed to insert values into '{}'. Value for primary key column(s) {} is required for tables",
                target.name,
                missing.join(", ")
            ))
            .at(statement.target.span));
        }
    }
    Ok(places)
}

fn place(name: &Name, target: &Source) -> Result<Place, SqlError> {
    match name.value.as_str() {
        ROWTIME => return Ok(Place::Rowtime),
        ROWPARTITION | ROWOFFSET | WINDOWSTART | WINDOWEND => {
            return Err(SqlError::invalid(format!(
                "Inserting into column {} is not allowed.",
                quoted_name(&name.value)
            )));
        }
        _ => {}
    }
    let position = target.columns.iter().position(|column| column.name == name.value);
    position.map(Place::Column).ok_or_else(|| {
        let message = format!("Column name {} does not exist.", quoted_name(&name.value));
        SqlError::new(SqlErrorKind::UnknownColumn, message)
            .with_suggestion(&name.value, target.columns.iter().map(|column| column.name.as_str()))
    })
}

/// Each column has its value; `listed` says that the statement names them.
fn check_count(
    row: &[sqlparser::ast::Expr],
    columns: &[(Place, Name)],
    listed: bool,
) -> Result<(), SqlError> {
    if row.len() == columns.len() {
        return Ok(());
    }
    let message = if listed {
        format!("Expected number columns and values to match: {}, {}", columns.len(), row.len())
    } else {
        let names: Vec<String> = columns.iter().map(|(_, name)| quoted_name(&name.value)).collect();
        let values: Vec<String> = row.iter().map(ToString::to_string).collect();
        format!(
            "Expected a value for each column. Expected Columns: [{}]. Got [{}]",
            names.join(", "),
            values.join(", ")
        )
    };
    let span = row.first().map_or(Span::empty(), Spanned::span);
    let error = SqlError::invalid(message).at(span);
    // Where columns are listed, the statement is enough to tell.
    Err(if listed { error.during(Stage::Preparing) } else { error })
}

fn plan_row(
    row: &[sqlparser::ast::Expr],
    columns: &[(Place, Name)],
    target: &Source,
    lookup: &dyn Lookup,
) -> Result<PlannedRow, SqlError> {
    let scope = Scope::default();
    let resolver = Resolver { scope: &scope, clause: Clause::Values, lookup, variables: &[] };
    let lowering =
        Lowering { scope: &scope, clause: Clause::Values, lookup, substitutions: &[], variables: &[] };
    let mut values: Vec<Option<Expr>> = vec![None; target.columns.len()];
    let mut positions: Vec<Option<Position>> = vec![None; target.columns.len()];
    let mut rowtime = None;
    for (ast, (place, name)) in row.iter().zip(columns) {
        let expression = resolver.resolve(ast)?;
        let target_type = match place {
            Place::Column(index) => SqlType::from_arrow(&target.columns[*index].data_type)?,
            Place::Rowtime => SqlType::Bigint,
        };
        let value = match (place, rowtime_of_text(&expression)) {
            (Place::Rowtime, Some(value)) => value,
            _ => assign(&expression, &target_type, (&target.name, name), &lowering)
                .map_err(|error| error.or_at(expression.span))?,
        };
        match place {
            Place::Rowtime => rowtime = Some(value),
            Place::Column(index) => {
                if target.kind == SourceKind::Table
                    && target.columns[*index].role == ColumnRole::Key
                    && is_null(&value)
                {
                    return Err(SqlError::invalid(format!(
                        "Failed to insert values into '{}'. Value for primary key column(s) {} is required \
                         for tables",
                        target.name, name.value
                    ))
                    .at(expression.span));
                }
                values[*index] = Some(value);
                positions[*index] = Position::from_location(expression.span.start);
            }
        }
    }
    let stored = |column: &SourceColumn| matches!(column.role, ColumnRole::Key | ColumnRole::Value);
    let values = values
        .into_iter()
        .zip(&target.columns)
        .filter(|(_, column)| stored(column))
        .map(|(value, column)| match value {
            Some(value) => Ok(value),
            None => null(&SqlType::from_arrow(&column.data_type)?),
        })
        .collect::<Result<Vec<_>, SqlError>>()?;
    let positions = positions
        .into_iter()
        .zip(&target.columns)
        .filter(|(_, column)| stored(column))
        .map(|(position, _)| position)
        .collect();
    Ok(PlannedRow { values, positions, rowtime })
}

/// The record's timestamp may be written as text.
fn rowtime_of_text(expression: &Expression) -> Option<Expr> {
    match &expression.node {
        Node::Literal(Literal::String(text)) => parse_timestamp(text).map(lit),
        _ => None,
    }
}

/// The value in the type of its column. Text that is written out is read as that type, numbers only beyond
/// ksqlDB's limits; numbers may become wider.
fn assign(
    expression: &Expression,
    target: &SqlType,
    (source, column): (&str, &Name),
    lowering: &Lowering<'_>,
) -> Result<Expr, SqlError> {
    let typed = lowering.lower(expression)?;
    let is_number = target.is_numeric() || *target == SqlType::Boolean;
    let read_as_text = *target == SqlType::String || (is_number && lowering.lookup.within_ksqldb_limits());
    if let (Node::Literal(Literal::String(text)), false) = (&expression.node, read_as_text) {
        return value_of_text(text, target).map(|value| Expr::Literal(value, None)).ok_or_else(|| {
            let message = format!("invalid input syntax for type {target}: \"{text}\".");
            let error = SqlError::new(SqlErrorKind::InvalidLiteral, message);
            match target {
                SqlType::Bytes => error.with_hint("BYTES are written as base64 text"),
                _ => error,
            }
        });
    }
    let Some(found) = &typed.data_type else {
        return null(target);
    };
    if !lowering.lookup.within_ksqldb_limits()
        && let Some((field, fields)) = lost_field(found, target)
    {
        return Err(unknown_field(field, fields, target, (source, column)));
    }
    let fits = (found == target || passes(found, target) || is_nested_fit(found, target))
        && !loses_digits(expression, target);
    if !fits {
        return Err(SqlError::type_error(format!(
            "Failed to insert values into '{source}'. Expected type {target} for field {} but got \
             {}({expression})",
            quoted_name(&column.value),
            found.base_name()
        ))
        .with_hint(format!("CAST the value to {target}")));
    }
    convert(typed.expr, Some(found), target, lowering.lookup)
}

/// The error for a field that the column's type does not have.
fn unknown_field(
    field: &str,
    fields: &[StructField],
    target: &SqlType,
    (source, column): (&str, &Name),
) -> SqlError {
    let message = format!(
        "Failed to insert values into '{source}'. Field {} is not part of {target}, the type of field {}",
        quoted_name(field),
        quoted_name(&column.value)
    );
    let error = SqlError::type_error(message);
    match closest(field, fields.iter().map(|field| field.name.as_str())) {
        Some(near) => error.with_hint(format!("did you mean {}?", written_name(near))),
        None => error.with_hint("leave the field out"),
    }
}

/// Whether a number may be stored as another: it may become wider, or be a DECIMAL with fewer digits
/// whose value is checked when it is stored.
fn passes(found: &SqlType, target: &SqlType) -> bool {
    match (found, target) {
        (SqlType::Decimal { .. }, SqlType::Decimal { .. })
        | (SqlType::Integer | SqlType::Bigint, SqlType::Decimal { .. }) => true,
        (SqlType::Decimal { .. }, SqlType::Double) => true,
        _ => found.is_numeric() && widest_number(found, target).as_ref() == Some(target),
    }
}

/// Whether a number that is written out has digits behind the point that its DECIMAL has no place for: it
/// would be stored as another number than the statement says.
fn loses_digits(expression: &Expression, target: &SqlType) -> bool {
    match (&expression.node, target) {
        (Node::Negate(value), target) => loses_digits(value, target),
        (Node::Literal(Literal::Decimal { unscaled, scale, .. }), SqlType::Decimal { scale: kept, .. }) => {
            let unit = 10_i128.checked_pow(scale.saturating_sub(*kept).into());
            unit.is_none_or(|unit| unscaled % unit != 0)
        }
        (Node::Array(elements), SqlType::Array(target)) => {
            elements.iter().any(|element| loses_digits(element, target))
        }
        (Node::Map(entries), SqlType::Map { key: target_key, value: target_value }) => entries
            .iter()
            .any(|(key, value)| loses_digits(key, target_key) || loses_digits(value, target_value)),
        (Node::Struct(fields), SqlType::Struct(targets)) => fields.iter().any(|(name, value)| {
            let target = targets.iter().find(|target| target.name == *name);
            target.is_some_and(|target| loses_digits(value, &target.data_type))
        }),
        _ => false,
    }
}

/// Whether nested values fit part by part.
fn is_nested_fit(found: &SqlType, target: &SqlType) -> bool {
    let fits = |found: &SqlType, target: &SqlType| {
        found == target
            || passes(found, target)
            || is_nested_fit(found, target)
            || (*found == SqlType::String && is_supported(found, target))
    };
    match (found, target) {
        (SqlType::Array(found), SqlType::Array(target)) => fits(found, target),
        (SqlType::Map { key, value }, SqlType::Map { key: target_key, value: target_value }) => {
            fits(key, target_key) && fits(value, target_value)
        }
        // Within ksqlDB's limits a field that the target does not have is left out, as long as another one is
        // known; elsewhere it was refused before.
        (SqlType::Struct(found), SqlType::Struct(target)) => {
            let counterpart = |field: &StructField| target.iter().find(|other| other.name == field.name);
            found
                .iter()
                .all(|field| counterpart(field).is_none_or(|other| fits(&field.data_type, &other.data_type)))
                && (found.is_empty() || found.iter().any(|field| counterpart(field).is_some()))
        }
        _ => false,
    }
}

fn is_null(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal(value, _) if value.is_null())
}
