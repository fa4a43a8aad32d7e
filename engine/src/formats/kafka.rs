//! KAFKA: a single column in the bytes of Kafka's own serializers.
//!
//! INTEGER, BIGINT and DOUBLE big-endian in 4, 8 and 8 bytes, STRING as UTF-8, BYTES as they are. A
//! null column is a null payload. A STRING that is not UTF-8 is rejected instead of being read with
//! replacement characters: as a key it would otherwise come back as other bytes.

use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryBuilder, Float64Builder, Int32Builder, Int64Builder, StringBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::decoded::{Decoded, Rejection, RowTracker};
use super::encoded::{EncodedPayloads, RowSelection, aligned_columns};
use super::scalar_values::ScalarValues;
use super::sql_type::type_name;
use super::{Decoder, Encoder, check_batch_size, unsupported_column};
use crate::error::{Error, Result};

/// Whether a type has a serializer in Kafka.
pub(super) fn supports(data_type: &DataType) -> bool {
    Values::new(data_type).is_some()
}

/// Decodes payloads of a single column, or of none: then all rows are null.
pub(super) struct KafkaDecoder {
    column: Option<Column>,
    projected: bool,
}

struct Column {
    field: Field,
    values: Values,
}

enum Values {
    Integer(Int32Builder),
    Bigint(Int64Builder),
    Double(Float64Builder),
    String(StringBuilder),
    Bytes(BinaryBuilder),
}

impl KafkaDecoder {
    pub(super) fn new(schema: &Schema, projection: &[usize]) -> Result<KafkaDecoder> {
        let column = only_field(schema)?
            .map(|field| {
                Values::new(field.data_type())
                    .map(|values| Column { field: field.clone(), values })
                    .ok_or_else(|| unsupported_column("KAFKA", field))
            })
            .transpose()?;
        Ok(KafkaDecoder { column, projected: !projection.is_empty() })
    }
}

impl Decoder for KafkaDecoder {
    fn decode(&mut self, payloads: &[Option<&[u8]>], rejections: &mut Vec<Rejection>) -> Result<Decoded> {
        check_batch_size(payloads)?;
        let mut rows = RowTracker::new(payloads.len());
        let Some(column) = &mut self.column else {
            payloads.iter().for_each(|_| rows.null_row());
            return rows.finish(Vec::new());
        };
        for (index, payload) in payloads.iter().enumerate() {
            match payload {
                None => {
                    if self.projected {
                        column.values.append_null();
                    }
                    rows.null_row();
                }
                Some(payload) => match column.values.take(payload, self.projected) {
                    Ok(()) => rows.row(),
                    Err(found) => {
                        let expected = type_name(column.field.data_type());
                        let reason =
                            format!("column `{}`: expected {expected}, found {found}", column.field.name());
                        rejections.push(Rejection { payload: index, reason });
                    }
                },
            }
        }
        rows.finish(if self.projected { vec![column.values.finish()] } else { Vec::new() })
    }
}

impl Values {
    fn new(data_type: &DataType) -> Option<Values> {
        Some(match data_type {
            DataType::Int32 => Values::Integer(Int32Builder::new()),
            DataType::Int64 => Values::Bigint(Int64Builder::new()),
            DataType::Float64 => Values::Double(Float64Builder::new()),
            DataType::Utf8 => Values::String(StringBuilder::new()),
            DataType::Binary => Values::Bytes(BinaryBuilder::new()),
            _ => return None,
        })
    }

