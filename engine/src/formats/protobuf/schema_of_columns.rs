//! Columns to the `.proto` text of a message that holds them.
//!
//! The text is the one Confluent's converter registers for the same columns: field numbers in the order
//! of the columns from 1, nested messages called `ConnectDefault2` and so on in the order in which they
//! are met, maps as repeated messages of a key and a value. Topics that ksqlDB wrote and those written
//! here therefore have the same schemas.

use std::fmt::Write as _;

use arrow::datatypes::{DataType, Schema, TimeUnit};

use super::nullable::NullableRepresentation;
use super::well_known;
use crate::formats::sql_type::type_name;
use crate::registry::protobuf::ProtobufSchema;

/// Name of a message, before its number, where none is given.
pub(super) const DEFAULT_NAME: &str = "ConnectDefault";

/// Behind the names of messages that are entries of a map.
pub(super) const MAP_ENTRY_SUFFIX: &str = "Entry";

/// A schema whose message has a field a column.
///
/// # Errors
/// A sentence for the user: a name or a type that messages cannot have.
pub(super) fn schema_of_columns(
    columns: &Schema,
    full_name: Option<&str>,
    nullable: NullableRepresentation,
) -> Result<ProtobufSchema, String> {
    let mut writer = SchemaWriter { nullable, imports: Vec::new(), unnamed: 0 };
    let (package, name) = match full_name {
        Some(full_name) => match full_name.rsplit_once('.') {
            Some((package, name)) => (Some(package), name.to_owned()),
            None => (None, full_name.to_owned()),
        },
        None => (None, writer.next_name()),
    };
    for part in package.iter().flat_map(|package| package.split('.')).chain([name.as_str()]) {
        check_identifier(part)?;
    }
    let columns = columns.fields().iter().map(|field| (field.name().as_str(), field.data_type()));
    let message = writer.message(&name, columns)?;
    let mut text = "syntax = \"proto3\";\n".to_owned();
    if let Some(package) = package {
        let _ = writeln!(text, "package {package};");
    }
    for import in &writer.imports {
        let _ = writeln!(text, "import \"{import}\";");
    }
    text.push_str(&message);
    ProtobufSchema::parse(&text, &[]).map_err(|reason| incompatible(&reason))
}

struct SchemaWriter {
    nullable: NullableRepresentation,
    /// Files with the messages that stand for values, in the order in which they are met.
    imports: Vec<&'static str>,
    /// Messages so far that the schema gives no name.
    unnamed: usize,
}

/// A field's type, and the message it refers to where that is its own.
struct FieldType {
    name: String,
    nested: Option<String>,
    /// The options of the field, between brackets.
    options: Option<String>,
}

impl SchemaWriter {
    fn next_name(&mut self) -> String {
        self.unnamed += 1;
        format!("{DEFAULT_NAME}{}", self.unnamed)
    }

    fn import(&mut self, file: &'static str) {
        if !self.imports.contains(&file) {
            self.imports.push(file);
        }
    }

