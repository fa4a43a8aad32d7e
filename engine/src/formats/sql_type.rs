//! Names of SQL types for messages, from the Arrow types that carry them.

use std::fmt;

use arrow::datatypes::DataType;

/// Shows an Arrow type as the SQL type it stands for: `ARRAY<INTEGER>`, `DECIMAL(4, 2)`,
/// ``STRUCT<`A` STRING>``.
pub(super) struct SqlType<'a>(pub(super) &'a DataType);

impl SqlType<'_> {
    /// The type without its parameters: `ARRAY`, `DECIMAL`.
    pub(super) fn base(&self) -> String {
        match self.0 {
            DataType::Decimal128(..) => "DECIMAL".to_owned(),
            DataType::List(_) => "ARRAY".to_owned(),
            DataType::Map(..) => "MAP".to_owned(),
            DataType::Struct(_) => "STRUCT".to_owned(),
            _ => self.to_string(),
        }
    }
}

impl fmt::Display for SqlType<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            DataType::Boolean => f.write_str("BOOLEAN"),
            DataType::Int32 => f.write_str("INTEGER"),
            DataType::Int64 => f.write_str("BIGINT"),
            DataType::Float64 => f.write_str("DOUBLE"),
            DataType::Decimal128(precision, scale) => write!(f, "DECIMAL({precision}, {scale})"),
            DataType::Utf8 => f.write_str("STRING"),
            DataType::Binary => f.write_str("BYTES"),
            DataType::Date32 => f.write_str("DATE"),
            DataType::Time32(_) => f.write_str("TIME"),
            DataType::Timestamp(..) => f.write_str("TIMESTAMP"),
            DataType::List(item) => write!(f, "ARRAY<{}>", SqlType(item.data_type())),
            DataType::Map(entries, _) => match entries.data_type() {
                DataType::Struct(fields) if fields.len() == 2 => {
                    write!(f, "MAP<{}, {}>", SqlType(fields[0].data_type()), SqlType(fields[1].data_type()))
                }
                other => write!(f, "MAP<{other}>"),
            },
            DataType::Struct(fields) => {
                f.write_str("STRUCT<")?;
                for (index, field) in fields.iter().enumerate() {
                    let comma = if index == 0 { "" } else { ", " };
                    write!(f, "{comma}`{}` {}", field.name(), SqlType(field.data_type()))?;
                }
                f.write_str(">")
            }
            other => write!(f, "{other}"),
        }
    }
}
