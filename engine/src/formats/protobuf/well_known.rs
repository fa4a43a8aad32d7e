//! Messages that stand for values SQL has a type for, and the files that declare them.

use prost_reflect::{Kind, MessageDescriptor};

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
