//! Rows as keys and values of a source's records, a batch at a time.

use arrow::array::ArrayRef;
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::SchemaRef;
use tidemill_sql::lookup::{Source, WindowKind};

use crate::batch::{ChangeBatch, RowKind};
use crate::error::{Error, Result};
use crate::formats::{EncodedPayloads, Encoder, PartFormat, RecordPart, RowSelection};
use crate::registry::SchemaRegistry;
use crate::runtime::windowed_key::push_window;
use crate::time::timestamp_column::TimestampExtractor;

/// Stands for a time that cannot be told: a record's timestamp is never negative.
const NO_TIME: i64 = -1;

/// Turns rows into keys and values of a source's topic.
pub struct RowEncoder {
    key: Box<dyn Encoder>,
    value: Box<dyn Encoder>,
    key_columns: Vec<usize>,
    value_columns: Vec<usize>,
    window: Option<WindowKind>,
    /// Where the source names a column as its event time: how to read it, and which column it is.
    time: Option<(TimestampExtractor, usize)>,
    keys: EncodedPayloads,
    values: EncodedPayloads,
    windowed_key: Vec<u8>,
}

impl RowEncoder {
    /// For a source, from rows of `schema`; columns are found by name. Where its format has schemas, the
    /// one that is written with may have to be registered (blocking).
    ///
    /// # Errors
    /// A format that cannot have the columns, a column that is not there, and those of the registry.
    pub fn new(source: &Source, schema: &SchemaRef, schemas: &SchemaRegistry) -> Result<RowEncoder> {
        let encoder = |part: RecordPart| -> Result<(Box<dyn Encoder>, Vec<usize>)> {
            let format = PartFormat::of(source, part)?;
            let indices = format
                .columns()
                .fields()
                .iter()
                .map(|field| {
                    schema
                        .index_of(field.name())
                        .map_err(|_| Error::internal(format!("the result has no column '{}'", field.name())))
                })
                .collect::<Result<_>>()?;
            Ok((format.encoder(schemas)?, indices))
        };
        let (key, key_columns) = encoder(RecordPart::Key)?;
        let (value, value_columns) = encoder(RecordPart::Value)?;
        let time = TimestampExtractor::new(source)?.map(|time| {
            let columns = match time.role() {
                RecordPart::Key => &key_columns,
                RecordPart::Value => &value_columns,
            };
            let column = columns[time.index()];
            (time, column)
        });
        Ok(RowEncoder {
            key,
            value,
            key_columns,
            value_columns,
            window: source.window,
            time,
            keys: EncodedPayloads::new(),
            values: EncodedPayloads::new(),
            windowed_key: Vec::new(),
        })
    }

    /// The timestamps of a batch's records: where the source names a column as its event time, what
    /// that holds; negative for a row that has no legal time there. A row without a value keeps its own.
    ///
    /// # Errors
    /// A column that does not fit.
    pub fn times_ms(&self, batch: &ChangeBatch) -> Result<ScalarBuffer<i64>> {
        let Some((time, column)) = &self.time else { return Ok(batch.times_ms.clone()) };
        let extracted = time.extract(batch.columns.column(*column))?;
        let keeps_own = |row: usize| matches!(batch.kinds.get(row), RowKind::Delete | RowKind::NullValue);
        let times = extracted.into_iter().zip(batch.times_ms.iter()).enumerate();
        Ok(times
            .map(|(row, (time_ms, own_ms))| match time_ms {
                _ if keeps_own(row) => *own_ms,
                Some(time_ms) => time_ms,
                None => NO_TIME,
            })
            .collect())
    }

    /// Whether records of the source have their times from a column.
    #[must_use]
    pub fn extracts_time(&self) -> bool {
        self.time.is_some()
    }

    /// Encodes a batch and hands every record to `take`: row, key, value. Rows that are replaced
    /// (`UpdateBefore`) give no record; rows without a value give a null one.
    ///
    /// # Errors
    /// Columns that do not fit, or those of `take`.
    pub fn encode(
        &mut self,
        batch: &ChangeBatch,
        mut take: impl FnMut(usize, Option<&[u8]>, Option<&[u8]>) -> Result<()>,
    ) -> Result<()> {
        let kind = |row: usize| batch.kinds.get(row);
        let rows: Vec<u32> = (0..batch.rows())
            .filter(|row| kind(*row) != RowKind::UpdateBefore)
            .map(|row| row as u32)
            .collect();
        let with_value: Vec<u32> = rows
            .iter()
            .copied()
            .filter(|row| matches!(kind(*row as usize), RowKind::Insert | RowKind::UpdateAfter))
            .collect();
        let pick = |indices: &[usize]| -> Vec<ArrayRef> {
            indices.iter().map(|index| batch.columns.column(*index).clone()).collect()
        };
        self.keys.clear();
        self.values.clear();
        let all = |rows: &[u32]| rows.len() == batch.rows();
        let selection =
            |rows: &'_ [u32]| -> Option<std::ops::Range<usize>> { all(rows).then_some(0..batch.rows()) };
        let select = |range: Option<std::ops::Range<usize>>, rows| match range {
            Some(range) => RowSelection::Range(range),
            None => RowSelection::Indices(rows),
        };
        self.key.encode(&pick(&self.key_columns), select(selection(&rows), &rows), &mut self.keys)?;
        let value_columns = pick(&self.value_columns);
        self.value.encode(&value_columns, select(selection(&with_value), &with_value), &mut self.values)?;
        let mut next_value = 0;
        for (index, row) in rows.iter().enumerate() {
            let row = *row as usize;
            let value = if with_value.get(next_value) == Some(&(row as u32)) {
                next_value += 1;
                self.values.get(next_value - 1)
            } else {
                None
            };
            match (self.window, &batch.windows) {
                (Some(window), Some(bounds)) => {
                    self.windowed_key.clear();
                    self.windowed_key.extend_from_slice(self.keys.get(index).unwrap_or_default());
                    push_window(&mut self.windowed_key, window, bounds.start_ms[row], bounds.end_ms[row]);
                    take(row, Some(&self.windowed_key), value)?;
                }
                _ => {
                    let is_keyed = batch.keyed.as_ref().is_none_or(|keyed| keyed.is_valid(row));
                    take(row, self.keys.get(index).filter(|_| is_keyed), value)?;
                }
            }
        }
        Ok(())
    }
}