    /// Appends a payload, or with `kept` false only checks it; says what it is and appends nothing where it
    /// is not of the type.
    fn take(&mut self, payload: &[u8], kept: bool) -> std::result::Result<(), String> {
        match self {
            Values::Integer(values) => {
                let value = i32::from_be_bytes(exactly(payload)?);
                kept.then(|| values.append_value(value));
            }
            Values::Bigint(values) => {
                let value = i64::from_be_bytes(exactly(payload)?);
                kept.then(|| values.append_value(value));
            }
            Values::Double(values) => {
                let value = f64::from_be_bytes(exactly(payload)?);
                kept.then(|| values.append_value(value));
            }
            Values::String(values) => {
                let value = std::str::from_utf8(payload)
                    .map_err(|error| format!("bytes that are not UTF-8 at byte {}", error.valid_up_to()))?;
                kept.then(|| values.append_value(value));
            }
            Values::Bytes(values) => {
                kept.then(|| values.append_value(payload));
            }
        }
        Ok(())
    }

    fn append_null(&mut self) {
        match self {
            Values::Integer(values) => values.append_null(),
            Values::Bigint(values) => values.append_null(),
            Values::Double(values) => values.append_null(),
            Values::String(values) => values.append_null(),
            Values::Bytes(values) => values.append_null(),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Values::Integer(values) => Arc::new(values.finish()),
            Values::Bigint(values) => Arc::new(values.finish()),
            Values::Double(values) => Arc::new(values.finish()),
            Values::String(values) => Arc::new(values.finish()),
            Values::Bytes(values) => Arc::new(values.finish()),
        }
    }
}

/// Encodes a single column, or none: then all payloads are null.
pub(super) struct KafkaEncoder {
    schema: SchemaRef,
}

impl KafkaEncoder {
    pub(super) fn new(schema: SchemaRef) -> Result<KafkaEncoder> {
        if let Some(field) = only_field(&schema)?
            && !supports(field.data_type())
        {
            return Err(unsupported_column("KAFKA", field));
        }
        Ok(KafkaEncoder { schema })
    }
}

impl Encoder for KafkaEncoder {
    fn encode(
        &mut self,
        columns: &[ArrayRef],
        rows: RowSelection<'_>,
        out: &mut EncodedPayloads,
    ) -> Result<()> {
        let columns = aligned_columns(&self.schema, columns, &rows)?;
        let values = columns.first().and_then(ScalarValues::of);
        rows.for_each(|row| {
            let Some(values) = values.as_ref().filter(|values| !values.is_null(row)) else {
                out.push_null();
                return Ok(());
            };
            out.push_with(|bytes| match values {
                ScalarValues::Integer(values) => bytes.extend_from_slice(&values.value(row).to_be_bytes()),
                ScalarValues::Bigint(values) => bytes.extend_from_slice(&values.value(row).to_be_bytes()),
                ScalarValues::Double(values) => bytes.extend_from_slice(&values.value(row).to_be_bytes()),
                ScalarValues::Bytes(values) => bytes.extend_from_slice(values.value(row)),
                // STRING: the constructor lets nothing else through.
                other => other.write_text(row, bytes),
            })
        })
    }
}

fn only_field(schema: &Schema) -> Result<Option<&Field>> {
    match schema.fields().as_ref() {
        [] => Ok(None),
        [field] => Ok(Some(field)),
        fields => {
            Err(Error::internal(format!("{} columns for the 'KAFKA' format, which has one", fields.len())))
        }
    }
}

