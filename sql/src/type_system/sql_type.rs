//! The types and how they print.

use std::fmt;
use std::str::FromStr;

use crate::error::SqlError;
use crate::parser::identifier::quoted_name;

/// Digits a decimal can have: what Arrow's 256-bit decimals hold. Up to 38 fit into 128 bits.
pub const MAX_DECIMAL_PRECISION: u8 = 76;

/// What types are called that need no declaration, for did-you-mean.
pub const TYPE_NAMES: [&str; 15] = [
    "STRING",
    "VARCHAR",
    "INTEGER",
    "INT",
    "BIGINT",
    "DOUBLE",
    "DECIMAL",
    "BOOLEAN",
    "BYTES",
    "DATE",
    "TIME",
    "TIMESTAMP",
    "ARRAY",
    "MAP",
    "STRUCT",
];

/// The type of a column or an expression.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SqlType {
    /// `TRUE` or `FALSE`.
    Boolean,
    /// Whole numbers of 32 bits.
    Integer,
    /// Whole numbers of 64 bits.
    Bigint,
    /// Floating point numbers of 64 bits.
    Double,
    /// Decimal numbers of `precision` digits, `scale` of them behind the point.
    Decimal {
        /// Digits in all, 1 to [`MAX_DECIMAL_PRECISION`].
        precision: u8,
        /// Digits behind the point, at most `precision`.
        scale: u8,
    },
    /// Text.
    String,
    /// Bytes.
    Bytes,
    /// A day of the calendar.
    Date,
    /// A time of day, in milliseconds.
    Time,
    /// A point in time, in milliseconds.
    Timestamp,
    /// Any number of values of one type.
    Array(Box<SqlType>),
    /// Values found by keys.
    Map {
        /// Type of the keys.
        key: Box<SqlType>,
        /// Type of the values.
        value: Box<SqlType>,
    },
    /// Named fields.
    Struct(Vec<StructField>),
    /// A type declared by `CREATE TYPE`, by its stored name, not yet looked up.
    Custom(String),
}

/// A field of a [`SqlType::Struct`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StructField {
    /// Stored name.
    pub name: String,
    /// Type of the field.
    pub data_type: SqlType,
}

impl StructField {
    /// A field by its stored name.
    pub fn new(name: impl Into<String>, data_type: SqlType) -> Self {
        StructField { name: name.into(), data_type }
    }
}

impl SqlType {
    /// An array of `element`.
    pub fn array(element: SqlType) -> Self {
        SqlType::Array(Box::new(element))
    }

    /// A map from `key` to `value`.
    pub fn map(key: SqlType, value: SqlType) -> Self {
        SqlType::Map { key: Box::new(key), value: Box::new(value) }
    }

    /// A decimal, if the digits fit: a precision of 1 to [`MAX_DECIMAL_PRECISION`] and no more
    /// digits behind the point than there are digits.
    pub fn decimal(precision: u64, scale: u64) -> Result<Self, SqlError> {
        match (u8::try_from(precision), u8::try_from(scale)) {
            _ if precision == 0 => Err(SqlError::type_error(format!(
                "DECIMAL precision must be >= 1: DECIMAL({precision},{scale})"
            ))),
            (Ok(precision), Ok(scale)) if precision <= MAX_DECIMAL_PRECISION => {
                if scale <= precision {
                    Ok(SqlType::Decimal { precision, scale })
                } else {
                    Err(SqlError::type_error(format!(
                        "DECIMAL precision must be >= scale: DECIMAL({precision},{scale})"
                    )))
                }
            }
            _ => Err(SqlError::type_error(format!(
                "DECIMAL precision must be <= {MAX_DECIMAL_PRECISION}: DECIMAL({precision},{scale})"
            ))),
        }
    }

    /// Whether values are numbers.
    pub fn is_numeric(&self) -> bool {
        matches!(self, SqlType::Integer | SqlType::Bigint | SqlType::Double | SqlType::Decimal { .. })
    }

    /// The type without its parts and digits, as messages about kinds of types name it.
    pub fn base_name(&self) -> &str {
        match self {
            SqlType::Boolean => "BOOLEAN",
            SqlType::Integer => "INTEGER",
            SqlType::Bigint => "BIGINT",
            SqlType::Double => "DOUBLE",
            SqlType::Decimal { .. } => "DECIMAL",
            SqlType::String => "STRING",
            SqlType::Bytes => "BYTES",
            SqlType::Date => "DATE",
            SqlType::Time => "TIME",
            SqlType::Timestamp => "TIMESTAMP",
            SqlType::Array(_) => "ARRAY",
            SqlType::Map { .. } => "MAP",
            SqlType::Struct(_) => "STRUCT",
            SqlType::Custom(name) => name,
        }
    }

    /// This type with every custom type replaced by what `lookup` says it is.
    pub fn resolve<E>(&self, lookup: &mut impl FnMut(&str) -> Result<SqlType, E>) -> Result<SqlType, E> {
        Ok(match self {
            SqlType::Custom(name) => lookup(name)?,
            SqlType::Array(element) => SqlType::array(element.resolve(lookup)?),
            SqlType::Map { key, value } => SqlType::map(key.resolve(lookup)?, value.resolve(lookup)?),
            SqlType::Struct(fields) => SqlType::Struct(
                fields
                    .iter()
                    .map(|field| {
                        let data_type = field.data_type.resolve(lookup)?;
                        Ok(StructField::new(field.name.clone(), data_type))
                    })
                    .collect::<Result<_, E>>()?,
            ),
            other => other.clone(),
        })
    }

