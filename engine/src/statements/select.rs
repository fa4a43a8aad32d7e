//! SELECT: over what is there now, or as changes come.

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::logical_expr::LogicalPlan;
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast;
use tidemill_sql::parser::ast::{Emit, SelectBody, SelectStatement};
use tidemill_sql::parser::{parse_general, parse_ksql};
use tidemill_sql::planner::{self, Purpose};
use tidemill_sql::{Position, SqlErrorKind};

use crate::datafusion_error;
use crate::error::{Error, ErrorKind, Result};
use crate::names;
use crate::physical::{self, PhysicalPlan};
use crate::queries::LEGAL_TIMES;
use crate::response::Response;
use crate::runtime::query::StartAt;
use crate::serving::ksql_pull::KsqlPull;
use crate::serving::pull::PullQuery;
use crate::serving::push;
use crate::session::{Dialect, Session};
use crate::statements::{scalable_push, settings, system};

/// What is told where nobody has said where queries begin: rows may be long in coming.
const FROM_NOW_ON: &str = "the query begins with records that are written from now on; \
                           SET 'auto.offset.reset' = 'earliest' lets queries begin with the first";

/// Whether a query has no end of its own.
#[must_use]
pub fn is_push(select: &SelectStatement) -> bool {
    select.emit.is_some()
}

/// Runs a query.
///
/// # Errors
/// Everything that is wrong with it.
pub async fn select(
    session: &Session,
    select: &SelectStatement,
    text: &str,
    parameters: &[ScalarValue],
) -> Result<Response> {
    if is_push(select) {
        return start_push(session, select);
    }
    if let Some(query) = plan_as_ksql(session, select)? {
        return Ok(Response::Rows(query.run().await?));
    }
    let (query, plan) = plan_now(session, select, text).await?;
    let plan = if parameters.is_empty() { plan } else { query.bind(plan, parameters)? };
    let rows = query.run(plan).await.map_err(|error| explained(session, select, text, error))?;
    Ok(Response::Rows(rows))
}

/// Plans a query over what is there now by ksqlDB's rules, in sessions that follow them; `None` for a query
/// that is none of ksqlDB's grammar, and for other sessions.
///
/// # Errors
/// Everything that is wrong with it.
pub fn plan_as_ksql(session: &Session, select: &SelectStatement) -> Result<Option<KsqlPull>> {
    match (&select.body, session.options().dialect) {
        (SelectBody::Ksql(_), Dialect::Ksql) => KsqlPull::new(session, select).map(Some),
        _ => Ok(None),
    }
}

/// Plans a query over what is there now, which stands somewhere in a text.
///
/// # Errors
/// Everything that is wrong with it.
pub async fn plan_now(
    session: &Session,
    select: &SelectStatement,
    text: &str,
) -> Result<(PullQuery, LogicalPlan)> {
    let general: ast::Query = match &select.body {
        SelectBody::General(_) if session.within_ksqldb_limits() => {
            let error = match parse_ksql(text, select.span) {
                Err(error) => Error::from(error),
                Ok(_) => Error::internal("the query is one of ksqlDB's"),
            };
            return Err(error.or_hint("RESET tidemill.ksqldb.limits allows all of PostgreSQL's SELECT"));
        }
        SelectBody::General(query) => query.as_ref().clone(),
        // PostgreSQL's SELECT can say all that ksqlDB's can, short of windows and PARTITION BY.
        SelectBody::Ksql(ksql) if ksql.window.is_some() || !ksql.partition_by.is_empty() => {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "WINDOW and PARTITION BY belong to queries over changes",
            )
            .with_hint("add EMIT CHANGES, or make a table with CREATE TABLE … AS and query that"));
        }
        SelectBody::Ksql(_) => parse_general(text, select.span)?,
    };
    let environment = session.engine().pull_environment();
    let functions = system::session_functions(session, &general);
    let query = PullQuery::new(&environment, session.options(), general)?.with_functions(functions);
    let planned = query.plan().await.map_err(|error| explained(session, select, text, error));
    Ok((query, planned?))
}

