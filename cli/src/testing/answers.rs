//! What a server would answer to a case's requests, as JSON: of a statement that changes something that
//! it was done, of a query its rows between a header and a closing line.

use futures::StreamExt;
use serde_json::{Value, json};
use tidemill_engine::driver::{rows_to_json, schema_text};
use tidemill_engine::response::{SOURCE_KIND, TOMBSTONES};
use tidemill_engine::{Error, Response, Rows};
use tidemill_sql::parser::ast::Statement;
use tidemill_sql::parser::parse_one;

use super::world::World;

/// What was asked, of a query of a stream.
const STREAM: &str = "STREAM";

/// Rows taken from a query at most, so that one that does not end does not fill the memory.
const ROWS_MAX: usize = 100_000;

/// A statement's answer: `None` for one whose success is not told.
pub(super) fn of_statement(response: &Response) -> Option<Value> {
    match response {
        Response::Done { tag, .. } if tag.starts_with("INSERT") => None,
        Response::Done { .. } => Some(json!({ "admin": { "@type": "currentStatus" } })),
        Response::Rows(_) => Some(json!({ "admin": { "@type": "rows" } })),
    }
}

/// A query that has begun to answer.
pub(super) struct Asked {
    rows: Rows,
    /// Rows after which it ends by itself.
    limit: Option<usize>,
    /// Whether it reads from now on, and not from the first record.
    from_now_on: bool,
}

/// Asks a query.
///
/// # Errors
/// Everything that is wrong with it.
pub(super) fn ask(world: &mut World, query: &str, from_now_on: bool) -> Result<Asked, Error> {
    match world.execute(query)? {
        Response::Rows(rows) => Ok(Asked { rows, limit: limit_of(query), from_now_on }),
        Response::Done { tag, .. } => Err(Error::internal(format!("a query is answered with {tag}"))),
    }
}

/// Takes the rows of a query. Of one that does not end by itself as many are taken as are expected.
///
/// # Errors
/// What ended the query.
pub(super) fn take(world: &World, asked: Asked, rows_expected: usize) -> Result<Value, Error> {
    let Asked { mut rows, limit, from_now_on } = asked;
    let wanted = match (rows.endless, limit) {
        (true, None) => rows_expected,
        (true, Some(limit)) => limit,
        (false, _) => ROWS_MAX,
    };
    let (endless, stream) = (rows.endless, &mut rows.stream);
    let mut found: Vec<(Vec<Value>, bool)> = Vec::new();
    world.block_on(async {
        while found.len() < wanted
            && let Some(batch) = stream.next().await
        {
            let batch = batch?;
            let is_deletion = batch.schema_ref().metadata().contains_key(TOMBSTONES);
            found.extend(rows_to_json(&batch)?.into_iter().map(|columns| (columns, is_deletion)));
        }
        Ok::<(), Error>(())
    })?;
    found.truncate(wanted);
    let id = match (endless, from_now_on) {
        (true, true) => "SCALABLE_PUSH_QUERY",
        _ => "transient",
    };
    let mut answer = vec![json!({ "header": { "queryId": id, "schema": schema_text(&rows.schema)? } })];
    answer.extend(found.into_iter().map(|(columns, is_deletion)| match is_deletion {
        false => json!({ "row": { "columns": columns } }),
        true => json!({ "row": { "columns": columns, "tombstone": true } }),
    }));
    let of_stream = rows.schema.metadata().get(SOURCE_KIND).is_some_and(|kind| kind == STREAM);
    if endless && limit.is_some() {
        answer.push(json!({ "finalMessage": "Limit Reached" }));
    } else if of_stream && !endless {
        answer.push(json!({ "finalMessage": "Query Completed" }));
    }
    Ok(json!({ "query": answer }))
}

/// The LIMIT of a query over changes.
fn limit_of(query: &str) -> Option<usize> {
    match parse_one(query).ok()?.statement {
        Statement::Query(query) => usize::try_from(query.limit?).ok(),
        _ => None,
    }
}
