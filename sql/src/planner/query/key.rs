//! Which columns of a result are its key.
//!
//! A stored result has its key in the projection, so that its author sees and names it; a result sent
//! to a client needs none.

use super::from::FromClause;
use super::joins::JoinStep;
use super::projection::ResultColumn;
use crate::analyzer::expression::{Expression, Literal, Node};
use crate::error::{SqlError, SqlErrorKind};
use crate::parser::identifier::quoted_name;
use crate::planner::Purpose;
use crate::type_system::SqlType;

/// Where a result's key comes from.
pub(super) enum KeyRule<'a> {
    /// The key of the only source.
    Source {
        /// Its columns.
        columns: Vec<Expression>,
        /// The key follows the projection: its order, and columns left out are left out.
        as_projected: bool,
    },
    /// The key of a foreign-key join: that of the left table.
    LeftTable {
        /// Its columns.
        columns: Vec<Expression>,
        /// The name by which the query knows the table.
        table: &'a str,
    },
    /// The criterion of the last join.
    Join(&'a JoinStep),
    /// GROUP BY.
    Groups(&'a [Expression]),
    /// PARTITION BY; empty for NULL.
    Partition(&'a [Expression]),
    /// One row without a key.
    None,
}

/// Positions of the key's columns among the columns of the result, in key order.
///
/// # Errors
/// The result is stored and a column of the key is missing, or is there twice.
pub(super) fn key_positions(
    rule: &KeyRule<'_>,
    columns: &[ResultColumn],
    from: &FromClause,
    purpose: &Purpose,
) -> Result<Vec<usize>, SqlError> {
    let find = |wanted: &Expression| -> Vec<usize> {
        (0..columns.len()).filter(|index| columns[*index].expression == *wanted).collect()
    };
    let sink = match purpose {
        Purpose::Persistent { sink, .. } => sink,
        Purpose::Push | Purpose::Pull => {
            return Ok(wanted(rule, from).iter().filter_map(|key| find(key).first().copied()).collect());
        }
    };
    let required = |keys: &[Expression], what: &str, shown: &dyn Fn(&Expression) -> String| {
        let missing: Vec<String> = keys.iter().filter(|key| find(key).is_empty()).map(shown).collect();
        if missing.is_empty() {
            let found = keys.iter().map(|key| only_once(&find(key), columns, key, rule));
            return found.collect::<Result<Vec<usize>, SqlError>>();
        }
        Err(missing_key(sink, what, &missing, "and", None))
    };
    match rule {
        KeyRule::Source { columns: keys, as_projected: true } => {
            let mut positions: Vec<usize> = Vec::new();
            for key in keys {
                let found = find(key);
                if !found.is_empty() {
                    positions.push(only_once(&found, columns, key, rule)?);
                }
            }
            positions.sort_unstable();
            Ok(positions)
        }
        KeyRule::Source { columns: keys, .. } => required(keys, "key column", &ToString::to_string),
        KeyRule::Groups(keys) => required(keys, "grouping expression", &ToString::to_string),
        KeyRule::Partition(keys) if keys.iter().any(|key| find(key).is_empty()) => {
            // All of them are named, so that the key is seen as a whole.
            let shown: Vec<String> = keys.iter().map(|key| key.qualified().to_string()).collect();
            Err(missing_key(sink, "partitioning expression", &shown, "and", None))
        }
        KeyRule::Partition(keys) => required(keys, "partitioning expression", &ToString::to_string),
        KeyRule::LeftTable { columns: keys, table } => {
            let missing: Vec<String> = keys
                .iter()
                .filter(|key| find(key).is_empty())
                .map(|key| key.as_column().map_or_else(|| key.to_string(), |column| column.name.clone()))
                .map(|name| quoted_name(&name))
                .collect();
            if !missing.is_empty() {
                let columns = if missing.len() > 1 { "columns" } else { "column" };
                return Err(SqlError::invalid(format!(
                    "Primary key {columns} missing in projection. For foreign-key table-table joins, the \
                     projection must include all primary key columns from the left input table ({}). Missing \
                     {columns}: {}.",
                    quoted_name(table),
                    missing.join(", ")
                )));
            }
            required(keys, "key column", &ToString::to_string)
        }
        KeyRule::Join(step) => {
            let candidates = wanted(rule, from);
            let Some(key) = candidates.iter().find(|key| !find(key).is_empty()) else {
                let shown: Vec<String> = candidates.iter().map(key_text).collect();
                let synthetic = step.key_columns.is_empty().then_some(shown.as_slice());
                return Err(missing_key(sink, "join expression", &shown, "or", synthetic));
            };
            Ok(vec![only_once(&find(key), columns, key, rule)?])
        }
        KeyRule::None => Ok(Vec::new()),
    }
}

/// Whether an expression is `NULL`.
pub(super) fn is_null(expression: &Expression) -> bool {
    matches!(expression.node, Node::Literal(Literal::Null))
}

/// The name of the key of joins that is no column of a source.
pub(super) fn join_key_name(from: &FromClause) -> String {
    /// What the name begins with.
    const ROWKEY: &str = "ROWKEY";
    let names =
        from.scope.sources.iter().flat_map(|source| source.source.columns.iter().map(|column| &column.name));
    let numbers = names.filter_map(|name| match name.strip_prefix(ROWKEY)? {
        "" => Some(0),
        rest => rest.strip_prefix('_')?.parse::<usize>().ok(),
    });
    numbers.max().map_or_else(|| ROWKEY.to_owned(), |max| format!("{ROWKEY}_{}", max + 1))
}

/// The key's expressions; for a join, those of which one is enough.
fn wanted(rule: &KeyRule<'_>, from: &FromClause) -> Vec<Expression> {
    match rule {
        KeyRule::Source { columns, .. } | KeyRule::LeftTable { columns, .. } => columns.clone(),
        KeyRule::Groups(keys) | KeyRule::Partition(keys) => keys.to_vec(),
        KeyRule::Join(step) if step.key_columns.is_empty() => {
            let key = from.scope.join_key.as_ref().map(|(name, _)| name.clone());
            key.map(|name| Expression::new(Node::Computed(name), sqlparser::tokenizer::Span::empty()))
                .into_iter()
                .collect()
        }
        KeyRule::Join(step) => step.key_columns.clone(),
        KeyRule::None => Vec::new(),
    }
}

fn key_text(key: &Expression) -> String {
    match &key.node {
        Node::Computed(_) => key.to_string(),
        _ => key.qualified().to_string(),
    }
}

fn only_once(
    positions: &[usize],
    columns: &[ResultColumn],
    key: &Expression,
    rule: &KeyRule<'_>,
) -> Result<usize, SqlError> {
    match positions {
        [position] => Ok(*position),
        several => {
            let mut names: Vec<String> = several.iter().map(|index| columns[*index].name.clone()).collect();
            names.sort_unstable();
            let message = match rule {
                KeyRule::Groups(_) | KeyRule::Partition(_) => {
                    let names: Vec<String> = names.iter().map(|name| quoted_name(name)).collect();
                    format!("The projection contains a key column more than once: {}.", list(&names, "and"))
                }
                _ => {
                    let name = key.as_column().map_or_else(|| key.to_string(), |column| column.row_name());
                    format!(
                        "The projection contains a key column ({}) more than once, aliased as: {}.",
                        quoted_name(&name),
                        list(&names, "and")
                    )
                }
            };
            Err(SqlError::new(SqlErrorKind::Duplicate, message).with_detail(
                "Each key column must only be in the projection once. If you intended to copy the key into \
                 the value, then consider using the AS_VALUE function to indicate which key reference should \
                 be copied.",
            ))
        }
    }
}

fn missing_key(
    sink: &str,
    what: &str,
    missing: &[String],
    word: &str,
    synthetic: Option<&[String]>,
) -> SqlError {
    let plural = if missing.len() > 1 { "s" } else { "" };
    let example = match word {
        "or" => missing.first().cloned().unwrap_or_default(),
        _ => missing.join(", "),
    };
    let mut message = format!(
        "Key missing from projection (ie, SELECT). See https://cnfl.io/2LV7ouS.\nThe query used to build {} \
         must include the {what}{plural} {} in its projection (eg, SELECT {example}...).",
        quoted_name(sink),
        list(missing, word)
    );
    if let Some([name, ..]) = synthetic {
        message.push_str(&format!(
            "\n{name} was added as a synthetic key column because the join criteria did not match any source \
             column. This expression must be included in the projection and may be aliased."
        ));
    }
    SqlError::invalid(message)
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn list(items: &[String], word: &str) -> String {
    match items {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} {word} {last}", first.join(", ")),
    }
}

/// A key must be written the same way every time, which maps are not.
///
/// # Errors
/// The type is or contains MAP.
pub(super) fn check_key_type(
    name: &str,
    data_type: &SqlType,
    span: sqlparser::tokenizer::Span,
) -> Result<(), SqlError> {
    crate::planner::formats::check_no_map(name, data_type).map_err(|error| error.or_at(span))
}
