//! Event time from a column: `WITH (TIMESTAMP = 'col', TIMESTAMP_FORMAT = 'pattern')`.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Int64Type, TimeUnit, TimestampMillisecondType};
use tidemill_sql::lookup::{ColumnRole, Source};

use crate::error::{Error, ErrorKind, Result};
use crate::formats::RecordPart;
use crate::time::java_pattern::JavaPattern;
use crate::time::zone::Zone;

/// Reads event times out of one column of a source.
pub struct TimestampExtractor {
    part: RecordPart,
    index: usize,
    pattern: Option<JavaPattern>,
}

impl TimestampExtractor {
    /// For a source that names a column; `None` for one whose event time is the record's timestamp.
    ///
    /// # Errors
    /// `UnknownColumn`, `Type`, or an unreadable pattern.
    pub fn new(source: &Source) -> Result<Option<TimestampExtractor>> {
        let Some(timestamp) = &source.timestamp else { return Ok(None) };
        let mut at = [0, 0];
        for column in &source.columns {
            let (part, counter) = match column.role {
                ColumnRole::Key => (RecordPart::Key, 0),
                ColumnRole::Value => (RecordPart::Value, 1),
                ColumnRole::Headers | ColumnRole::Header(_) => continue,
            };
            if column.name == timestamp.column {
                let pattern = match (&column.data_type, &timestamp.format) {
                    (DataType::Utf8, Some(format)) => Some(JavaPattern::parse(format)?),
                    (DataType::Int64 | DataType::Timestamp(..), None) => None,
                    (other, _) => {
                        return Err(Error::new(
                            ErrorKind::Type,
                            format!("column '{}' of type {other} cannot be the event time", column.name),
                        )
                        .with_hint(
                            "use a BIGINT or TIMESTAMP column, or a STRING column with TIMESTAMP_FORMAT",
                        ));
                    }
                };
                return Ok(Some(TimestampExtractor { part, index: at[counter], pattern }));
            }
            at[counter] += 1;
        }
        Err(Error::new(
            ErrorKind::UnknownColumn,
            format!("the event time's column '{}' does not exist", timestamp.column),
        ))
    }

    /// Whether the column is of the key or of the value.
    #[must_use]
    pub fn role(&self) -> RecordPart {
        self.part
    }

    /// Its index among the columns of its part.
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }

    /// Milliseconds since the epoch, a row at a time; `None` where there is no legal time.
    ///
    /// # Errors
    /// `Internal` for a column of another type than the source declares.
    pub fn extract(&self, column: &ArrayRef) -> Result<Vec<Option<i64>>> {
        match &self.pattern {
            None => milliseconds(column)
                .ok_or_else(|| Error::internal("an event time column of an unexpected type")),
            Some(pattern) => {
                let texts = column.as_string::<i32>();
                Ok((0..texts.len())
                    .map(|row| {
                        texts
                            .is_valid(row)
                            .then(|| pattern.parse_timestamp_ms(texts.value(row), Zone::UTC).ok())
                            .flatten()
                    })
                    .collect())
            }
        }
    }
}

/// Milliseconds of a BIGINT or TIMESTAMP column.
fn milliseconds(column: &ArrayRef) -> Option<Vec<Option<i64>>> {
    match column.data_type() {
        DataType::Int64 => Some(column.as_primitive::<Int64Type>().iter().collect()),
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            Some(column.as_primitive::<TimestampMillisecondType>().iter().collect())
        }
        _ => None,
    }
}
