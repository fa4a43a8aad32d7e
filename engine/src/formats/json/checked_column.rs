//! Columns that no one reads: their values are only checked.
//!
//! A record is good or bad whatever a query reads of it, so the values of all declared columns have to be
//! of their types. What nearly all records hold is told from the token alone; everything else takes the
//! way of columns that are read, and what comes of it is dropped.

use arrow::datatypes::DataType;
use arrow::error::ArrowError;

use super::column::Column;
use super::scanner::Token;
use super::text::Scratch;
use crate::formats::decoded::ValueFault;

/// Values kept before they are dropped: the cost of dropping them is shared, and they take little room.
const KEPT_MAX: usize = 1024;

/// Checks the values of a column.
pub(super) struct CheckedColumn {
    data_type: DataType,
    column: Column,
    kept: usize,
}

impl CheckedColumn {
    /// A column of a type; `None` if JSON does not have it.
    pub(super) fn new(data_type: &DataType) -> Option<CheckedColumn> {
        Some(CheckedColumn { data_type: data_type.clone(), column: Column::new(data_type)?, kept: 0 })
    }

    /// Checks a value of the given text.
    #[inline]
    pub(super) fn check(
        &mut self,
        text: &str,
        value: Token,
        scratch: &mut Scratch,
    ) -> Result<(), Box<ValueFault>> {
        if self.is_plainly_good(text, value) {
            return Ok(());
        }
        self.kept += 1;
        self.column.append(text, value, scratch)
    }

    #[inline]
    fn is_plainly_good(&self, text: &str, value: Token) -> bool {
        match (&self.data_type, value) {
            (_, Token::Missing | Token::Null)
            | (DataType::Boolean | DataType::Utf8, Token::True | Token::False)
            | (DataType::Utf8 | DataType::Float64, Token::Number(_)) => true,
            (DataType::Utf8, Token::String(string)) => !string.escaped,
            (DataType::Int64, Token::Number(number)) => number.to_i64(text).is_some(),
            (DataType::Int32, Token::Number(number)) => {
                number.to_i64(text).is_some_and(|number| i32::try_from(number).is_ok())
            }
            _ => false,
        }
    }

    /// Drops what has been kept, where that is much.
    pub(super) fn forget(&mut self) -> Result<(), ArrowError> {
        if self.kept > KEPT_MAX {
            self.kept = 0;
            self.column.finish()?;
        }
        Ok(())
    }
}