    /// The type as `DESCRIBE` prints it: as [`Display`](fmt::Display), but text is
    /// `VARCHAR(STRING)`.
    pub fn describe(&self) -> String {
        Described(self).to_string()
    }
}

impl FromStr for SqlType {
    type Err = SqlError;

    fn from_str(text: &str) -> Result<Self, SqlError> {
        crate::parser::parse_type(text)
    }
}

impl fmt::Display for SqlType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_type(self, "STRING", f)
    }
}

struct Described<'a>(&'a SqlType);

impl fmt::Display for Described<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_type(self.0, "VARCHAR(STRING)", f)
    }
}

fn write_type(data_type: &SqlType, string: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match data_type {
        SqlType::Boolean => f.write_str("BOOLEAN"),
        SqlType::Integer => f.write_str("INTEGER"),
        SqlType::Bigint => f.write_str("BIGINT"),
        SqlType::Double => f.write_str("DOUBLE"),
        SqlType::Decimal { precision, scale } => write!(f, "DECIMAL({precision}, {scale})"),
        SqlType::String => f.write_str(string),
        SqlType::Bytes => f.write_str("BYTES"),
        SqlType::Date => f.write_str("DATE"),
        SqlType::Time => f.write_str("TIME"),
        SqlType::Timestamp => f.write_str("TIMESTAMP"),
        SqlType::Array(element) => {
            f.write_str("ARRAY<")?;
            write_type(element, string, f)?;
            f.write_str(">")
        }
        SqlType::Map { key, value } => {
            f.write_str("MAP<")?;
            write_type(key, string, f)?;
            f.write_str(", ")?;
            write_type(value, string, f)?;
            f.write_str(">")
        }
        SqlType::Struct(fields) => {
            f.write_str("STRUCT<")?;
            for (index, field) in fields.iter().enumerate() {
                if index > 0 {
                    f.write_str(", ")?;
                }
                write!(f, "{} ", quoted_name(&field.name))?;
                write_type(&field.data_type, string, f)?;
            }
            f.write_str(">")
        }
        SqlType::Custom(name) => f.write_str(&crate::parser::identifier::written_name(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_print_as_ksqldb_prints_them() {
        for (written, printed) in [
            ("int", "INTEGER"),
            ("INTEGER", "INTEGER"),
            ("bigint", "BIGINT"),
            ("varchar", "STRING"),
            ("VARCHAR(10)", "STRING"),
            ("VARCHAR(STRING)", "STRING"),
            ("DECIMAL(4,2)", "DECIMAL(4, 2)"),
            ("DEC(4)", "DECIMAL(4, 0)"),
            ("NUMERIC(38, 38)", "DECIMAL(38, 38)"),
            ("text", "STRING"),
            ("double precision", "DOUBLE"),
            ("ARRAY<INT>", "ARRAY<INTEGER>"),
            ("INT ARRAY", "ARRAY<INTEGER>"),
            ("int[][]", "ARRAY<ARRAY<INTEGER>>"),
            ("MAP<STRING, ARRAY<MAP<STRING, TIME>>>", "MAP<STRING, ARRAY<MAP<STRING, TIME>>>"),
            ("struct<a int, `b` array<string>>", "STRUCT<`A` INTEGER, `b` ARRAY<STRING>>"),
            ("STRUCT<>", "STRUCT<>"),
            ("timestamp", "TIMESTAMP"),
            ("address", "ADDRESS"),
            ("`address`", "`address`"),
        ] {
            let data_type: SqlType = written.parse().expect(written);
            assert_eq!(data_type.to_string(), printed);
            let again: SqlType = printed.parse().expect(printed);
            assert_eq!(again, data_type, "{printed}");
        }
    }

    #[test]
    fn describe_calls_text_varchar() {
        let data_type: SqlType = "MAP<STRING, DECIMAL(4, 2)>".parse().expect("a type");
        assert_eq!(data_type.describe(), "MAP<VARCHAR(STRING), DECIMAL(4, 2)>");
    }

    #[test]
    fn impossible_types_are_refused_with_the_reason() {
        for (written, reason) in [
            ("DECIMAL(0,0)", "precision must be >= 1"),
            ("DECIMAL(3,4)", "precision must be >= scale"),
            ("DECIMAL(77,0)", "precision must be <= 76"),
            ("DECIMAL", "needs a precision"),
            ("ARRAY<INT", "near"),
            ("INT x", "near 'x'"),
            ("NULL", "near 'NULL'"),
            ("STRUCT<a INT, A STRING>", "Duplicate field names found in STRUCT"),
        ] {
            let error = written.parse::<SqlType>().expect_err(written);
            assert!(error.to_string().contains(reason), "{written}: {error}");
        }
    }

    #[test]
    fn custom_types_are_looked_up_wherever_they_stand() {
        let data_type: SqlType = "ARRAY<STRUCT<a address>>".parse().expect("a type");
        let resolved = data_type
            .resolve(&mut |name| match name {
                "ADDRESS" => Ok(SqlType::String),
                _ => Err(()),
            })
            .expect("known");
        assert_eq!(resolved.to_string(), "ARRAY<STRUCT<`A` STRING>>");
    }
}
