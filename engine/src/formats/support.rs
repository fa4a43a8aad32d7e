//! Which columns a format can hold, asked at planning time. The sentences are ksqlDB's.

use arrow::datatypes::{DataType, Schema};

use super::scalar::ScalarBuilder;
use super::sql_type::{base_type_name, type_name};
use super::{Format, RecordPart, Wrapping, avro, json, kafka, protobuf};

/// See [`Format::check`].
pub(super) fn check(format: Format, columns: &Schema, part: RecordPart) -> Result<(), String> {
    if part == RecordPart::Key {
        refuse_maps_in_keys(columns)?;
    }
    match format {
        Format::Json | Format::JsonSr => columns.fields().iter().try_for_each(|field| {
            if has_map_without_string_keys(field.data_type()) {
                return Err("JSON only supports MAP types with STRING keys".to_owned());
            }
            supported(format, json::supports(field.data_type()), field.data_type(), Some(field.name()))
        }),
        Format::Avro => columns.fields().iter().try_for_each(|field| {
            if has_map_without_string_keys(field.data_type()) {
                return Err("Avro only supports MAPs with STRING keys".to_owned());
            }
            supported(format, avro::supports(field.data_type()), field.data_type(), Some(field.name()))
        }),
        // What else messages cannot hold is told when their schema is made.
        Format::Protobuf => {
            columns.fields().iter().try_for_each(|field| protobuf::check_maps(field.data_type()))
        }
        Format::ProtobufNosr { nullable } => protobuf::check_unregistered(columns, nullable),
        Format::Delimited { .. } => columns.fields().iter().try_for_each(|field| {
            let scalar = ScalarBuilder::new(field.data_type(), 0).is_some();
            supported(format, scalar, field.data_type(), Some(field.name()))
        }),
        Format::Kafka => match columns.fields().as_ref() {
            [] => Ok(()),
            [field] => supported(format, kafka::supports(field.data_type()), field.data_type(), None),
            _ => Err(format!(
                "The 'KAFKA' format only supports a single field. Got: {}",
                column_list(columns, part)
            )),
        },
        Format::None if columns.fields().is_empty() => Ok(()),
        Format::None => Err(format!(
            "The 'NONE' format can only be used when no columns are defined. Got: {}",
            column_list(columns, part)
        )),
    }
}

/// See [`Format::wrapping`].
pub(super) fn wrapping(
    format: Format,
    columns: usize,
    part: RecordPart,
    wrap_single: Option<bool>,
) -> Result<Wrapping, String> {
    let single = if columns == 1 && !format.has_records_alone() { Wrapping::Bare } else { Wrapping::Record };
    if part == RecordPart::Key {
        return Ok(single);
    }
    let Some(wrap) = wrap_single else {
        return Ok(if format.wraps_or_not() { Wrapping::Record } else { single });
    };
    if columns != 1 {
        return Err("'WRAP_SINGLE_VALUE' is only valid for single-field value schemas".to_owned());
    }
    match (format, wrap) {
        (Format::Delimited { .. } | Format::Kafka, false) => Ok(Wrapping::Bare),
        (format, true) if format.wraps_or_not() || format.has_records_alone() => Ok(Wrapping::Record),
        (format, false) if format.wraps_or_not() => Ok(Wrapping::Bare),
        _ => Err(format!("Format '{}' does not support 'WRAP_SINGLE_VALUE' set to '{wrap}'.", format.name())),
    }
}

fn supported(
    format: Format,
    supported: bool,
    data_type: &DataType,
    column: Option<&str>,
) -> Result<(), String> {
    if supported {
        return Ok(());
    }
    let mut reason =
        format!("The '{}' format does not support type '{}'", format.name(), base_type_name(data_type));
    if let Some(column) = column {
        reason.push_str(&format!(", column: `{column}`"));
    }
    Err(reason)
}

/// The order of a map's entries is not part of its value, so the same key could be written differently
/// and land in different partitions.
fn refuse_maps_in_keys(columns: &Schema) -> Result<(), String> {
    match columns.fields().iter().find(|field| has_map(field.data_type(), &|_| true)) {
        None => Ok(()),
        Some(field) => Err(format!(
            "Map keys, including types that contain maps, are not supported as they may lead to unexpected \
             behavior due to inconsistent serialization. Key column name: `{}`. Column type: {}. See \
             https://github.com/confluentinc/ksql/issues/6621 for more.",
            field.name(),
            type_name(field.data_type())
        )),
    }
}

fn has_map_without_string_keys(data_type: &DataType) -> bool {
    has_map(data_type, &|key| *key != DataType::Utf8)
}

/// Whether a map with such a key type stands anywhere in the type.
fn has_map(data_type: &DataType, key: &dyn Fn(&DataType) -> bool) -> bool {
    match data_type {
        DataType::List(item) => has_map(item.data_type(), key),
        DataType::Struct(fields) => fields.iter().any(|field| has_map(field.data_type(), key)),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) if fields.len() == 2 => {
                key(fields[0].data_type()) || has_map(fields[1].data_type(), key)
            }
            _ => true,
        },
        _ => false,
    }
}

