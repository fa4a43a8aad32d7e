//! Messages to the columns that hold them.
//!
//! | field | column |
//! |---|---|
//! | int32, sint32, sfixed32 | INTEGER |
//! | other whole numbers | BIGINT; unsigned ones of 64 bits keep their bits |
//! | float, double | DOUBLE |
//! | bool, string, bytes | BOOLEAN, STRING, BYTES |
//! | enum | STRING: the name of the value |
//! | wrappers | what they wrap |
//! | Timestamp, Date, TimeOfDay, Decimal | TIMESTAMP, DATE, TIME, DECIMAL |
//! | other message | STRUCT |
//! | map, or repeated message of a key and a value called …Entry | MAP with STRING keys |
//! | other repeated field | ARRAY |
//! | oneof | STRUCT of its fields, called as the oneof with its position behind: `payload_0` |
//!
//! Fields that SQL has no type for are left out: groups, messages without fields.

use prost_reflect::{Cardinality, FieldDescriptor, Kind, MapKey, MessageDescriptor, OneofDescriptor, Value};
use tidemill_sql::type_system::{MAX_DECIMAL_PRECISION, SqlType, StructField};

use super::schema_of_columns::MAP_ENTRY_SUFFIX;
use super::well_known::{FIELD_META, WellKnown};

/// Messages within messages: what their compiler takes, and a schema that goes deeper contains itself.
const DEPTH_MAX: usize = 32;

/// Fields of all messages of one schema together. A few messages that refer to each other several times
/// each can stand for more fields than memory has room for.
const FIELDS_MAX: usize = 10_000;

/// Digits of a decimal whose schema does not say how many it has.
const DEFAULT_PRECISION: u64 = 64;

/// A column as a schema has it.
#[derive(Debug)]
pub(super) enum Member {
    /// A field that is in no oneof.
    Field(FieldDescriptor),
    /// A oneof, under its column's name.
    Oneof(String, OneofDescriptor),
}

/// The columns of a message, by the names the schema has.
///
/// # Errors
/// A sentence for the user: the message contains itself, or is too large.
pub(super) fn columns_of_message(message: &MessageDescriptor) -> Result<Vec<StructField>, String> {
    Inference { fields: 0, path: Vec::new() }.columns(message)
}

/// What of a message becomes a column, in order: oneofs first, as Confluent's converter has it.
pub(super) fn members(message: &MessageDescriptor) -> Vec<Member> {
    let oneofs = message.oneofs().filter(|oneof| !oneof.is_synthetic()).enumerate();
    let oneofs = oneofs.map(|(index, oneof)| Member::Oneof(format!("{}_{index}", oneof.name()), oneof));
    let declared = message.descriptor_proto().field.iter();
    let fields = declared.filter_map(|field| message.get_field(u32::try_from(field.number()).ok()?));
    let fields = fields.filter(|field| real_oneof(field).is_none()).map(Member::Field);
    oneofs.chain(fields).collect()
}

impl Member {
    /// Name of the column.
    pub(super) fn name(&self) -> &str {
        match self {
            Member::Field(field) => field.name(),
            Member::Oneof(name, _) => name,
        }
    }
}

/// The oneof that a field is in; none for the one that makes a field `optional`.
pub(super) fn real_oneof(field: &FieldDescriptor) -> Option<OneofDescriptor> {
    field.containing_oneof().filter(|oneof| !oneof.is_synthetic())
}

/// Key and value of a map's entries, if the field is a map: one in the language, or one as Confluent's
/// converter writes it.
pub(super) fn map_entry(field: &FieldDescriptor) -> Option<(FieldDescriptor, FieldDescriptor)> {
    let Kind::Message(entry) = field.kind() else { return None };
    if field.cardinality() != Cardinality::Repeated {
        return None;
    }
    let key = entry.get_field(1).filter(|key| key.name() == "key" && is_key(key))?;
    let value = entry.get_field(2).filter(|value| value.name() == "value")?;
    let is_entry = entry.is_map_entry() || entry.name().ends_with(MAP_ENTRY_SUFFIX);
    (is_entry && entry.fields().len() == 2).then_some((key, value))
}

