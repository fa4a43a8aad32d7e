//! INSERT INTO … SELECT: one more query that fills a stream.

use std::sync::Arc;

use super::create_source::schema_text;
use super::properties::Properties;
use super::{Purpose, create_as_select, plan_query};
use crate::analyzer::cast::{convert, is_lossless};
use crate::error::{SqlError, SqlErrorKind};
use crate::lookup::{ColumnRole, Lookup, Source, SourceColumn, SourceKind};
use crate::parser::ast::InsertSelect;
use crate::parser::identifier::quoted_name;
use crate::plan::QueryPlan;
use crate::type_system::SqlType;
use datafusion_common::Column;
use datafusion_expr::logical_plan::Projection;
use datafusion_expr::{Expr, LogicalPlan};

/// A planned INSERT INTO … SELECT.
#[derive(Clone, Debug)]
pub struct PlannedInsert {
    /// The query; its columns have the stream's names and types.
    pub query: QueryPlan,
    /// The stream it fills.
    pub target: Arc<Source>,
    /// The id of the query, where the statement gives one.
    pub query_id: Option<String>,
}

/// Plans INSERT INTO … SELECT.
///
/// # Errors
/// Everything that is wrong with it: above all a result that does not fit the stream.
pub fn plan_insert_select(statement: &InsertSelect, lookup: &dyn Lookup) -> Result<PlannedInsert, SqlError> {
    let name = &statement.target;
    let target = lookup.resolve(name).ok_or_else(|| {
        let message = format!("Source {} does not exist.", quoted_name(&name.value));
        let names = lookup.source_names();
        SqlError::new(SqlErrorKind::UnknownSource, message)
            .at(name.span)
            .with_suggestion(&name.value, names.iter().map(String::as_str))
    })?;
    if target.kind == SourceKind::Table {
        return Err(SqlError::invalid(format!(
            "INSERT INTO can only be used to insert into a stream. {} is a table.",
            target.name
        ))
        .at(name.span));
    }
    if target.read_only {
        return Err(
            SqlError::invalid(format!("Cannot insert into read-only stream: {}", target.name)).at(name.span)
        );
    }
    if has_headers(&target) {
        return Err(SqlError::invalid(format!(
            "Cannot insert into {} because it has header columns",
            target.name
        ))
        .at(name.span));
    }
    if !statement.columns.is_empty() {
        return Err(SqlError::unsupported("INSERT INTO … SELECT takes no list of columns")
            .at(name.span)
            .with_hint("name the columns in the projection with AS"));
    }
    if statement.query.limit.is_some() {
        return Err(SqlError::unsupported("INSERT INTO statements don't support LIMIT clause.")
            .at(statement.query.span));
    }
    let query_id = Properties::of_insert(&statement.properties)?.query_id()?;
    let purpose = Purpose::Persistent { sink: target.name.clone(), event_time: None, kind: None };
    let query = plan_query(&statement.query, lookup, &purpose)?;
    if query.kind == SourceKind::Table {
        return Err(SqlError::invalid(format!(
            "Incompatible data sink and query result. Data sink ({}) type is KSTREAM but select query result \
             is KTABLE.",
            target.name
        ))
        .at(statement.query.span));
    }
    let query = fit(query, &target, lookup).map_err(|error| error.or_at(name.span))?;
    Ok(PlannedInsert { query, target, query_id })
}

/// Whether a source has columns for headers, which nothing can be written into.
pub(super) fn has_headers(source: &Source) -> bool {
    source.columns.iter().any(|column| matches!(column.role, ColumnRole::Headers | ColumnRole::Header(_)))
}

/// The query with the target's types, if names and order are the target's too.
fn fit(query: QueryPlan, target: &Source, lookup: &dyn Lookup) -> Result<QueryPlan, SqlError> {
    let result = create_as_select::result_columns(&query);
    let wanted = key_first(&target.columns);
    let mut converts = false;
    let mut exprs = Vec::with_capacity(result.len());
    let fits = result.len() == wanted.len();
    for (found, wanted) in result.iter().zip(&wanted) {
        let found_type = SqlType::from_arrow(&found.data_type)?;
        let wanted_type = SqlType::from_arrow(&wanted.data_type)?;
        let same_place = found.name == wanted.name && found.role == wanted.role;
        if !fits || !same_place || !widens(&found_type, &wanted_type) {
            return Err(incompatible(&result, &key_first(&target.columns))?);
        }
        converts |= found_type != wanted_type;
        let column = Expr::Column(Column::new_unqualified(&found.name));
        exprs.push(convert(column, Some(&found_type), &wanted_type, lookup)?.alias(&found.name));
    }
    if !fits {
        return Err(incompatible(&result, &wanted)?);
    }
    if !converts {
        return Ok(query);
    }
    let projection = Projection::try_new(exprs, Arc::new(query.plan))
        .map_err(|error| SqlError::internal(format!("the plan is not consistent: {error}")))?;
    Ok(QueryPlan { plan: LogicalPlan::Projection(projection), ..query })
}

/// Whether a value becomes one of another type by itself: the same, or a wider number. Whether a whole
/// number has few enough digits for a DECIMAL is seen when it is written.
fn widens(found: &SqlType, wanted: &SqlType) -> bool {
    found == wanted
        || is_lossless(found, wanted)
        || matches!(
            (found, wanted),
            (SqlType::Integer | SqlType::Bigint, SqlType::Decimal { .. })
                | (SqlType::Decimal { .. }, SqlType::Double)
        )
}

fn key_first(columns: &[SourceColumn]) -> Vec<SourceColumn> {
    let (keys, values): (Vec<_>, Vec<_>) =
        columns.iter().cloned().partition(|column| column.role == ColumnRole::Key);
    keys.into_iter().chain(values).collect()
}

fn incompatible(result: &[SourceColumn], target: &[SourceColumn]) -> Result<SqlError, SqlError> {
    Ok(SqlError::type_error(format!(
        "Incompatible schema between results and sink.\nResult schema is {}\nSink schema is {}",
        schema_text(result)?,
        schema_text(target)?
    )))
}
