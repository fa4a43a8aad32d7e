//! INSERT INTO … VALUES: records from a session.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::DFSchema;
use tidemill_sql::Position;
use tidemill_sql::lookup::{ColumnRole, Source, SourceKind};
use tidemill_sql::parser::ast::InsertValues;
use tidemill_sql::planner::{self, PlannedRow};
use tidemill_storage::TopicName;

use crate::batch::ChangeBatch;
use crate::error::{Error, ErrorKind, Result};
use crate::expressions::CompiledExpression;
use crate::response::Response;
use crate::runtime::row_encoder::RowEncoder;
use crate::serving::own_inserts::Written;
use crate::session::Session;
use crate::statements::inserted_records::InsertedRecords;
use crate::time::timestamp_column::TimestampExtractor;
use crate::wall_clock;

/// Appends rows to a source's topic; they are durable when it returns, with where they were written.
///
/// # Errors
/// Everything that is wrong with the statement or a value, and those of the disk.
pub async fn insert_values(session: &Session, statement: &InsertValues) -> Result<(Response, Written)> {
    let engine = session.engine();
    let planner::PlannedRows { target: source, rows: planned } =
        planner::plan_insert_values(statement, &session.lookup())?;
    if source.read_only {
        let message = format!("Cannot insert values into read-only source '{}'", source.name);
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    let catalog = engine.catalog().state();
    if source.kind == SourceKind::Table
        && let Some(query) = catalog.sources.get(&source.name).and_then(|found| found.query.as_deref())
    {
        let message = format!("Cannot insert values into table '{}': query {query} keeps it", source.name);
        return Err(Error::new(ErrorKind::Invalid, message).with_hint("insert into what the query reads"));
    }
    let fields: Vec<Field> = source
        .columns
        .iter()
        .filter(|column| matches!(column.role, ColumnRole::Key | ColumnRole::Value))
        .map(|column| Field::new(&column.name, column.data_type.clone(), true))
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let now_ms = wall_clock::now_ms();
    let name = TopicName::new(&source.topic)?;
    let topic = engine.log().topic(&name).ok_or_else(|| {
        Error::new(ErrorKind::NotFound, format!("topic '{name}' of '{}' does not exist", source.name))
    })?;
    let mut encoder = RowEncoder::new(&source, &schema, engine.schemas())?;
    let event_time = EventTime::of(&source, &schema)?;
    let mut records = InsertedRecords::new(topic);
    let one_row = RecordBatch::try_new_with_options(
        Arc::new(Schema::empty()),
        Vec::new(),
        &RecordBatchOptions::new().with_row_count(Some(1)),
    )?;
    for (number, row) in planned.iter().enumerate() {
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(row.values.len());
        for ((expression, position), field) in row.values.iter().zip(&row.positions).zip(schema.fields()) {
            let value = constant(expression, &one_row).map_err(|error| {
                let message = format!("no value for column '{}': {error}", field.name());
                Error { message, ..error }.at(*position)
            })?;
            columns.push(value);
        }
        let time_ms = match &row.rowtime {
            Some(expression) => time_of(&constant(expression, &one_row)?)?,
            None => now_ms,
        };
        if let Some(event_time) = &event_time {
            event_time.check(&columns, row)?;
        }
        let columns = RecordBatch::try_new(schema.clone(), columns)?;
        let batch = ChangeBatch::inserts(columns, vec![time_ms].into());
        encoder
            .encode(&batch, |_, key, value| records.add(number, time_ms, key, value))
            .map_err(|error| refused_record(error, statement, row, &schema))?;
    }
    let log = engine.log().clone();
    let appending = tokio::task::spawn_blocking(move || records.append(log.as_ref()));
    let appended =
        appending.await.map_err(|error| Error::internal(format!("an INSERT panicked: {error}")))?;
    let mut written = Written::new();
    for (target, appended) in appended? {
        written.insert(target, appended.last_offset.next());
        appended.durable().await?;
    }
    let response = Response::Done { tag: format!("INSERT 0 {}", planned.len()), message: None };
    Ok((response, written))
}

/// The error for a row of which no record can be made, with what the row leaves NULL.
fn refused_record(error: Error, statement: &InsertValues, row: &PlannedRow, schema: &Schema) -> Error {
    if error.position.is_some() {
        return error;
    }
    let columns = schema.fields().iter().zip(&row.positions);
    let left_out: Vec<&str> =
        columns.filter(|(_, position)| position.is_none()).map(|(field, _)| field.name().as_str()).collect();
    let error = error.at(Position::from_location(statement.target.span.start));
    // Other kinds are not about the values.
    if error.kind != ErrorKind::Evaluation || left_out.is_empty() {
        return error;
    }
    error.or_hint(format!("columns without a value are NULL: {}", left_out.join(", ")))
}

/// The column that the target names as its event time.
struct EventTime<'a> {
    target: &'a Source,
    column: &'a str,
    index: usize,
    extractor: TimestampExtractor,
}

impl<'a> EventTime<'a> {
    fn of(target: &'a Source, schema: &Schema) -> Result<Option<EventTime<'a>>> {
        let Some(extractor) = TimestampExtractor::new(target)? else { return Ok(None) };
        let column = target.timestamp.as_ref().map(|timestamp| timestamp.column.as_str());
        Ok(column.and_then(|column| {
            let index = schema.index_of(column).ok()?;
            Some(EventTime { target, column, index, extractor })
        }))
    }

    /// Refuses a row whose record every reader would reject: one that stands at no time.
    fn check(&self, row: &[ArrayRef], planned: &PlannedRow) -> Result<()> {
        let Some(value) = row.get(self.index) else { return Ok(()) };
        if self.extractor.extract(value)?.iter().all(|time_ms| time_ms.is_some_and(|time_ms| time_ms >= 0)) {
            return Ok(());
        }
        let (column, target) = (self.column, &self.target.name);
        let error = if value.is_null(0) {
            let message = format!("column '{column}' is the event time of '{target}' and must not be NULL");
            Error::new(ErrorKind::Invalid, message)
                .with_hint(format!("give '{column}' a value: WITH (TIMESTAMP = …) names it"))
        } else {
            let message =
                format!("column '{column}' is the event time of '{target}' and holds no legal time");
            let error = Error::new(ErrorKind::Invalid, message);
            match self.target.timestamp.as_ref().and_then(|timestamp| timestamp.format.as_ref()) {
                Some(format) => error.with_hint(format!("its TIMESTAMP_FORMAT is {format}, from 1970 on")),
                None => error.with_hint("it has to be 1970 or later"),
            }
        };
        Err(error.at(planned.positions.get(self.index).copied().flatten()))
    }
}

/// The value of an expression without columns.
fn constant(expression: &datafusion::logical_expr::Expr, one_row: &RecordBatch) -> Result<ArrayRef> {
    let mut failures = Vec::new();
    let value = CompiledExpression::new(expression, &DFSchema::empty())?.evaluate(one_row, &mut failures)?;
    match failures.into_iter().next() {
        Some(failure) => Err(Error::new(ErrorKind::Evaluation, failure.cause)),
        None => Ok(value),
    }
}

fn time_of(value: &ArrayRef) -> Result<i64> {
    let value = arrow::compute::cast(value, &DataType::Int64)?;
    let value = value.as_any().downcast_ref::<Int64Array>();
    value
        .and_then(|value| value.iter().next().flatten())
        .filter(|time| *time >= 0)
        .ok_or_else(|| Error::new(ErrorKind::Invalid, "ROWTIME must be a number of milliseconds since 1970"))
}