fn is_key(field: &FieldDescriptor) -> bool {
    let scalar = |kind: &Kind| !matches!(kind, Kind::Message(_) | Kind::Float | Kind::Double | Kind::Bytes);
    field.cardinality() != Cardinality::Repeated
        && match field.kind() {
            Kind::Message(message) => {
                matches!(WellKnown::of(&message), Some(WellKnown::Wrapper(kind)) if scalar(&kind))
            }
            kind => scalar(&kind),
        }
}

struct Inference {
    fields: usize,
    /// The messages around the current one.
    path: Vec<String>,
}

impl Inference {
    fn columns(&mut self, message: &MessageDescriptor) -> Result<Vec<StructField>, String> {
        let name = message.full_name();
        if self.path.len() >= DEPTH_MAX || self.path.iter().any(|outer| outer == name) {
            return Err(format!(
                "message '{name}' contains itself, which no SQL type does: list the columns in the statement"
            ));
        }
        self.path.push(name.to_owned());
        let mut columns = Vec::new();
        for member in members(message) {
            let data_type = match &member {
                Member::Field(field) => self.field(field)?,
                Member::Oneof(_, oneof) => {
                    let mut choices = Vec::new();
                    for field in oneof.fields() {
                        if let Some(data_type) = self.field(&field)? {
                            choices.push(StructField::new(field.name(), data_type));
                        }
                    }
                    Some(SqlType::Struct(choices)).filter(has_fields)
                }
            };
            columns.extend(data_type.map(|data_type| StructField::new(member.name(), data_type)));
        }
        self.path.pop();
        Ok(columns)
    }

    fn field(&mut self, field: &FieldDescriptor) -> Result<Option<SqlType>, String> {
        self.fields += 1;
        if self.fields > FIELDS_MAX {
            return Err(format!("the schema stands for more than {FIELDS_MAX} fields"));
        }
        if field.is_group() {
            return Ok(None);
        }
        if let Some((_, value)) = map_entry(field) {
            let value = self.field(&value)?;
            return Ok(value.map(|value| SqlType::map(SqlType::String, value)));
        }
        let single = self.single(field)?;
        Ok(match field.cardinality() {
            Cardinality::Repeated => single.map(SqlType::array),
            _ => single,
        })
    }

    fn single(&mut self, field: &FieldDescriptor) -> Result<Option<SqlType>, String> {
        Ok(match field.kind() {
            Kind::Message(message) => match WellKnown::of(&message) {
                Some(WellKnown::Decimal) => decimal(field),
                Some(WellKnown::Date) => Some(SqlType::Date),
                Some(WellKnown::Time) => Some(SqlType::Time),
                Some(WellKnown::Timestamp) => Some(SqlType::Timestamp),
                Some(WellKnown::Wrapper(kind)) => scalar(&kind),
                None => Some(SqlType::Struct(self.columns(&message)?)).filter(has_fields),
            },
            kind => scalar(&kind),
        })
    }
}

fn scalar(kind: &Kind) -> Option<SqlType> {
    Some(match kind {
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => SqlType::Integer,
        Kind::Int64
        | Kind::Uint64
        | Kind::Sint64
        | Kind::Fixed64
        | Kind::Sfixed64
        | Kind::Uint32
        | Kind::Fixed32 => SqlType::Bigint,
        Kind::Float | Kind::Double => SqlType::Double,
        Kind::Bool => SqlType::Boolean,
        Kind::String | Kind::Enum(_) => SqlType::String,
        Kind::Bytes => SqlType::Bytes,
        Kind::Message(_) => return None,
    })
}

fn has_fields(data_type: &SqlType) -> bool {
    !matches!(data_type, SqlType::Struct(fields) if fields.is_empty())
}

/// The type of a decimal, by the parameters of its field.
fn decimal(field: &FieldDescriptor) -> Option<SqlType> {
    let precision = parameter(field, "precision").unwrap_or(DEFAULT_PRECISION);
    let scale = parameter(field, "scale").unwrap_or(0);
    SqlType::decimal(precision, scale).ok().filter(|_| precision <= u64::from(MAX_DECIMAL_PRECISION))
}

