//! What a decoder hands back: columns of the rows that decoded, and reasons for those that did not.

use arrow::array::{ArrayRef, BooleanArray, BooleanBufferBuilder, NullBufferBuilder};
use arrow::buffer::NullBuffer;
use arrow::compute;
use arrow::datatypes::DataType;

use super::scalar::Fault;
use crate::error::{Error, Result};

/// Characters of an offending value that a reason quotes.
const QUOTED_CHARS_MAX: usize = 40;

/// Rows of one decoded batch.
#[derive(Clone, Debug)]
pub struct Decoded {
    /// Number of rows: payloads less rejected ones.
    pub rows: usize,
    /// The projected columns, each with `rows` entries.
    pub columns: Vec<ArrayRef>,
    /// Which rows have a payload that holds a value at all; a row without is null in all columns.
    /// `None` if all have one.
    pub present: Option<NullBuffer>,
}

impl Decoded {
    /// The rows for which `keep` is true, of one value a row.
    ///
    /// # Errors
    /// Arrow's.
    pub fn filter(self, keep: &BooleanArray) -> Result<Decoded> {
        let columns = self
            .columns
            .iter()
            .map(|column| compute::filter(column, keep).map_err(Error::from))
            .collect::<Result<_>>()?;
        let present = match self.present {
            None => None,
            Some(present) => {
                let flags = BooleanArray::new(present.into_inner(), None);
                let flags = compute::filter(&flags, keep)?;
                let flags = arrow::array::AsArray::as_boolean(&flags).values().clone();
                Some(NullBuffer::new(flags)).filter(|present| present.null_count() > 0)
            }
        };
        Ok(Decoded { rows: keep.true_count(), columns, present })
    }
}

/// A payload that left no row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rejection {
    /// Position among the payloads given to the decoder.
    pub payload: usize,
    /// Why, for people: column, what stood there, what was expected, where.
    pub reason: String,
}

/// Keeps count of a batch's rows while columns grow, and takes out spoiled ones at its end.
#[derive(Debug)]
pub(super) struct RowTracker {
    rows: usize,
    present: NullBufferBuilder,
    /// Rows whose columns hold something, but not what the payload says.
    spoiled: Vec<usize>,
}

impl RowTracker {
    pub(super) fn new(rows: usize) -> RowTracker {
        RowTracker { rows: 0, present: NullBufferBuilder::new(rows), spoiled: Vec::new() }
    }

    /// A row stands in all columns.
    pub(super) fn row(&mut self) {
        self.rows += 1;
        self.present.append_non_null();
    }

    /// A row of nulls stands in all columns, for a payload that is null.
    pub(super) fn null_row(&mut self) {
        self.rows += 1;
        self.present.append_null();
    }

    /// A row stands in all columns, and must go.
    pub(super) fn spoiled_row(&mut self) {
        self.spoiled.push(self.rows);
        self.row();
    }

    pub(super) fn finish(mut self, columns: Vec<ArrayRef>) -> Result<Decoded> {
        let present = self.present.finish();
        if self.spoiled.is_empty() {
            return Ok(Decoded { rows: self.rows, columns, present });
        }
        let mut keep = BooleanBufferBuilder::new(self.rows);
        keep.append_n(self.rows, true);
        for row in &self.spoiled {
            keep.set_bit(*row, false);
        }
        let keep = BooleanArray::new(keep.finish(), None);
        Decoded { rows: self.rows, columns, present }.filter(&keep)
    }
}

/// A value that is not one of its column's type: what a decoder reports of a row.
#[derive(Debug)]
pub(super) struct ValueFault {
    fault: Fault,
    expected: DataType,
    found: String,
    position: usize,
    /// Where inside the column: `->CITY`, `[2]`.
    path: String,
}

impl ValueFault {
    /// Boxed, so that the results of the hot paths stay small.
    pub(super) fn new(fault: Fault, expected: &DataType, found: String, position: usize) -> Box<ValueFault> {
        Box::new(ValueFault { fault, expected: expected.clone(), found, position, path: String::new() })
    }

    /// The same fault seen from the value around it.
    pub(super) fn within(mut self: Box<Self>, step: &str) -> Box<ValueFault> {
        self.path.insert_str(0, step);
        self
    }

    /// The reason to report, for a fault in the given column.
    pub(super) fn reason(&self, column: &str) -> String {
        format!(
            "column `{column}`{}: {} at byte {}",
            self.path,
            self.fault.describe(&self.expected, &self.found),
            self.position
        )
    }
}

/// Text of an offending value, quoted and cut to a readable length.
pub(super) fn quoted(text: &str) -> String {
    match text.char_indices().nth(QUOTED_CHARS_MAX) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?}…", &text[..end]),
    }
}
