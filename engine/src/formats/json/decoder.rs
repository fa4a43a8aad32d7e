//! JSON payloads to columns.

use arrow::datatypes::{DataType, Field, Schema};

use super::checked_column::CheckedColumn;
use super::column::{Column, found};
use super::object::ObjectReader;
use super::scanner::{Scanner, SyntaxError, Token};
use super::text::Scratch;
use crate::error::Result;
use crate::formats::decoded::{Decoded, Rejection, RowTracker};
use crate::formats::{Decoder, Wrapping, check_batch_size, unsupported_column};

/// A mark some editors and libraries put in front of UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Decodes objects with a field a column, or the bare value of a single column. The values of columns that
/// are not projected are checked all the same.
pub(in crate::formats) struct JsonDecoder {
    /// Names of the projected columns, then those of the others.
    names: Vec<String>,
    /// The projected columns.
    columns: Vec<Column>,
    /// The others.
    checked: Vec<CheckedColumn>,
    shape: Shape,
    scratch: Scratch,
}

enum Shape {
    Object(Box<ObjectReader>),
    Bare,
}

/// What became of a payload.
enum Outcome {
    /// It stands in all columns.
    Row,
    /// It is the word `null` where an object would stand.
    Null,
    /// It stands in all columns, but one of them did not take its value.
    Spoiled(String),
    /// It left no trace.
    Rejected(String),
}

impl JsonDecoder {
    /// A decoder of the projected columns of `schema`.
    pub(in crate::formats) fn new(
        schema: &Schema,
        projection: &[usize],
        wrapping: Wrapping,
    ) -> Result<JsonDecoder> {
        let projected: Vec<&Field> = projection.iter().map(|index| schema.field(*index)).collect();
        let others = (0..schema.fields().len()).filter(|index| !projection.contains(index));
        let others: Vec<&Field> = others.map(|index| schema.field(index)).collect();
        let columns = projected
            .iter()
            .map(|field| Column::new(field.data_type()).ok_or_else(|| unsupported_column("JSON", field)))
            .collect::<Result<_>>()?;
        let checked = others
            .iter()
            .map(|field| {
                CheckedColumn::new(field.data_type()).ok_or_else(|| unsupported_column("JSON", field))
            })
            .collect::<Result<_>>()?;
        let names: Vec<String> = projected.iter().chain(&others).map(|field| field.name().clone()).collect();
        let shape = match wrapping {
            Wrapping::Record => Shape::Object(Box::new(ObjectReader::new(names.iter().map(String::as_str)))),
            Wrapping::Bare => Shape::Bare,
        };
        Ok(JsonDecoder { names, columns, checked, shape, scratch: Scratch::default() })
    }

    fn payload(&mut self, payload: &[u8]) -> Outcome {
        let payload = payload.strip_prefix(BYTE_ORDER_MARK).unwrap_or(payload);
        let text = match std::str::from_utf8(payload) {
            Ok(text) => text,
            Err(error) => {
                return Outcome::Rejected(format!("not valid UTF-8 at byte {}", error.valid_up_to()));
            }
        };
        match self.row(text) {
            Ok(outcome) => outcome,
            Err(error) => Outcome::Rejected(syntax_reason(text, error)),
        }
    }

    #[inline]
    fn row(&mut self, text: &str) -> std::result::Result<Outcome, SyntaxError> {
        let mut scanner = Scanner::at(text.as_bytes(), 0);
        scanner.skip_blanks();
        match &mut self.shape {
            Shape::Object(reader) => {
                if scanner.take(b'{') {
                    reader.read(&mut scanner, text)?;
                    scanner.end()?;
                    return Ok(self.append_members(text));
                }
                let value = scanner.value()?;
                scanner.end()?;
                Ok(match value {
                    Token::Null => Outcome::Null,
                    other => Outcome::Rejected(format!(
                        "expected a JSON object, found {} at byte {}",
                        found(text, other),
                        other.position()
                    )),
                })
            }
            Shape::Bare => {
                let value = scanner.value()?;
                scanner.end()?;
                Ok(self.append_bare(text, value))
            }
        }
    }

    #[inline]
    fn append_members(&mut self, text: &str) -> Outcome {
        let Shape::Object(reader) = &self.shape else { return Outcome::Row };
        let mut reason = None;
        for (index, column) in self.columns.iter_mut().enumerate() {
            if reason.is_some() {
                column.append_null();
            } else if let Err(fault) = column.append(text, reader.token(index), &mut self.scratch) {
                reason = Some(fault.reason(self.names.get(index).map_or("", String::as_str)));
            }
        }
        for (index, column) in (self.columns.len()..).zip(&mut self.checked) {
            if reason.is_some() {
                break;
            }
            if let Err(fault) = column.check(text, reader.token(index), &mut self.scratch) {
                reason = Some(fault.reason(self.names.get(index).map_or("", String::as_str)));
            }
        }
        reason.map_or(Outcome::Row, Outcome::Spoiled)
    }

    fn append_bare(&mut self, text: &str, value: Token) -> Outcome {
        for (column, name) in self.columns.iter_mut().zip(&self.names) {
            if let Err(fault) = column.append(text, value, &mut self.scratch) {
                return Outcome::Spoiled(fault.reason(name));
            }
        }
        for (column, name) in self.checked.iter_mut().zip(&self.names) {
            if let Err(fault) = column.check(text, value, &mut self.scratch) {
                return Outcome::Spoiled(fault.reason(name));
            }
        }
        Outcome::Row
    }

    fn append_nulls(&mut self) {
        self.columns.iter_mut().for_each(Column::append_null);
    }
}

impl Decoder for JsonDecoder {
    fn decode(&mut self, payloads: &[Option<&[u8]>], rejections: &mut Vec<Rejection>) -> Result<Decoded> {
        check_batch_size(payloads)?;
        self.columns.iter_mut().for_each(|column| column.reserve(payloads.len()));
        let mut rows = RowTracker::new(payloads.len());
        for (index, payload) in payloads.iter().enumerate() {
            let outcome = payload.map_or(Outcome::Null, |payload| self.payload(payload));
            match outcome {
                Outcome::Row => rows.row(),
                Outcome::Null => {
                    self.append_nulls();
                    rows.null_row();
                }
                Outcome::Spoiled(reason) => {
                    rows.spoiled_row();
                    rejections.push(Rejection { payload: index, reason });
                }
                Outcome::Rejected(reason) => rejections.push(Rejection { payload: index, reason }),
            }
        }
        self.checked.iter_mut().try_for_each(CheckedColumn::forget)?;
        let columns = self.columns.iter_mut().map(Column::finish).collect::<std::result::Result<_, _>>()?;
        rows.finish(columns)
    }
}

#[cold]
fn syntax_reason(text: &str, error: SyntaxError) -> String {
    let found = match text.get(error.position..).map(|rest| rest.chars().next()) {
        Some(Some(character)) => format!("{character:?}"),
        Some(None) => "the end".to_owned(),
        None => "a part of a character".to_owned(),
    };
    format!("not valid JSON: expected {} at byte {}, found {found}", error.expected, error.position)
}

/// Whether columns of a type can be read and written as JSON.
pub(in crate::formats) fn supports(data_type: &DataType) -> bool {
    Column::new(data_type).is_some()
}