fn parameter(field: &FieldDescriptor, name: &str) -> Option<u64> {
    let meta = field.parent_pool().get_extension_by_name(FIELD_META)?;
    let options = field.options();
    let meta = options.get_extension(&meta);
    let parameters = meta.as_message()?.get_field_by_name("params")?;
    match parameters.as_map()?.get(&MapKey::String(name.to_owned()))? {
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::protobuf::root_message::{file_of, find};

    fn columns(text: &str) -> Result<String, String> {
        let columns = columns_of_message(&find(&file_of(text), None)?)?;
        let column = |column: &StructField| format!("{} {}", column.name, column.data_type);
        Ok(columns.iter().map(column).collect::<Vec<_>>().join(", "))
    }

    #[test]
    fn each_kind_of_field_has_its_type() {
        let text = r#"syntax = "proto3"; import "google/protobuf/wrappers.proto";
            import "google/protobuf/timestamp.proto"; import "google/type/date.proto";
            import "google/type/timeofday.proto"; import "confluent/type/decimal.proto";
            message M {
              enum Suit { SPADES = 0; HEARTS = 1; }
              message Inner { int32 x = 1; } message None {}
              int32 a = 1; sint32 b = 2; sfixed32 c = 3; uint32 d = 4; fixed32 e = 5; int64 f = 6; uint64 g = 7;
              float h = 8; double i = 9; bool j = 10; string k = 11; bytes l = 12; Suit m = 13; Inner n = 14;
              None left_out = 15; repeated Inner o = 16; map<int32, Inner> p = 17;
              google.protobuf.UInt32Value q = 18; google.protobuf.Timestamp r = 19; google.type.Date s = 20;
              google.type.TimeOfDay t = 21; confluent.type.Decimal u = 22; optional string v = 23;
              confluent.type.Decimal w = 24
                [(confluent.field_meta) = { params: [{ value: "4", key: "precision" }, { value: "2", key: "scale" }]}];
            }"#;
        assert_eq!(
            columns(text).expect("columns"),
            "a INTEGER, b INTEGER, c INTEGER, d BIGINT, e BIGINT, f BIGINT, g BIGINT, h DOUBLE, i DOUBLE, \
             j BOOLEAN, k STRING, l BYTES, m STRING, n STRUCT<`x` INTEGER>, o ARRAY<STRUCT<`x` INTEGER>>, \
             p MAP<STRING, STRUCT<`x` INTEGER>>, q BIGINT, r TIMESTAMP, s DATE, t TIME, u DECIMAL(64, 0), \
             v STRING, w DECIMAL(4, 2)"
        );
    }

    #[test]
    fn oneofs_come_first_as_structs_and_columns_keep_the_order_of_the_text() {
        let text = r#"syntax = "proto3"; message M { int32 z = 3; int32 a = 1;
            oneof choice { string s = 7; int32 i = 5; } oneof other { bool b = 9; } }"#;
        assert_eq!(
            columns(text).expect("columns"),
            "choice_0 STRUCT<`s` STRING, `i` INTEGER>, other_1 STRUCT<`b` BOOLEAN>, z INTEGER, a INTEGER"
        );
    }

    #[test]
    fn repeated_entries_written_by_connect_are_maps() {
        let text = r#"syntax = "proto3"; message M { repeated ConnectDefault2Entry m = 1; repeated Pair p = 2;
            message ConnectDefault2Entry { string key = 1; repeated int32 value = 2; }
            message Pair { string key = 1; string value = 2; } }"#;
        assert_eq!(
            columns(text).expect("columns"),
            "m MAP<STRING, ARRAY<INTEGER>>, p ARRAY<STRUCT<`key` STRING, `value` STRING>>"
        );
    }

    #[test]
    fn a_message_that_contains_itself_or_stands_for_too_much_is_refused() {
        let reason = columns("syntax = \"proto3\"; message M { repeated M m = 1; }").expect_err("a refusal");
        assert!(reason.contains("contains itself"), "{reason}");
        let mut text = "syntax = \"proto3\"; message M0 { int32 a = 1; }".to_owned();
        for level in 1..=16 {
            let inner = level - 1;
            text.push_str(&format!("message M{level} {{ M{inner} a = 1; M{inner} b = 2; M{inner} c = 3; }}"));
        }
        let message = find(&file_of(&text), Some("M16")).expect("a message");
        assert!(columns_of_message(&message).is_err());
    }
}
