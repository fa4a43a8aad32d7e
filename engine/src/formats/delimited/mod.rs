//! DELIMITED: a line of separated values, one a column, in the CSV dialect ksqlDB speaks.
//!
//! Only scalar columns. NULL is an empty field, and an empty field is NULL, quoted or not: so an empty
//! string becomes NULL on its way through this format.

mod decoder;
mod delimiter;
mod encoder;
mod line;

#[cfg(test)]
mod delimited_tests;

pub use delimiter::Delimiter;

pub(super) use decoder::DelimitedDecoder;
pub(super) use encoder::DelimitedEncoder;
