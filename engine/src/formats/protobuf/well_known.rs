//! Messages that stand for values SQL has a type for, and the files that declare them.
//!
//! The files of `google/protobuf` come with the compiler of schemas. Those here are the ones that
//! Confluent's serializers know besides, so that schemas may import them without registering them.

use prost_reflect::{Kind, MessageDescriptor};

/// File of the options that carry a decimal's precision and scale.
pub(super) const META_FILE: &str = "confluent/meta.proto";
/// File of [`WellKnown::Decimal`].
pub(super) const DECIMAL_FILE: &str = "confluent/type/decimal.proto";
/// File of [`WellKnown::Date`].
pub(super) const DATE_FILE: &str = "google/type/date.proto";
/// File of [`WellKnown::Time`].
pub(super) const TIME_FILE: &str = "google/type/timeofday.proto";
/// File of [`WellKnown::Timestamp`].
pub(super) const TIMESTAMP_FILE: &str = "google/protobuf/timestamp.proto";
/// File of [`WellKnown::Wrapper`].
pub(super) const WRAPPERS_FILE: &str = "google/protobuf/wrappers.proto";

/// The option of a field that holds its parameters.
pub(super) const FIELD_META: &str = "confluent.field_meta";

/// A message that stands for a single value.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum WellKnown {
    /// `confluent.type.Decimal`: unscaled value, precision, scale.
    Decimal,
    /// `google.type.Date`: year, month, day.
    Date,
    /// `google.type.TimeOfDay`: hours, minutes, seconds, nanoseconds.
    Time,
    /// `google.protobuf.Timestamp`: seconds, nanoseconds.
    Timestamp,
    /// `google.protobuf.Int32Value` and its like: a value that may be missing.
    Wrapper(Kind),
}

impl WellKnown {
    /// What a message stands for; `None` for any other message.
    pub(super) fn of(message: &MessageDescriptor) -> Option<WellKnown> {
        Some(match message.full_name() {
            "confluent.type.Decimal" => WellKnown::Decimal,
            "google.type.Date" => WellKnown::Date,
            "google.type.TimeOfDay" => WellKnown::Time,
            "google.protobuf.Timestamp" => WellKnown::Timestamp,
            "google.protobuf.DoubleValue" => WellKnown::Wrapper(Kind::Double),
            "google.protobuf.FloatValue" => WellKnown::Wrapper(Kind::Float),
            "google.protobuf.Int64Value" => WellKnown::Wrapper(Kind::Int64),
            "google.protobuf.UInt64Value" => WellKnown::Wrapper(Kind::Uint64),
            "google.protobuf.Int32Value" => WellKnown::Wrapper(Kind::Int32),
            "google.protobuf.UInt32Value" => WellKnown::Wrapper(Kind::Uint32),
            "google.protobuf.BoolValue" => WellKnown::Wrapper(Kind::Bool),
            "google.protobuf.StringValue" => WellKnown::Wrapper(Kind::String),
            "google.protobuf.BytesValue" => WellKnown::Wrapper(Kind::Bytes),
            _ => return None,
        })
    }
}

/// The text of a file that schemas may import without registering it.
pub(super) fn file(name: &str) -> Option<&'static str> {
    Some(match name {
        META_FILE => META,
        DECIMAL_FILE => DECIMAL,
        DATE_FILE => DATE,
        TIME_FILE => TIME,
        _ => return None,
    })
}

const META: &str = r#"syntax = "proto3";
package confluent;

import "google/protobuf/descriptor.proto";

message Meta {
  string doc = 1;
  map<string, string> params = 2;
  repeated string tags = 3;
}

extend google.protobuf.FileOptions {
  Meta file_meta = 1088;
}
extend google.protobuf.MessageOptions {
  Meta message_meta = 1088;
}
extend google.protobuf.FieldOptions {
  Meta field_meta = 1088;
}
extend google.protobuf.EnumOptions {
  Meta enum_meta = 1088;
}
extend google.protobuf.EnumValueOptions {
  Meta enum_value_meta = 1088;
}
"#;

// The import is public because schemas use the options of a decimal without importing their file.
const DECIMAL: &str = r#"syntax = "proto3";
package confluent.type;

import public "confluent/meta.proto";

message Decimal {
  bytes value = 1;
  uint32 precision = 2;
  int32 scale = 3;
}
"#;

const DATE: &str = r#"syntax = "proto3";
package google.type;

message Date {
  int32 year = 1;
  int32 month = 2;
  int32 day = 3;
}
"#;

const TIME: &str = r#"syntax = "proto3";
package google.type;

message TimeOfDay {
  int32 hours = 1;
  int32 minutes = 2;
  int32 seconds = 3;
  int32 nanos = 4;
}
"#;
