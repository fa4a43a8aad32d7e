//! JSON: one pass over the bytes of a record into column builders, and columns back to text.
//!
//! This is the hot path of the product: per record it allocates nothing, builds no tree, and compares
//! a field name once. [`scanner`] checks grammar and yields tokens, [`object`] sorts them to columns,
//! [`column`] converts them with ksqlDB's rules, [`encoder`] writes. [`document`] is for functions that look
//! into JSON in a STRING.

mod checked_column;
mod column;
mod decoder;
mod document;
mod encoder;
mod number;
mod object;
mod scanner;
mod special_bytes;
mod string;
mod text;

#[cfg(test)]
mod decoder_tests;
#[cfg(test)]
mod encoder_tests;
#[cfg(test)]
mod scanner_tests;

pub(super) use decoder::{JsonDecoder, supports};
pub(crate) use document::{JsonKind, JsonValue};
pub(super) use encoder::JsonEncoder;
pub(crate) use encoder::write_scalar as write_json_scalar;
pub(crate) use string::write_string as write_json_string;