/// Columns as ksqlDB lists them: ``[`V0` INTEGER, `V1` STRING]``, keys marked.
fn column_list(columns: &Schema, part: RecordPart) -> String {
    let mark = if part == RecordPart::Key { " KEY" } else { "" };
    let columns: Vec<String> = columns
        .fields()
        .iter()
        .map(|field| format!("`{}` {}{mark}", field.name(), type_name(field.data_type())))
        .collect();
    format!("[{}]", columns.join(", "))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::{Field, Fields};

    use super::*;
    use crate::formats::{Delimiter, NullableRepresentation};

    const DELIMITED: Format = Format::Delimited { delimiter: Delimiter::COMMA };

    fn schema(columns: &[(&str, DataType)]) -> Schema {
        Schema::new(
            columns
                .iter()
                .map(|(name, data_type)| Field::new(*name, data_type.clone(), true))
                .collect::<Vec<_>>(),
        )
    }

    fn list(item: DataType) -> DataType {
        DataType::List(Arc::new(Field::new("item", item, true)))
    }

    fn map(key: DataType, value: DataType) -> DataType {
        let fields = vec![Field::new("key", key, false), Field::new("value", value, true)];
        DataType::Map(Arc::new(Field::new("entries", DataType::Struct(Fields::from(fields)), false)), false)
    }

    #[test]
    fn a_format_refuses_columns_it_cannot_hold_and_names_them() {
        use DataType::{Boolean, Decimal128, Float64, Int32, Utf8};
        let value = RecordPart::Value;
        for (format, columns, part, expected) in [
            (Format::Json, vec![("A", map(Utf8, list(Int32)))], value, Ok(())),
            (
                Format::Json,
                vec![("A", list(map(Int32, Utf8)))],
                value,
                Err("JSON only supports MAP types with STRING keys"),
            ),
            (
                Format::Json,
                vec![("K", list(map(Int32, Float64)))],
                RecordPart::Key,
                Err("Map keys, including types that contain maps, are not supported as they may lead to \
                     unexpected behavior due to inconsistent serialization. Key column name: `K`. Column type: \
                     ARRAY<MAP<INTEGER, DOUBLE>>. See https://github.com/confluentinc/ksql/issues/6621 for more."),
            ),
            (Format::Protobuf, vec![("A", map(Utf8, list(Int32)))], value, Ok(())),
            (
                Format::Protobuf,
                vec![("A", list(map(Int32, Utf8)))],
                value,
                Err("PROTOBUF format only supports MAP types with STRING keys. See \
                     https://github.com/confluentinc/ksql/issues/6177."),
            ),
            (
                Format::ProtobufNosr { nullable: NullableRepresentation::Default },
                vec![("a b", Int32)],
                value,
                Err("Schema is not compatible with Protobuf: \"a b\" is not a valid identifier: names have \
                     letters, digits and underscores, and no digit first"),
            ),
            (DELIMITED, vec![("A", Int32), ("B", Decimal128(4, 2))], value, Ok(())),
            (
                DELIMITED,
                vec![("A", Int32), ("B", list(Int32))],
                value,
                Err("The 'DELIMITED' format does not support type 'ARRAY', column: `B`"),
            ),
            (Format::Kafka, vec![], value, Ok(())),
            (Format::Kafka, vec![("A", Utf8)], value, Ok(())),
            (
                Format::Kafka,
                vec![("A", Boolean)],
                value,
                Err("The 'KAFKA' format does not support type 'BOOLEAN'"),
            ),
            (
                Format::Kafka,
                vec![("A", Decimal128(4, 2))],
                value,
                Err("The 'KAFKA' format does not support type 'DECIMAL'"),
            ),
            (
                Format::Kafka,
                vec![("A", Int32), ("B", Utf8)],
                RecordPart::Key,
                Err(
                    "The 'KAFKA' format only supports a single field. Got: [`A` INTEGER KEY, `B` STRING KEY]",
                ),
            ),
            (Format::None, vec![], RecordPart::Key, Ok(())),
            (
                Format::None,
                vec![("K", Utf8)],
                RecordPart::Key,
                Err("The 'NONE' format can only be used when no columns are defined. Got: [`K` STRING KEY]"),
            ),
        ] {
            assert_eq!(format.check(&schema(&columns), part), expected.map_err(str::to_owned), "{columns:?}");
        }
    }

    #[test]
    fn single_values_are_wrapped_only_where_the_format_and_the_property_say_so() {
        let value = RecordPart::Value;
        for (format, columns, part, wrap, expected) in [
            (Format::Json, 2, value, None, Ok(Wrapping::Record)),
            (Format::Json, 1, value, None, Ok(Wrapping::Record)),
            (Format::Protobuf, 1, value, None, Ok(Wrapping::Record)),
            (Format::Protobuf, 1, value, Some(true), Ok(Wrapping::Record)),
            (Format::Protobuf, 1, RecordPart::Key, None, Ok(Wrapping::Record)),
            (
                Format::Protobuf,
                1,
                value,
                Some(false),
                Err("Format 'PROTOBUF' does not support 'WRAP_SINGLE_VALUE' set to 'false'."),
            ),
            (Format::Json, 1, value, Some(true), Ok(Wrapping::Record)),
            (Format::Json, 1, value, Some(false), Ok(Wrapping::Bare)),
            (Format::Json, 1, RecordPart::Key, None, Ok(Wrapping::Bare)),
            (Format::Json, 2, RecordPart::Key, None, Ok(Wrapping::Record)),
            (Format::Kafka, 1, value, Some(false), Ok(Wrapping::Bare)),
            (DELIMITED, 1, value, None, Ok(Wrapping::Bare)),
            (
                Format::Json,
                2,
                value,
                Some(false),
                Err("'WRAP_SINGLE_VALUE' is only valid for single-field value schemas"),
            ),
            (
                Format::Kafka,
                1,
                value,
                Some(true),
                Err("Format 'KAFKA' does not support 'WRAP_SINGLE_VALUE' set to 'true'."),
            ),
            (
                DELIMITED,
                1,
                value,
                Some(true),
                Err("Format 'DELIMITED' does not support 'WRAP_SINGLE_VALUE' set to 'true'."),
            ),
        ] {
            assert_eq!(format.wrapping(columns, part, wrap), expected.map_err(str::to_owned));
        }
    }
}