    /// A message of the given fields, nested ones within.
    fn message<'a>(
        &mut self,
        name: &str,
        fields: impl Iterator<Item = (&'a str, &'a DataType)>,
    ) -> Result<String, String> {
        let mut text = format!("message {name} {{\n");
        let mut nested = String::new();
        for (index, (field, data_type)) in fields.enumerate() {
            check_identifier(field)?;
            let (label, data_type) = match data_type {
                DataType::List(item) => match item.data_type() {
                    // A repeated field of a repeated field is no field, and a list of maps would read as
                    // one map.
                    DataType::List(_) => return Err(incompatible("Array cannot be nested")),
                    DataType::Map(..) => {
                        let reason = format!(
                            "ARRAY of MAP is not supported, column: `{field}`; an ARRAY of STRUCTs with a MAP is"
                        );
                        return Err(incompatible(&reason));
                    }
                    item => ("repeated ", item),
                },
                DataType::Map(..) => ("repeated ", data_type),
                other if self.nullable == NullableRepresentation::Optional => ("optional ", other),
                other => ("", other),
            };
            let field_type = self.field_type(field, data_type)?;
            let options = field_type.options.unwrap_or_default();
            let _ = writeln!(text, "{label}{} {field} = {}{options};", field_type.name, index + 1);
            nested.extend(field_type.nested);
        }
        text.push_str(&nested);
        text.push_str("}\n");
        Ok(text)
    }

    fn field_type(&mut self, field: &str, data_type: &DataType) -> Result<FieldType, String> {
        let (scalar, wrapper) = match data_type {
            DataType::Boolean => ("bool", "BoolValue"),
            DataType::Int32 => ("int32", "Int32Value"),
            DataType::Int64 => ("int64", "Int64Value"),
            DataType::Float64 => ("double", "DoubleValue"),
            DataType::Utf8 => ("string", "StringValue"),
            DataType::Binary => ("bytes", "BytesValue"),
            other => return self.message_type(field, other),
        };
        if self.nullable != NullableRepresentation::Wrapper {
            return Ok(FieldType::named(scalar));
        }
        self.import(well_known::WRAPPERS_FILE);
        Ok(FieldType::named(format!("google.protobuf.{wrapper}")))
    }

    fn message_type(&mut self, field: &str, data_type: &DataType) -> Result<FieldType, String> {
        let (name, file) = match data_type {
            DataType::Date32 => ("google.type.Date", well_known::DATE_FILE),
            DataType::Time32(_) => ("google.type.TimeOfDay", well_known::TIME_FILE),
            DataType::Timestamp(TimeUnit::Millisecond, _) => {
                ("google.protobuf.Timestamp", well_known::TIMESTAMP_FILE)
            }
            DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => {
                // The file of the options comes with it.
                self.import(well_known::DECIMAL_FILE);
                let parameter = |key: &str, value: &str| format!("{{key: \"{key}\", value: \"{value}\"}}");
                let parameters =
                    [parameter("precision", &precision.to_string()), parameter("scale", &scale.to_string())];
                let options = Some(format!(
                    " [({}) = {{params: [{}]}}]",
                    well_known::FIELD_META,
                    parameters.join(", ")
                ));
                return Ok(FieldType { options, ..FieldType::named("confluent.type.Decimal") });
            }
            DataType::Struct(fields) => {
                let name = self.name_beside(field);
                let fields = fields.iter().map(|field| (field.name().as_str(), field.data_type()));
                let nested = Some(self.message(&name, fields)?);
                return Ok(FieldType { nested, ..FieldType::named(name) });
            }
            DataType::Map(entries, _) => match entries.data_type() {
                DataType::Struct(entry) if entry.len() == 2 && *entry[0].data_type() == DataType::Utf8 => {
                    let name = format!("{}{MAP_ENTRY_SUFFIX}", self.next_name());
                    let fields = [("key", entry[0].data_type()), ("value", entry[1].data_type())];
                    let nested = Some(self.message(&name, fields.into_iter())?);
                    return Ok(FieldType { nested, ..FieldType::named(name) });
                }
                _ => return Err(MAP_KEYS.to_owned()),
            },
            other => {
                return Err(incompatible(&format!("type '{}', column: `{field}`", type_name(other))));
            }
        };
        self.import(file);
        Ok(FieldType::named(name))
    }

    /// A name for the message of a field, which must not have the field's own name.
    fn name_beside(&mut self, field: &str) -> String {
        let name = self.next_name();
        if name == field { format!("{name}Message") } else { name }
    }
}

impl FieldType {
    fn named(name: impl Into<String>) -> FieldType {
        FieldType { name: name.into(), nested: None, options: None }
    }
}

/// What ksqlDB says of maps with other keys.
pub(super) const MAP_KEYS: &str = "PROTOBUF format only supports MAP types with STRING keys. See \
                                   https://github.com/confluentinc/ksql/issues/6177.";

fn check_identifier(name: &str) -> Result<(), String> {
    let mut characters = name.chars();
    let starts = characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_');
    if starts && characters.all(|other| other.is_ascii_alphanumeric() || other == '_') {
        return Ok(());
    }
    Err(incompatible(&format!(
        "\"{name}\" is not a valid identifier: names have letters, digits and underscores, and no digit first"
    )))
}

fn incompatible(reason: &str) -> String {
    format!("Schema is not compatible with Protobuf: {reason}")
}

#[cfg(test)]
mod tests {
    use tidemill_sql::type_system::{SqlType, arrow_field};

    use super::*;

    fn columns(columns: &[(&str, &str)]) -> Schema {
        let field = |(name, sql): &(&str, &str)| {
            arrow_field(name, &sql.parse::<SqlType>().expect("a type")).expect("a field")
        };
        Schema::new(columns.iter().map(field).collect::<Vec<_>>())
    }

    fn text(list: &[(&str, &str)], nullable: NullableRepresentation) -> String {
        schema_of_columns(&columns(list), None, nullable).expect("a schema").canonical_text()
    }

    #[test]
    fn scalars_are_fields_numbered_from_one() {
        assert_eq!(
            text(
                &[
                    ("I", "INT"),
                    ("L", "BIGINT"),
                    ("D", "DOUBLE"),
                    ("B", "BOOLEAN"),
                    ("S", "STRING"),
                    ("Y", "BYTES")
                ],
                NullableRepresentation::Default
            ),
            "syntax = \"proto3\";\n\nmessage ConnectDefault1 {\n  int32 I = 1;\n  int64 L = 2;\n  double D = 3;\n  \
             bool B = 4;\n  string S = 5;\n  bytes Y = 6;\n}\n"
        );
    }