/// An error of DataFusion that does not say where it is: where ksqlDB's grammar fits the query too, its
/// analyzer may know.
fn explained(session: &Session, select: &SelectStatement, text: &str, error: Error) -> Error {
    let about_field = error.message.ends_with("not found in struct");
    let about_operator = error.message.starts_with("Unsupported binary operator");
    let about_meaning =
        matches!(error.kind, ErrorKind::Type | ErrorKind::UnknownFunction | ErrorKind::Invalid)
            || about_field
            || about_operator
            || error.message.starts_with("Unsupported SQL type")
            || error.message.starts_with("Cannot access field");
    if error.position.is_some() {
        return error;
    }
    if let Some(literal) = datafusion_error::literal_that_is_no_value(&error) {
        let query = parse_general(text, select.span).ok();
        let place = query.and_then(|query| cast_of(&query, literal));
        return error.at(place);
    }
    if !about_meaning {
        return error;
    }
    let known = planner::plan_query(select, &session.lookup(), &Purpose::Push).err();
    let known = known.filter(|known| match known.kind {
        SqlErrorKind::Type | SqlErrorKind::UnknownColumn | SqlErrorKind::UnknownType => true,
        // What stands before the point is no source but a STRUCT.
        SqlErrorKind::UnknownSource => about_field,
        SqlErrorKind::Unsupported => about_operator && known.message.starts_with("the expression "),
        // The function is there and has other arguments.
        SqlErrorKind::UnknownFunction => known.message.starts_with("Function '"),
        _ => false,
    });
    known.filter(|known| known.position.is_some()).map_or(error, Error::from)
}

/// Where the text stands that a query casts.
fn cast_of(query: &ast::Query, text: &str) -> Option<Position> {
    let found = ast::visit_expressions(query, |expression| {
        if let ast::Expr::Cast { expr, .. } = expression
            && let ast::Expr::Value(literal) = expr.as_ref()
            && let ast::Value::SingleQuotedString(written) = &literal.value
            && written == text
        {
            return ControlFlow::Break(literal.span.start);
        }
        ControlFlow::Continue(())
    });
    Position::from_location(found.break_value()?)
}

/// Plans a query over changes.
///
/// # Errors
/// Everything that is wrong with it.
pub fn plan_push(session: &Session, select: &SelectStatement) -> Result<PhysicalPlan> {
    let lookup = session.lookup();
    let select = scalable_push::adjusted(session, select)?;
    let mut plan = planner::plan_query(&select, &lookup, &Purpose::Push)?;
    if select.emit == Some(Emit::Final) {
        plan.emit = tidemill_sql::plan::Emit::Final;
    }
    let needs_legal_times = session.setting(LEGAL_TIMES).is_some_and(|value| settings::is_on(&value));
    Ok(physical::planner::plan(&plan, session.aggregate_policy())?.with_legal_times_needed(needs_legal_times))
}

/// The columns of a result under the names the session shows.
#[must_use]
pub fn shown_schema(session: &Session, schema: &Schema) -> SchemaRef {
    let dialect = session.options().dialect;
    let fields: Vec<Field> = schema
        .fields()
        .iter()
        .map(|field| field.as_ref().clone().with_name(names::shown(dialect, field.name())))
        .collect();
    Arc::new(Schema::new(fields))
}

fn start_push(session: &Session, select: &SelectStatement) -> Result<Response> {
    let plan = plan_push(session, select)?;
    let shown = shown_schema(session, &plan.schema);
    let start_at = session.start_at(StartAt::Latest);
    let queries = session.engine().queries();
    let options = queries.session_options(session.every_update());
    let (mut rows, handle) = push::start(&plan, shown, start_at, queries.environment().clone(), options)?;
    queries.note_session_query(handle);
    if !session.says_where_to_start() {
        rows.notice = Some(FROM_NOW_ON.to_owned());
    }
    Ok(Response::Rows(rows))
}

/// Types of the parameters of a plan, as far as they can be told.
///
/// # Errors
/// `Invalid` where one parameter would have two types.
pub fn parameter_types(plan: &LogicalPlan) -> Result<Vec<Option<DataType>>> {
    let found = plan.get_parameter_types()?;
    let highest =
        found.keys().filter_map(|name| name.strip_prefix('$')?.parse::<usize>().ok()).max().unwrap_or(0);
    Ok((1..=highest).map(|number| found.get(&format!("${number}")).cloned().flatten()).collect())
}
