//! NONE: nothing is there. Payloads are ignored when read, so that a topic with keys nobody wants to
//! decode can be declared, and null when written.

use arrow::array::ArrayRef;
use arrow::datatypes::Schema;

use super::decoded::{Decoded, Rejection, RowTracker};
use super::encoded::{EncodedPayloads, RowSelection};
use super::{Decoder, Encoder};
use crate::error::{Error, Result};

/// Decodes every payload to a null row without columns.
pub(super) struct NoneDecoder;

impl NoneDecoder {
    pub(super) fn new(schema: &Schema) -> Result<NoneDecoder> {
        no_columns(schema).map(|()| NoneDecoder)
    }
}

impl Decoder for NoneDecoder {
    fn decode(&mut self, payloads: &[Option<&[u8]>], _rejections: &mut Vec<Rejection>) -> Result<Decoded> {
        let mut rows = RowTracker::new(payloads.len());
        payloads.iter().for_each(|_| rows.null_row());
        rows.finish(Vec::new())
    }
}

/// Encodes every row as a null payload.
pub(super) struct NoneEncoder;

impl NoneEncoder {
    pub(super) fn new(schema: &Schema) -> Result<NoneEncoder> {
        no_columns(schema).map(|()| NoneEncoder)
    }
}

impl Encoder for NoneEncoder {
    fn encode(
        &mut self,
        _columns: &[ArrayRef],
        rows: RowSelection<'_>,
        out: &mut EncodedPayloads,
    ) -> Result<()> {
        rows.for_each(|_| {
            out.push_null();
            Ok(())
        })
    }
}

fn no_columns(schema: &Schema) -> Result<()> {
    if schema.fields().is_empty() {
        return Ok(());
    }
    Err(Error::internal(format!("{} columns for the 'NONE' format, which has none", schema.fields().len())))
}
