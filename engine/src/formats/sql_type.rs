//! Names of SQL types for messages, from the Arrow types that carry them.

use arrow::datatypes::DataType;
use tidemill_sql::type_system::SqlType;

/// The SQL type: `ARRAY<INTEGER>`, `DECIMAL(4, 2)`. A type that SQL does not have shows as Arrow's.
pub(super) fn type_name(data_type: &DataType) -> String {
    SqlType::from_arrow(data_type).map_or_else(|_| data_type.to_string(), |sql| sql.to_string())
}

/// The SQL type without its parameters: `ARRAY`, `DECIMAL`.
pub(super) fn base_type_name(data_type: &DataType) -> String {
    let mut name = type_name(data_type);
    name.truncate(name.find(['<', '(']).unwrap_or(name.len()));
    name
}