fn exactly<const LENGTH: usize>(payload: &[u8]) -> std::result::Result<[u8; LENGTH], String> {
    payload.try_into().map_err(|_| format!("{} bytes instead of {LENGTH}", payload.len()))
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array, Float64Array, Int32Array, Int64Array, StringArray};

    use super::*;
    use crate::formats::{Format, Wrapping};

    fn schema(data_type: DataType) -> SchemaRef {
        Arc::new(Schema::new(vec![Field::new("A", data_type, true)]))
    }

    fn check(column: &ArrayRef, payloads: &[Option<&[u8]>]) {
        let schema = schema(column.data_type().clone());
        let mut out = EncodedPayloads::new();
        let mut encoder = Format::Kafka.encoder(&schema, Wrapping::Bare).unwrap();
        encoder.encode(std::slice::from_ref(column), RowSelection::Range(0..column.len()), &mut out).unwrap();
        assert_eq!(out.iter().collect::<Vec<_>>(), payloads);
        let mut rejections = Vec::new();
        let mut decoder = Format::Kafka.decoder(&schema, &[0], Wrapping::Bare).unwrap();
        let decoded = decoder.decode(payloads, &mut rejections).unwrap();
        assert_eq!((&decoded.columns[0], rejections.len()), (column, 0));
        assert_eq!(decoded.present.as_ref(), column.nulls());
    }

    #[test]
    fn a_column_that_no_one_reads_is_checked() {
        let mut decoder = Format::Kafka.decoder(&schema(DataType::Int32), &[], Wrapping::Bare).unwrap();
        let mut rejections = Vec::new();
        let decoded = decoder.decode(&[Some(&[0, 0, 0, 1]), Some(&[1]), None], &mut rejections).unwrap();
        assert_eq!((decoded.rows, decoded.columns.len(), rejections.len()), (2, 0, 1));
    }

    #[test]
    fn each_type_is_written_and_read_as_kafkas_serializers_do() {
        let columns: [ArrayRef; 5] = [
            Arc::new(Int32Array::from(vec![Some(-2), None])),
            Arc::new(Int64Array::from(vec![Some(1), None])),
            Arc::new(Float64Array::from(vec![Some(1.5), None])),
            Arc::new(StringArray::from(vec![Some("é"), None])),
            Arc::new(arrow::array::BinaryArray::from_opt_vec(vec![Some(&[0, 255]), None])),
        ];
        check(&columns[0], &[Some(&[0xff, 0xff, 0xff, 0xfe]), None]);
        check(&columns[1], &[Some(&[0, 0, 0, 0, 0, 0, 0, 1]), None]);
        check(&columns[2], &[Some(&[0x3f, 0xf8, 0, 0, 0, 0, 0, 0]), None]);
        check(&columns[3], &[Some("é".as_bytes()), None]);
        check(&columns[4], &[Some(&[0, 255]), None]);
    }

    #[test]
    fn other_bytes_are_rejected() {
        for (data_type, payload, reason) in [
            (DataType::Int32, &b"12345678"[..], "column `A`: expected INTEGER, found 8 bytes instead of 4"),
            (DataType::Int64, b"", "column `A`: expected BIGINT, found 0 bytes instead of 8"),
            (DataType::Float64, b"1234", "column `A`: expected DOUBLE, found 4 bytes instead of 8"),
            (
                DataType::Utf8,
                b"a\xff",
                "column `A`: expected STRING, found bytes that are not UTF-8 at byte 1",
            ),
        ] {
            let mut rejections = Vec::new();
            let mut decoder = Format::Kafka.decoder(&schema(data_type), &[0], Wrapping::Bare).unwrap();
            let decoded = decoder.decode(&[Some(payload)], &mut rejections).unwrap();
            assert_eq!(decoded.rows, 0);
            assert_eq!(rejections, [Rejection { payload: 0, reason: reason.to_owned() }]);
        }
    }

    #[test]
    fn without_columns_every_row_is_null() {
        let empty = Arc::new(Schema::empty());
        for format in [Format::Kafka, Format::None] {
            let mut decoder = format.decoder(&empty, &[], Wrapping::Record).unwrap();
            let decoded = decoder.decode(&[Some(b"ignored"), None], &mut Vec::new()).unwrap();
            assert_eq!((decoded.rows, decoded.columns.len()), (2, 0));
            assert_eq!(decoded.present.map(|present| present.null_count()), Some(2));
            let mut out = EncodedPayloads::new();
            let mut encoder = format.encoder(&empty, Wrapping::Record).unwrap();
            encoder.encode(&[], RowSelection::Range(0..2), &mut out).unwrap();
            assert_eq!(out.iter().collect::<Vec<_>>(), [None, None]);
        }
    }
}
