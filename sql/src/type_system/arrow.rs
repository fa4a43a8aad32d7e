//! Each SQL type as an Arrow type and back.
//!
//! Nested values keep Arrow's conventional inner names (`item`; `entries`, `key`, `value`), so that
//! batches built by different parts of the program have equal schemas.

use std::sync::Arc;

use arrow_schema::{DECIMAL128_MAX_PRECISION, DataType, Field, Fields, TimeUnit};

use super::{SqlType, StructField};
use crate::error::SqlError;

impl SqlType {
    /// The Arrow type that carries values of this type; a custom type must have been resolved.
    pub fn to_arrow(&self) -> Result<DataType, SqlError> {
        Ok(match self {
            SqlType::Boolean => DataType::Boolean,
            SqlType::Integer => DataType::Int32,
            SqlType::Bigint => DataType::Int64,
            SqlType::Double => DataType::Float64,
            SqlType::Decimal { precision, scale } => {
                let scale = i8::try_from(*scale)
                    .map_err(|_| SqlError::internal(format!("decimal scale {scale} is too large")))?;
                if *precision <= DECIMAL128_MAX_PRECISION {
                    DataType::Decimal128(*precision, scale)
                } else {
                    DataType::Decimal256(*precision, scale)
                }
            }
            SqlType::String => DataType::Utf8,
            SqlType::Bytes => DataType::Binary,
            SqlType::Date => DataType::Date32,
            SqlType::Time => DataType::Time32(TimeUnit::Millisecond),
            SqlType::Timestamp => DataType::Timestamp(TimeUnit::Millisecond, None),
            SqlType::Array(element) => {
                DataType::List(Arc::new(Field::new("item", element.to_arrow()?, true)))
            }
            SqlType::Map { key, value } => {
                let entries = Fields::from(vec![
                    Field::new("key", key.to_arrow()?, false),
                    Field::new("value", value.to_arrow()?, true),
                ]);
                let entries = Field::new("entries", DataType::Struct(entries), false);
                DataType::Map(Arc::new(entries), false)
            }
            SqlType::Struct(fields) => DataType::Struct(
                fields
                    .iter()
                    .map(|field| arrow_field(&field.name, &field.data_type))
                    .collect::<Result<Fields, SqlError>>()?,
            ),
            SqlType::Custom(name) => {
                return Err(SqlError::internal(format!("type '{name}' was not looked up")));
            }
        })
    }

    /// The SQL type of an Arrow type; narrower and wider forms of the same idea (small integers,
    /// large strings, dictionaries) are read as the type that holds them.
    pub fn from_arrow(data_type: &DataType) -> Result<SqlType, SqlError> {
        Ok(match data_type {
            DataType::Boolean => SqlType::Boolean,
            DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::UInt8 | DataType::UInt16 => {
                SqlType::Integer
            }
            DataType::Int64 | DataType::UInt32 | DataType::UInt64 => SqlType::Bigint,
            DataType::Float16 | DataType::Float32 | DataType::Float64 => SqlType::Double,
            DataType::Decimal32(precision, scale)
            | DataType::Decimal64(precision, scale)
            | DataType::Decimal128(precision, scale)
            | DataType::Decimal256(precision, scale)
                if *scale >= 0 =>
            {
                SqlType::decimal(u64::from(*precision), u64::from(scale.unsigned_abs()))?
            }
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => SqlType::String,
            DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
            | DataType::FixedSizeBinary(_) => SqlType::Bytes,
            DataType::Date32 | DataType::Date64 => SqlType::Date,
            DataType::Time32(_) | DataType::Time64(_) => SqlType::Time,
            DataType::Timestamp(_, _) => SqlType::Timestamp,
            DataType::List(element)
            | DataType::LargeList(element)
            | DataType::ListView(element)
            | DataType::FixedSizeList(element, _) => {
                SqlType::array(SqlType::from_arrow(element.data_type())?)
            }
            DataType::Map(entries, _) => match entries.data_type() {
                DataType::Struct(fields) if fields.len() == 2 => SqlType::map(
                    SqlType::from_arrow(fields[0].data_type())?,
                    SqlType::from_arrow(fields[1].data_type())?,
                ),
                other => return Err(no_sql_type(other)),
            },
            DataType::Struct(fields) => SqlType::Struct(
                fields
                    .iter()
                    .map(|field| {
                        let data_type = SqlType::from_arrow(field.data_type())?;
                        Ok(StructField::new(field.name(), data_type))
                    })
                    .collect::<Result<_, SqlError>>()?,
            ),
            DataType::Dictionary(_, values) => SqlType::from_arrow(values)?,
            other => return Err(no_sql_type(other)),
        })
    }
}

/// The Arrow field of a column of that name and type. Every column can be NULL.
pub fn arrow_field(name: &str, data_type: &SqlType) -> Result<Field, SqlError> {
    Ok(Field::new(name, data_type.to_arrow()?, true))
}

fn no_sql_type(data_type: &DataType) -> SqlError {
    SqlError::type_error(format!("values of type {data_type} have no SQL type"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_survives_the_way_to_arrow_and_back() {
        let all = "STRUCT<A BOOLEAN, B INTEGER, C BIGINT, D DOUBLE, E DECIMAL(38, 10), F STRING, \
                   G BYTES, H DATE, I TIME, J TIMESTAMP, L DECIMAL(76, 0), K ARRAY<MAP<STRING, STRUCT<`x` INTEGER>>>>";
        let data_type: SqlType = all.parse().expect("a type");
        let arrow = data_type.to_arrow().expect("an arrow type");
        assert_eq!(SqlType::from_arrow(&arrow).expect("a type"), data_type);
    }

    #[test]
    fn types_without_a_sql_meaning_are_refused() {
        let interval = DataType::Interval(arrow_schema::IntervalUnit::DayTime);
        assert!(SqlType::from_arrow(&interval).is_err());
        assert!(SqlType::Custom("T".to_owned()).to_arrow().is_err());
    }
}
