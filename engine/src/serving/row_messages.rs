//! Rows of an answer as messages of Protobuf, for clients that ask for them so: the schema of the messages
//! as text, which goes ahead, and one message a row.
//!
//! Nothing stands in front of a message, since all of them have that one schema; it is the one that topics
//! of the PROTOBUF format would have for the same columns, and is not registered anywhere.
//!
//! Left to others: which rows there are, and how the messages are wrapped on their way.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use crate::error::Result;
use crate::formats::{EncodedPayloads, Encoder, RowSelection, described_messages};

/// Writes the batches of one answer.
pub struct RowMessages {
    schema_text: String,
    encoder: Box<dyn Encoder>,
}

impl RowMessages {
    /// Messages of an answer's columns.
    ///
    /// # Errors
    /// `Unsupported`: a column that messages cannot have, or its name.
    pub fn new(columns: &SchemaRef) -> Result<RowMessages> {
        let (schema_text, encoder) = described_messages(columns)?;
        Ok(RowMessages { schema_text, encoder })
    }

    /// The schema of the messages, as the text of a `.proto` file.
    #[must_use]
    pub fn schema_text(&self) -> &str {
        &self.schema_text
    }

    /// Appends a message for each row of a batch.
    ///
    /// # Errors
    /// A batch that is not of the answer's columns, and a value that messages do not have.
    pub fn encode(&mut self, batch: &RecordBatch, out: &mut EncodedPayloads) -> Result<()> {
        self.encoder.encode(batch.columns(), RowSelection::Range(0..batch.num_rows()), out)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, ListArray, StringArray};
    use arrow::datatypes::{DataType, Field, Int32Type, Schema};

    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn each_row_is_a_message_of_the_schema_that_goes_ahead() {
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("ID", Arc::new(Int64Array::from(vec![Some(300), Some(0), None]))),
            ("NAME", Arc::new(StringArray::from(vec![Some("ab"), None, Some("")]))),
            (
                "L",
                Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(vec![
                    Some(vec![Some(1), Some(2)]),
                    None,
                    Some(vec![Some(3)]),
                ])),
            ),
        ];
        let batch = RecordBatch::try_from_iter_with_nullable(
            columns.into_iter().map(|(name, column)| (name, column, true)),
        )
        .expect("a batch");
        let mut messages = RowMessages::new(&batch.schema()).expect("messages have the columns");
        assert_eq!(
            messages.schema_text(),
            "syntax = \"proto3\";\n\nmessage ConnectDefault1 {\n  int64 ID = 1;\n  string NAME = 2;\n  \
             repeated int32 L = 3;\n}\n"
        );
        let mut out = EncodedPayloads::new();
        messages.encode(&batch, &mut out).expect("the rows are written");
        let expected: [&[u8]; 3] =
            [&[0x08, 0xac, 0x02, 0x12, 2, b'a', b'b', 0x1a, 2, 1, 2], &[], &[0x1a, 1, 3]];
        assert!(out.iter().eq(expected.map(Some)), "{out:?}");
    }

    #[test]
    fn columns_that_messages_cannot_have_are_refused() {
        let lists = DataType::new_list(DataType::new_list(DataType::Int32, true), true);
        for field in [Field::new("L", lists, true), Field::new("a b", DataType::Int32, true)] {
            let columns = Arc::new(Schema::new(vec![field]));
            let error = RowMessages::new(&columns).err().expect("a refusal");
            assert_eq!(error.kind, ErrorKind::Unsupported, "{error}");
        }
    }
}
