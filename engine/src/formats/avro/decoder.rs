//! Avro payloads to columns: each payload by the schema it was written with.

use arrow::datatypes::{DataType, Fields, Schema};

use super::cursor::Cursor;
use super::reader::{Reader, RecordReader, Stop};
use super::schema::{AvroSchema, Kind};
use super::skip::skip;
use crate::error::Result;
use crate::formats::column_builder::ColumnBuilder;
use crate::formats::compiled_schemas::CompiledSchemas;
use crate::formats::decoded::{Decoded, Rejection, RowTracker};
use crate::formats::{Decoder, Wrapping, check_batch_size, framing, unsupported_column};
use crate::registry::{ResolvedSchema, SchemaRegistry};

/// Decodes records with a field a column, or the bare value of a single column. Columns that are not
/// projected are held against every schema, and their values looked at where the schema alone does not
/// tell whether they fit.
pub(super) struct AvroDecoder {
    columns: Columns,
    builders: Vec<ColumnBuilder>,
    plans: CompiledSchemas<Plan>,
}

/// The columns, and which of them are built.
struct Columns {
    /// All columns.
    fields: Fields,
    wrapping: Wrapping,
    /// Those that are built: the projected ones in their order, then those whose values are looked at.
    built: Vec<usize>,
    /// How many are projected.
    projected: usize,
}

/// How payloads of one schema are read.
struct Plan {
    schema: AvroSchema,
    root: Root,
}

enum Root {
    /// The record itself; `null` is the branch of null, where the payload may be null instead, and how
    /// many branches there are.
    Record { record: RecordReader, null: Option<(usize, usize)> },
    /// The value of the only column.
    Bare(Reader),
    /// A value that fits the only column, which is not built.
    Passed,
}

/// What became of a payload.
enum Outcome {
    /// It stands in all columns.
    Row,
    /// It is null where a record would stand.
    Null,
    /// It stands in all columns, but not as it is.
    Spoiled(String),
    /// It left no trace.
    Rejected(String),
}

impl AvroDecoder {
    /// A decoder of the projected columns of `schema`.
    pub(super) fn new(
        schema: &Schema,
        projection: &[usize],
        wrapping: Wrapping,
        schemas: &SchemaRegistry,
    ) -> Result<AvroDecoder> {
        let fields = schema.fields().clone();
        let checked = fields
            .iter()
            .enumerate()
            .filter(|(index, field)| !projection.contains(index) && values_may_not_fit(field.data_type()));
        let built: Vec<usize> = projection.iter().copied().chain(checked.map(|(index, _)| index)).collect();
        let builders = built
            .iter()
            .map(|index| {
                let field = &fields[*index];
                ColumnBuilder::new(field.data_type(), 0).ok_or_else(|| unsupported_column("AVRO", field))
            })
            .collect::<Result<_>>()?;
        let columns = Columns { fields, wrapping, built, projected: projection.len() };
        Ok(AvroDecoder { columns, builders, plans: CompiledSchemas::new(schemas.clone()) })
    }

    fn payload(&mut self, payload: &[u8]) -> Outcome {
        let (id, body) = match framing::split(payload) {
            Ok(split) => split,
            Err(reason) => return Outcome::Rejected(reason),
        };
        let plan = match self.plans.get(id, |schema| Plan::new(schema, &self.columns)) {
            Ok(plan) => plan,
            Err(reason) => return Outcome::Rejected(reason),
        };
        let mut cursor = Cursor::new(body);
        let faulty = std::cell::Cell::new(0);
        let read = match (&plan.root, self.builders.first_mut()) {
            (Root::Bare(reader), Some(builder)) => reader.read(&plan.schema, builder, &mut cursor),
            (Root::Bare(_), None) => Ok(()),
            (Root::Passed, _) => skip(&plan.schema, plan.schema.root(), &mut cursor).map_err(Stop::from),
            (Root::Record { record, null }, _) => {
                if let Some((null, branches)) = null {
                    match cursor.choice(*branches, "a branch of a union") {
                        Ok(branch) if branch == *null => return Outcome::Null,
                        Ok(_) => {}
                        Err(malformed) => return Outcome::Rejected(reason(malformed.into(), "")),
                    }
                }
                record.read(&plan.schema, &mut self.builders, &mut cursor, |fault, built| {
                    faulty.set(built);
                    fault
                })
            }
        };
        match read.and_then(|()| Ok(cursor.end()?)) {
            Ok(()) => Outcome::Row,
            Err(stop) => {
                let field = self.columns.built.get(faulty.get()).and_then(|at| self.columns.fields.get(*at));
                Outcome::Spoiled(reason(stop, field.map_or("", |field| field.name())))
            }
        }
    }

