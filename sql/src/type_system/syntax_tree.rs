//! SQL types in sqlparser's syntax tree, where `CAST` and `::` carry them.
//!
//! A type this program knows is always written into the tree in one form ([`SqlType::to_ast`]), so
//! that [`SqlType::from_ast`] gets it back exactly. Types that only exist in Postgres's catalogs
//! (`regclass`, `oid` …) stay as sqlparser read them and have no [`SqlType`].

use sqlparser::ast::{
    ArrayElemTypeDef, DataType, ExactNumberInfo, Ident, ObjectName, ObjectNamePart, StructBracketKind,
    StructField as AstField, TimezoneInfo,
};

use super::{SqlType, StructField};
use crate::error::{SqlError, SqlErrorKind};
use crate::parser::identifier::stored_name;

impl SqlType {
    /// The type as a node of sqlparser's tree.
    pub fn to_ast(&self) -> DataType {
        match self {
            SqlType::Boolean => DataType::Boolean,
            SqlType::Integer => DataType::Integer(None),
            SqlType::Bigint => DataType::BigInt(None),
            SqlType::Double => DataType::Double(ExactNumberInfo::None),
            SqlType::Decimal { precision, scale } => DataType::Decimal(ExactNumberInfo::PrecisionAndScale(
                u64::from(*precision),
                i64::from(*scale),
            )),
            SqlType::String => DataType::String(None),
            SqlType::Bytes => DataType::Bytes(None),
            SqlType::Date => DataType::Date,
            SqlType::Time => DataType::Time(None, TimezoneInfo::None),
            SqlType::Timestamp => DataType::Timestamp(None, TimezoneInfo::None),
            SqlType::Array(element) => {
                DataType::Array(ArrayElemTypeDef::AngleBracket(Box::new(element.to_ast())))
            }
            SqlType::Map { key, value } => DataType::Map(Box::new(key.to_ast()), Box::new(value.to_ast())),
            SqlType::Struct(fields) => DataType::Struct(
                fields
                    .iter()
                    .map(|field| AstField {
                        field_name: Some(Ident::with_quote('`', &field.name)),
                        field_type: field.data_type.to_ast(),
                        options: None,
                    })
                    .collect(),
                StructBracketKind::AngleBrackets,
            ),
            SqlType::Custom(name) => DataType::Custom(
                ObjectName(vec![ObjectNamePart::Identifier(Ident::with_quote('`', name))]),
                Vec::new(),
            ),
        }
    }

