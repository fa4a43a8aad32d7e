//! Which Postgres type a column of rows has on the wire: the one that the system catalogs tell of it.

use arrow::datatypes::{DataType, Field, Schema};
use pgwire::api::Type;
use pgwire::messages::data::FieldDescription;
use tidemill_engine::system_catalog::{type_modifier, type_oid};

/// A column as RowDescription announces it.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Column {
    /// The name shown.
    pub(super) name: String,
    /// The type on the wire.
    pub(super) wire_type: Type,
    /// Precision and scale of a numeric; -1 for every other type.
    type_modifier: i32,
}

impl Column {
    /// The announcement of this column with its values in the given format.
    pub(super) fn describe(&self, format_code: i16) -> FieldDescription {
        FieldDescription::new(
            self.name.clone(),
            0,
            0,
            self.wire_type.oid(),
            size(&self.wire_type),
            self.type_modifier,
            format_code,
        )
    }
}

/// The columns of rows of a schema.
pub(super) fn columns(schema: &Schema) -> Vec<Column> {
    schema.fields().iter().map(|field| column(field)).collect()
}

/// The Postgres type of values of an Arrow type.
pub(super) fn wire_type(data_type: &DataType) -> Type {
    Type::from_oid(type_oid(data_type)).unwrap_or(Type::TEXT)
}

/// The Arrow type in which the engine takes a parameter of a Postgres type; `None` leaves the choice to
/// the statement.
pub(super) fn parameter_type(wire_type: &Type) -> Option<DataType> {
    use arrow::datatypes::TimeUnit;
    Some(match *wire_type {
        Type::BOOL => DataType::Boolean,
        Type::INT2 => DataType::Int16,
        Type::INT4 => DataType::Int32,
        Type::INT8 => DataType::Int64,
        Type::OID => DataType::UInt32,
        Type::FLOAT4 => DataType::Float32,
        Type::FLOAT8 => DataType::Float64,
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME => DataType::Utf8,
        Type::BYTEA => DataType::Binary,
        Type::DATE => DataType::Date32,
        // The engine's own: DataFusion does not compare times of different units.
        Type::TIME => DataType::Time32(TimeUnit::Millisecond),
        Type::TIMESTAMP => DataType::Timestamp(TimeUnit::Microsecond, None),
        Type::TIMESTAMPTZ => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        _ => {
            let element = element_type(wire_type)?;
            DataType::new_list(parameter_type(&element)?, true)
        }
    })
}

/// The element type of an array type.
pub(super) fn element_type(wire_type: &Type) -> Option<Type> {
    match wire_type.kind() {
        postgres_types::Kind::Array(element) => Some(element.clone()),
        _ => None,
    }
}

fn column(field: &Field) -> Column {
    Column {
        name: field.name().clone(),
        wire_type: wire_type(field.data_type()),
        type_modifier: type_modifier(field.data_type()),
    }
}

/// Bytes of a value of a type, -1 where they vary.
fn size(wire_type: &Type) -> i16 {
    match *wire_type {
        Type::BOOL => 1,
        Type::INT2 => 2,
        Type::INT4 | Type::OID | Type::FLOAT4 | Type::DATE => 4,
        Type::INT8 | Type::FLOAT8 | Type::TIME | Type::TIMESTAMP | Type::TIMESTAMPTZ => 8,
        Type::INTERVAL => 16,
        _ => -1,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_decimal_column_announces_precision_and_scale() {
        let schema = Schema::new(vec![Field::new("D", DataType::Decimal128(10, 2), true)]);
        let described = columns(&schema)[0].describe(1);
        assert_eq!(described.type_modifier, (10 << 16) + 2 + 4);
        assert_eq!(described.type_id, 1700);
        assert_eq!(described.format_code, 1);
    }

    #[test]
    fn an_array_parameter_is_a_list() {
        let expected = DataType::List(Arc::new(Field::new_list_field(DataType::Int64, true)));
        assert_eq!(parameter_type(&Type::INT8_ARRAY), Some(expected));
        assert_eq!(parameter_type(&Type::NUMERIC), None);
    }
}