    /// Gives every column an entry for each of so many rows.
    fn fill_up(&mut self, rows: usize) {
        for builder in &mut self.builders {
            while builder.len() < rows {
                builder.append_null();
            }
        }
    }
}

impl Decoder for AvroDecoder {
    fn decode(&mut self, payloads: &[Option<&[u8]>], rejections: &mut Vec<Rejection>) -> Result<Decoded> {
        check_batch_size(payloads)?;
        let mut rows = RowTracker::new(payloads.len());
        let mut appended = 0;
        for (index, payload) in payloads.iter().enumerate() {
            let outcome = payload.map_or(Outcome::Null, |payload| self.payload(payload));
            match outcome {
                Outcome::Row => rows.row(),
                Outcome::Null => rows.null_row(),
                Outcome::Spoiled(reason) => {
                    rows.spoiled_row();
                    rejections.push(Rejection { payload: index, reason });
                }
                Outcome::Rejected(reason) => {
                    rejections.push(Rejection { payload: index, reason });
                    continue;
                }
            }
            appended += 1;
            self.fill_up(appended);
        }
        let mut columns: Vec<_> =
            self.builders.iter_mut().map(ColumnBuilder::finish).collect::<std::result::Result<_, _>>()?;
        columns.truncate(self.columns.projected);
        rows.finish(columns)
    }
}

impl Plan {
    fn new(schema: &ResolvedSchema, columns: &Columns) -> std::result::Result<Plan, String> {
        let schema = AvroSchema::parse(schema)?;
        let root = match (columns.wrapping, columns.fields.first()) {
            (Wrapping::Bare, Some(field)) => {
                let reader = Reader::new(&schema, schema.root(), field.data_type())
                    .map_err(|reason| format!("column `{}`: {reason}", field.name()))?;
                if columns.built.is_empty() { Root::Passed } else { Root::Bare(reader) }
            }
            _ => {
                let place = |column: usize| columns.built.iter().position(|built| *built == column);
                let inner = schema.non_null(schema.root());
                let record = RecordReader::new(&schema, inner, &columns.fields, place)?;
                Root::Record { record, null: null_branch(&schema) }
            }
        };
        Ok(Plan { schema, root })
    }
}

/// Whether a value of a schema that fits the column may still not fit it itself: too many digits, a time
/// beyond the day, null as a key.
fn values_may_not_fit(column: &DataType) -> bool {
    match column {
        DataType::Decimal128(..) | DataType::Decimal256(..) | DataType::Time32(_) | DataType::Map(..) => true,
        DataType::List(items) => values_may_not_fit(items.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| values_may_not_fit(field.data_type())),
        _ => false,
    }
}

/// The branch of null at the root, and how many branches there are.
fn null_branch(schema: &AvroSchema) -> Option<(usize, usize)> {
    let Kind::Union { branches } = &schema.get(schema.root()).kind else { return None };
    let null = branches.iter().position(|branch| matches!(schema.get(*branch).kind, Kind::Null));
    Some((null.unwrap_or(branches.len()), branches.len()))
}

/// Why a payload gives no row, for people.
#[cold]
fn reason(stop: Stop, column: &str) -> String {
    match stop {
        Stop::Malformed(malformed) => {
            format!(
                "not what its schema says: expected {} at byte {}",
                malformed.expected, malformed.position
            )
        }
        Stop::Value(fault) => fault.reason(column),
    }
}

/// Whether columns of a type can be read and written as Avro.
pub(in crate::formats) fn supports(data_type: &DataType) -> bool {
    ColumnBuilder::new(data_type, 0).is_some()
}