    #[test]
    fn nested_messages_are_named_in_the_order_they_are_met() {
        assert_eq!(
            text(
                &[
                    ("A", "STRUCT<X STRUCT<Y INT>, Z ARRAY<STRING>>"),
                    ("M", "MAP<STRING, STRUCT<V INT>>"),
                    ("L", "ARRAY<STRUCT<W DATE>>")
                ],
                NullableRepresentation::Default
            ),
            "syntax = \"proto3\";\n\nimport \"google/type/date.proto\";\n\nmessage ConnectDefault1 {\n  \
             ConnectDefault2 A = 1;\n  repeated ConnectDefault4Entry M = 2;\n  repeated ConnectDefault6 L = 3;\n\n  \
             message ConnectDefault2 {\n    ConnectDefault3 X = 1;\n    repeated string Z = 2;\n  \n    \
             message ConnectDefault3 {\n      int32 Y = 1;\n    }\n  }\n  message ConnectDefault4Entry {\n    \
             string key = 1;\n    ConnectDefault5 value = 2;\n  \n    message ConnectDefault5 {\n      \
             int32 V = 1;\n    }\n  }\n  message ConnectDefault6 {\n    google.type.Date W = 1;\n  }\n}\n"
        );
    }

    #[test]
    fn missing_values_are_told_by_optional_fields_or_wrappers() {
        let list = [("I", "INT"), ("A", "ARRAY<STRING>"), ("T", "TIMESTAMP")];
        assert_eq!(
            text(&list, NullableRepresentation::Optional),
            "syntax = \"proto3\";\n\nimport \"google/protobuf/timestamp.proto\";\n\nmessage ConnectDefault1 {\n  \
             optional int32 I = 1;\n  repeated string A = 2;\n  optional google.protobuf.Timestamp T = 3;\n}\n"
        );
        assert_eq!(
            text(&list, NullableRepresentation::Wrapper),
            "syntax = \"proto3\";\n\nimport \"google/protobuf/wrappers.proto\";\n\
             import \"google/protobuf/timestamp.proto\";\n\nmessage ConnectDefault1 {\n  \
             google.protobuf.Int32Value I = 1;\n  repeated google.protobuf.StringValue A = 2;\n  \
             google.protobuf.Timestamp T = 3;\n}\n"
        );
    }

    #[test]
    fn decimals_carry_their_precision_and_scale() {
        let text = text(&[("D", "DECIMAL(4, 2)"), ("T", "TIME")], NullableRepresentation::Default);
        assert!(
            text.contains("\n\nimport \"confluent/type/decimal.proto\";\nimport \"google/type/"),
            "{text}"
        );
        assert!(text.contains("value: \"4\",\n        key: \"precision\""), "{text}");
        assert!(text.contains("google.type.TimeOfDay T = 2;"), "{text}");
    }

    #[test]
    fn a_full_name_gives_the_package_and_the_message() {
        let columns = columns(&[("A", "STRUCT<B INT>")]);
        let text = schema_of_columns(&columns, Some("io.shop.Order"), NullableRepresentation::Default)
            .expect("a schema")
            .canonical_text();
        assert!(text.starts_with("syntax = \"proto3\";\npackage io.shop;\n\nmessage Order {\n"), "{text}");
        assert!(text.contains("ConnectDefault1 A = 1;"), "{text}");
    }

    #[test]
    fn names_and_types_that_messages_do_not_have_are_refused() {
        for (name, sql, reason) in [
            ("a-b", "INT", "Schema is not compatible with Protobuf: \"a-b\" is not a valid identifier"),
            ("1a", "INT", "Schema is not compatible with Protobuf: \"1a\" is not a valid identifier"),
            ("A", "ARRAY<ARRAY<INT>>", "Schema is not compatible with Protobuf: Array cannot be nested"),
            ("A", "ARRAY<MAP<STRING, INT>>", "Schema is not compatible with Protobuf: ARRAY of MAP"),
            ("A", "MAP<INT, INT>", "PROTOBUF format only supports MAP types with STRING keys"),
        ] {
            let error = schema_of_columns(&columns(&[(name, sql)]), None, NullableRepresentation::Default)
                .expect_err("a refusal");
            assert!(error.starts_with(reason), "{error}");
        }
        assert!(schema_of_columns(&columns(&[]), Some("a..b"), NullableRepresentation::Default).is_err());
    }
}