    /// The type a node of sqlparser's tree stands for; types this program has no values of are an
    /// error that names them.
    pub fn from_ast(data_type: &DataType) -> Result<SqlType, SqlError> {
        Ok(match data_type {
            DataType::Boolean | DataType::Bool => SqlType::Boolean,
            DataType::Int(_)
            | DataType::Integer(_)
            | DataType::Int4(_)
            | DataType::Int2(_)
            | DataType::SmallInt(_)
            | DataType::TinyInt(_)
            | DataType::MediumInt(_)
            | DataType::Int16
            | DataType::Int32 => SqlType::Integer,
            DataType::BigInt(_) | DataType::Int8(_) | DataType::Int64 => SqlType::Bigint,
            DataType::Double(_)
            | DataType::DoublePrecision
            | DataType::Float(_)
            | DataType::Float4
            | DataType::Float8
            | DataType::Float32
            | DataType::Float64
            | DataType::Real => SqlType::Double,
            DataType::Decimal(info) | DataType::Numeric(info) | DataType::Dec(info) => decimal(info)?,
            DataType::String(_)
            | DataType::Text
            | DataType::Varchar(_)
            | DataType::Char(_)
            | DataType::Character(_)
            | DataType::CharVarying(_)
            | DataType::CharacterVarying(_)
            | DataType::Nvarchar(_) => SqlType::String,
            DataType::Bytes(_)
            | DataType::Bytea
            | DataType::Binary(_)
            | DataType::Varbinary(_)
            | DataType::Blob(_) => SqlType::Bytes,
            DataType::Date | DataType::Date32 => SqlType::Date,
            DataType::Time(_, _) => SqlType::Time,
            DataType::Timestamp(_, _) | DataType::TimestampNtz(_) | DataType::Datetime(_) => {
                SqlType::Timestamp
            }
            DataType::Array(
                ArrayElemTypeDef::AngleBracket(element)
                | ArrayElemTypeDef::SquareBracket(element, _)
                | ArrayElemTypeDef::Parenthesis(element),
            ) => SqlType::array(SqlType::from_ast(element)?),
            DataType::Map(key, value) => SqlType::map(SqlType::from_ast(key)?, SqlType::from_ast(value)?),
            DataType::Struct(fields, _) => SqlType::Struct(
                fields
                    .iter()
                    .map(|field| match &field.field_name {
                        Some(name) => {
                            Ok(StructField::new(stored_name(name), SqlType::from_ast(&field.field_type)?))
                        }
                        None => Err(no_values(data_type)),
                    })
                    .collect::<Result<_, SqlError>>()?,
            ),
            DataType::Custom(ObjectName(parts), modifiers) if modifiers.is_empty() => {
                match parts.as_slice() {
                    [ObjectNamePart::Identifier(name)] => SqlType::Custom(stored_name(name)),
                    [ObjectNamePart::Identifier(schema), ObjectNamePart::Identifier(name)]
                        if schema.value.eq_ignore_ascii_case("pg_catalog") =>
                    {
                        catalog_type(&name.value).ok_or_else(|| no_values(data_type))?
                    }
                    _ => return Err(no_values(data_type)),
                }
            }
            other => return Err(no_values(other)),
        })
    }
}

/// The types Postgres's own clients write with their schema, as in `x::pg_catalog.text`.
fn catalog_type(name: &str) -> Option<SqlType> {
    Some(match name.to_ascii_lowercase().as_str() {
        "bool" => SqlType::Boolean,
        "int2" | "int4" => SqlType::Integer,
        "int8" => SqlType::Bigint,
        "float4" | "float8" => SqlType::Double,
        "text" | "varchar" | "bpchar" | "name" | "char" => SqlType::String,
        "bytea" => SqlType::Bytes,
        "date" => SqlType::Date,
        "time" => SqlType::Time,
        "timestamp" | "timestamptz" => SqlType::Timestamp,
        _ => return None,
    })
}

fn decimal(info: &ExactNumberInfo) -> Result<SqlType, SqlError> {
    match info {
        ExactNumberInfo::PrecisionAndScale(precision, scale) => {
            let scale = u64::try_from(*scale)
                .map_err(|_| SqlError::type_error(format!("DECIMAL scale must be >= 0: {scale}")))?;
            SqlType::decimal(*precision, scale)
        }
        ExactNumberInfo::Precision(precision) => SqlType::decimal(*precision, 0),
        ExactNumberInfo::None => Err(SqlError::type_error("DECIMAL needs a precision and a scale")
            .with_hint("write DECIMAL(precision, scale), for example DECIMAL(10, 2)")),
    }
}

fn no_values(data_type: &DataType) -> SqlError {
    SqlError::new(SqlErrorKind::UnknownType, format!("there are no values of type {data_type}")).with_hint(
        "types are BOOLEAN, INTEGER, BIGINT, DOUBLE, DECIMAL, STRING, BYTES, DATE, TIME, TIMESTAMP, \
         ARRAY, MAP and STRUCT",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_survives_the_way_through_the_syntax_tree() {
        let all = "STRUCT<A BOOLEAN, B INTEGER, C BIGINT, D DOUBLE, E DECIMAL(38, 10), F STRING, \
                   G BYTES, H DATE, I TIME, J TIMESTAMP, K ARRAY<MAP<STRING, STRUCT<`x` T>>>>";
        let data_type: SqlType = all.parse().expect("a type");
        assert_eq!(SqlType::from_ast(&data_type.to_ast()).expect("a type"), data_type);
    }
}
