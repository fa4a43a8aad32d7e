//! EXPLAIN: what a statement would do, or a query does.

use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use futures::TryStreamExt;
use tidemill_sql::parser::ast::{Explain, ExplainTarget, SelectStatement, Statement};
use tidemill_sql::planner::{self, Purpose};

use crate::error::{Error, ErrorKind, Result};
use crate::physical;
use crate::response::Response;
use crate::session::Session;
use crate::statements::select;
use crate::statements::text_rows::{Columns, rows};

/// Columns of the answer.
pub const COLUMNS: Columns = &[("plan", DataType::Utf8)];

/// Answers EXPLAIN.
///
/// # Errors
/// Everything that is wrong with the statement, or `NotFound` for a query.
pub async fn explain(session: &Session, statement: &Explain, text: &str) -> Result<Response> {
    let lines = match &statement.target {
        ExplainTarget::Query(id) => explain_query(session, id.value.as_str())?,
        ExplainTarget::Statement(inner) => match inner {
            Statement::CreateAsSelect(create) => continuous(
                session,
                &create.query,
                &Purpose::Persistent {
                    sink: create.name.value.clone(),
                    event_time: None,
                    kind: Some(create.kind),
                },
            )?,
            Statement::InsertSelect(insert) => continuous(
                session,
                &insert.query,
                &Purpose::Persistent { sink: insert.target.value.clone(), event_time: None, kind: None },
            )?,
            Statement::Query(query) if select::is_push(query) => continuous(session, query, &Purpose::Push)?,
            Statement::Query(query) => now(session, query, text, statement.analyze).await?,
            _ => {
                return Err(Error::new(ErrorKind::Unsupported, "only queries have a plan to explain")
                    .with_hint(
                        "explain a SELECT, CREATE … AS SELECT, INSERT INTO … SELECT, or a query's id",
                    ));
            }
        },
    };
    rows(COLUMNS, lines.into_iter().map(|line| vec![line.into()]).collect())
}

fn continuous(session: &Session, query: &SelectStatement, purpose: &Purpose) -> Result<Vec<String>> {
    let logical = planner::plan_query(query, &session.lookup(), purpose)?;
    let mut lines = vec!["Logical plan".to_owned()];
    lines.extend(logical.plan.display_indent().to_string().lines().map(|line| format!("  {line}")));
    lines.extend(physical::planner::plan(&logical, session.aggregate_policy())?.describe());
    Ok(lines)
}

fn explain_query(session: &Session, id: &str) -> Result<Vec<String>> {
    let engine = session.engine();
    let catalog = engine.catalog().state();
    let record = catalog.query(id)?;
    let mut lines = vec![format!("Query {}", record.id), format!("  {}", record.statement)];
    let plan = crate::queries::plan_record(record, &catalog, engine.queries().environment())?;
    lines.extend(plan.describe());
    Ok(lines)
}

async fn now(session: &Session, query: &SelectStatement, text: &str, analyze: bool) -> Result<Vec<String>> {
    let (query, plan) = select::plan_now(session, query, text).await?;
    let mut lines = vec!["Rows that are there now".to_owned()];
    lines.extend(query.describe(&plan)?);
    if analyze {
        let batches: Vec<RecordBatch> = query.run(plan).await?.stream.try_collect().await?;
        lines.push(format!("Rows found: {}", batches.iter().map(RecordBatch::num_rows).sum::<usize>()));
    }
    Ok(lines)
}
