//! What a server would answer to a case's requests, as JSON: of a statement that changes something that
//! it was done, of a query its rows between a header and a closing line. Where messages of Protobuf are
//! asked for, a row is one, shown as text.

use arrow::array::RecordBatch;
use futures::StreamExt;
use serde_json::{Value, json};
use tidemill_engine::driver::{rows_to_json, schema_text};
use tidemill_engine::formats::{EncodedPayloads, MessageTexts};
use tidemill_engine::response::{SOURCE_KIND, TOMBSTONES};
use tidemill_engine::serving::row_messages::RowMessages;
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
pub(super) fn take(world: &World, mut asked: Asked, rows_expected: usize) -> Result<Value, Error> {
    let wanted = asked.wanted(rows_expected);
    let batches = asked.batches(world, wanted)?;
    let id = match (asked.rows.endless, asked.from_now_on) {
        (true, true) => "SCALABLE_PUSH_QUERY",
        _ => "transient",
    };
    let mut answer = vec![json!({ "header": { "queryId": id, "schema": schema_text(&asked.rows.schema)? } })];
    for batch in &batches {
        let is_deletion = batch.schema_ref().metadata().contains_key(TOMBSTONES);
        answer.extend(rows_to_json(batch)?.into_iter().map(|columns| match is_deletion {
            false => json!({ "row": { "columns": columns } }),
            true => json!({ "row": { "columns": columns, "tombstone": true } }),
        }));
    }
    answer.truncate(wanted.saturating_add(1));
    answer.extend(asked.end(answer.len() - 1));
    Ok(json!({ "query": answer }))
}

/// As [`take`], with each row as the text of a message of Protobuf.
///
/// # Errors
/// What ended the query, and columns that messages do not have.
pub(super) fn take_messages(world: &World, mut asked: Asked, rows_expected: usize) -> Result<Value, Error> {
    let wanted = asked.wanted(rows_expected);
    let batches = asked.batches(world, wanted)?;
    let mut messages = RowMessages::new(&asked.rows.schema)?;
    let mut encoded = EncodedPayloads::new();
    batches.iter().try_for_each(|batch| messages.encode(batch, &mut encoded))?;
    let texts = MessageTexts::new(messages.schema_text())?;
    let mut answer = vec![json!({ "header": { "protoSchema": messages.schema_text() } })];
    for message in encoded.iter().take(wanted) {
        answer.push(json!({ "row": texts.of_bytes(message.unwrap_or_default())? }));
    }
    answer.extend(asked.end(answer.len() - 1));
    Ok(json!({ "queryProto": answer }))
}

/// An answer of messages as it is expected, with the texts of its rows in the form that [`take_messages`]
/// gives them.
///
/// # Errors
/// A row that is no message of the schema that is expected, for people.
pub(super) fn in_one_form(expected: &Value) -> Result<Value, String> {
    let mut expected = expected.clone();
    let Some(rows) = expected.get_mut("queryProto").and_then(Value::as_array_mut) else {
        return Ok(expected);
    };
    let schema = rows.iter().find_map(|row| row.get("header")?.get("protoSchema")?.as_str());
    let texts = MessageTexts::new(schema.unwrap_or_default());
    let texts = texts.map_err(|error| format!("the schema that is expected: {error}"))?;
    for row in rows {
        if let Some(Value::String(text)) = row.get_mut("row") {
            *text = texts.of_text(text).map_err(|error| format!("a row that is expected: {error}"))?;
        }
    }
    Ok(expected)
}

impl Asked {
    /// How many rows are taken.
    fn wanted(&self, rows_expected: usize) -> usize {
        match (self.rows.endless, self.limit) {
            (true, None) => rows_expected,
            (true, Some(limit)) => limit,
            (false, _) => ROWS_MAX,
        }
    }

    /// Batches with as many rows as are wanted, or a few more.
    fn batches(&mut self, world: &World, wanted: usize) -> Result<Vec<RecordBatch>, Error> {
        let stream = &mut self.rows.stream;
        let mut batches: Vec<RecordBatch> = Vec::new();
        let mut rows = 0;
        world.block_on(async {
            while rows < wanted
                && let Some(batch) = stream.next().await
            {
                let batch = batch?;
                rows += batch.num_rows();
                batches.push(batch);
            }
            Ok(batches)
        })
    }

    /// The line that closes an answer of so many rows, if there is one. Of a table it is not told that its
    /// LIMIT was reached: there it is no question whether more would come.
    fn end(&self, rows: usize) -> Option<Value> {
        let of_stream = self.rows.schema.metadata().get(SOURCE_KIND).is_some_and(|kind| kind == STREAM);
        let is_full = of_stream && self.limit.is_some_and(|limit| rows >= limit);
        match self.rows.endless {
            true if self.limit.is_some() => Some(json!({ "finalMessage": "Limit Reached" })),
            false if is_full => Some(json!({ "finalMessage": "Limit Reached" })),
            false if of_stream => Some(json!({ "finalMessage": "Query Completed" })),
            _ => None,
        }
    }
}

/// The LIMIT of a query over changes.
fn limit_of(query: &str) -> Option<usize> {
    match parse_one(query).ok()?.statement {
        Statement::Query(query) => usize::try_from(query.limit?).ok(),
        _ => None,
    }
}
