//! Postgres' types: those there are here, and which of them an Arrow type is shown as.
//!
//! | Arrow | Postgres |
//! |---|---|
//! | Boolean | `bool` |
//! | Int8, Int16, UInt8 | `int2` |
//! | Int32, UInt16 | `int4` |
//! | Int64 | `int8` |
//! | UInt32 | `oid` (only the system catalogs have such columns) |
//! | UInt64, decimals | `numeric` |
//! | Float16, Float32 / Float64 | `float4` / `float8` |
//! | strings, Null | `text` |
//! | binaries | `bytea` |
//! | Date32, Date64 / Time | `date` / `time` |
//! | Timestamp without / with zone | `timestamp` / `timestamptz` |
//! | Interval, Duration | `interval` |
//! | list of one of the above | its array type |
//! | MAP, STRUCT, lists of lists, maps or structs | `jsonb` |
//! | dictionary, run-end encoded | what they encode |
//!
//! Nested values are `jsonb` and not records or multidimensional arrays: every driver and BI tool reads
//! JSON, few read records of unnamed types, and Postgres' multidimensional arrays cannot be ragged.

use arrow::datatypes::DataType;

use super::snapshot::FunctionType;

/// A base type.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct PostgresType {
    pub(super) oid: u32,
    /// Its name in `pg_type`.
    pub(super) name: &'static str,
    /// Its name in SQL.
    pub(super) sql_name: &'static str,
    /// Bytes of a value, -1 where they vary.
    pub(super) length: i16,
    /// `typcategory`.
    pub(super) category: &'static str,
    /// Its array type; 0 where there is none.
    pub(super) array: u32,
}

const fn base(
    oid: u32,
    name: &'static str,
    sql_name: &'static str,
    length: i16,
    category: &'static str,
    array: u32,
) -> PostgresType {
    PostgresType { oid, name, sql_name, length, category, array }
}

pub(super) const BOOL: u32 = 16;
pub(super) const BYTEA: u32 = 17;
pub(super) const INT8: u32 = 20;
pub(super) const INT2: u32 = 21;
pub(super) const INT4: u32 = 23;
pub(super) const TEXT: u32 = 25;
pub(super) const OID: u32 = 26;
pub(super) const FLOAT4: u32 = 700;
pub(super) const FLOAT8: u32 = 701;
pub(super) const DATE: u32 = 1082;
pub(super) const TIME: u32 = 1083;
pub(super) const TIMESTAMP: u32 = 1114;
pub(super) const TIMESTAMPTZ: u32 = 1184;
pub(super) const INTERVAL: u32 = 1186;
pub(super) const NUMERIC: u32 = 1700;
pub(super) const RECORD: u32 = 2249;
pub(super) const ANYARRAY: u32 = 2277;
pub(super) const ANYELEMENT: u32 = 2283;
pub(super) const JSONB: u32 = 3802;

/// All base types, in the order of their numbers.
pub(super) const BASE_TYPES: [PostgresType; 48] = [
    base(BOOL, "bool", "boolean", 1, "B", 1000),
    base(BYTEA, "bytea", "bytea", -1, "U", 1001),
    base(18, "char", "\"char\"", 1, "Z", 1002),
    base(19, "name", "name", 64, "S", 1003),
    base(INT8, "int8", "bigint", 8, "N", 1016),
    base(INT2, "int2", "smallint", 2, "N", 1005),
    base(22, "int2vector", "int2vector", -1, "A", 1006),
    base(INT4, "int4", "integer", 4, "N", 1007),
    base(24, "regproc", "regproc", 4, "N", 1008),
    base(TEXT, "text", "text", -1, "S", 1009),
    base(OID, "oid", "oid", 4, "N", 1028),
    base(27, "tid", "tid", 6, "U", 1010),
    base(28, "xid", "xid", 4, "U", 1011),
    base(29, "cid", "cid", 4, "U", 1012),
    base(30, "oidvector", "oidvector", -1, "A", 1013),
    base(114, "json", "json", -1, "U", 199),
    base(142, "xml", "xml", -1, "U", 143),
    base(194, "pg_node_tree", "pg_node_tree", -1, "Z", 0),
    base(FLOAT4, "float4", "real", 4, "N", 1021),
    base(FLOAT8, "float8", "double precision", 8, "N", 1022),
    base(705, "unknown", "unknown", -2, "X", 0),
    base(869, "inet", "inet", -1, "I", 1041),
    base(1033, "aclitem", "aclitem", 12, "U", 1034),
    base(1042, "bpchar", "character", -1, "S", 1014),
    base(1043, "varchar", "character varying", -1, "S", 1015),
    base(DATE, "date", "date", 4, "D", 1182),
    base(TIME, "time", "time without time zone", 8, "D", 1183),
    base(TIMESTAMP, "timestamp", "timestamp without time zone", 8, "D", 1115),
    base(TIMESTAMPTZ, "timestamptz", "timestamp with time zone", 8, "D", 1185),
    base(INTERVAL, "interval", "interval", 16, "T", 1187),
    base(1266, "timetz", "time with time zone", 12, "D", 1270),
    base(1560, "bit", "bit", -1, "V", 1561),
    base(1562, "varbit", "bit varying", -1, "V", 1563),
    base(NUMERIC, "numeric", "numeric", -1, "N", 1231),
    base(1790, "refcursor", "refcursor", -1, "U", 2201),
    base(2205, "regclass", "regclass", 4, "N", 2210),
    base(2206, "regtype", "regtype", 4, "N", 2211),
    base(RECORD, "record", "record", -1, "P", 2287),
    base(2275, "cstring", "cstring", -2, "P", 1263),
    base(2276, "any", "\"any\"", 4, "P", 0),
    base(ANYARRAY, "anyarray", "anyarray", -1, "P", 0),
    base(2278, "void", "void", 4, "P", 0),
    base(ANYELEMENT, "anyelement", "anyelement", 4, "P", 0),
    base(2950, "uuid", "uuid", 16, "U", 2951),
    base(3220, "pg_lsn", "pg_lsn", 8, "U", 3221),
    base(JSONB, "jsonb", "jsonb", -1, "U", 3807),
    base(4089, "regnamespace", "regnamespace", 4, "N", 4090),
    base(4096, "regrole", "regrole", 4, "N", 4097),
];

/// The number of the Postgres type that values of an Arrow type are shown as.
#[must_use]
pub fn type_oid(data_type: &DataType) -> u32 {
    scalar_oid(data_type).or_else(|| array_oid(data_type)).unwrap_or(JSONB)
}

/// What Postgres keeps beside the type: precision and scale of a numeric; -1 for every other type.
#[must_use]
pub fn type_modifier(data_type: &DataType) -> i32 {
    match data_type {
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale)
            if *scale >= 0 =>
        {
            // In one number, four off (room for an old header).
            ((i32::from(*precision) << 16) | i32::from(*scale)) + 4
        }
        _ => -1,
    }
}

/// The number of the Postgres type that a function's argument or result is shown as.
pub(super) fn function_type_oid(function_type: &FunctionType) -> u32 {
    match function_type {
        FunctionType::Of(data_type) => type_oid(data_type),
        FunctionType::Any => ANYELEMENT,
        FunctionType::ArrayOfAny => ANYARRAY,
    }
}

/// A base type by its number.
pub(super) fn base_type(oid: u32) -> Option<&'static PostgresType> {
    BASE_TYPES.iter().find(|base| base.oid == oid)
}

/// The base type whose array type has a number.
pub(super) fn element_type(array_oid: u32) -> Option<&'static PostgresType> {
    BASE_TYPES.iter().find(|base| base.array != 0 && base.array == array_oid)
}

/// Bytes of a value of a base or array type, -1 where they vary.
pub(super) fn type_length(oid: u32) -> i16 {
    base_type(oid).map_or(-1, |base| base.length)
}

/// A type's name in SQL, with what its modifier says; `None` for a number that no base type has.
pub(super) fn sql_name(oid: u32, modifier: i32) -> Option<String> {
    if let Some(element) = element_type(oid) {
        return Some(format!("{}[]", with_modifier(element, modifier)));
    }
    base_type(oid).map(|base| with_modifier(base, modifier))
}

/// The base or array type that a name in SQL means, in either of its two spellings.
pub(super) fn oid_of_name(name: &str) -> Option<u32> {
    let name = name.trim().to_lowercase();
    let name = name.strip_prefix("pg_catalog.").unwrap_or(&name);
    if let Some(element) = name.strip_suffix("[]") {
        return named(element).map(|base| base.array).filter(|array| *array != 0);
    }
    if let Some(element) = name.strip_prefix('_').and_then(named) {
        return Some(element.array).filter(|array| *array != 0);
    }
    named(name).map(|base| base.oid)
}

fn named(name: &str) -> Option<&'static PostgresType> {
    // Precision and length do not make another type.
    let name = name.split_once('(').map_or(name, |(name, _)| name.trim_end());
    let name = match name {
        "int" => "integer",
        "float" => "double precision",
        "decimal" => "numeric",
        "string" => "text",
        other => other,
    };
    BASE_TYPES.iter().find(|base| base.name == name || base.sql_name == name)
}

fn with_modifier(base: &PostgresType, modifier: i32) -> String {
    if base.oid == NUMERIC && modifier >= 4 {
        let packed = modifier - 4;
        format!("numeric({},{})", packed >> 16, packed & 0x7ff)
    } else {
        base.sql_name.to_owned()
    }
}

fn scalar_oid(data_type: &DataType) -> Option<u32> {
    Some(match data_type {
        DataType::Boolean => BOOL,
        DataType::Int8 | DataType::Int16 | DataType::UInt8 => INT2,
        DataType::Int32 | DataType::UInt16 => INT4,
        DataType::Int64 => INT8,
        DataType::UInt32 => OID,
        DataType::UInt64
        | DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => NUMERIC,
        DataType::Float16 | DataType::Float32 => FLOAT4,
        DataType::Float64 => FLOAT8,
        DataType::Null | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => TEXT,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            BYTEA
        }
        DataType::Date32 | DataType::Date64 => DATE,
        DataType::Time32(_) | DataType::Time64(_) => TIME,
        DataType::Timestamp(_, None) => TIMESTAMP,
        DataType::Timestamp(_, Some(_)) => TIMESTAMPTZ,
        DataType::Interval(_) | DataType::Duration(_) => INTERVAL,
        DataType::Dictionary(_, values) => return scalar_oid(values),
        DataType::RunEndEncoded(_, values) => return scalar_oid(values.data_type()),
        _ => return None,
    })
}

fn array_oid(data_type: &DataType) -> Option<u32> {
    let element = match data_type {
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _) => field.data_type(),
        DataType::Dictionary(_, values) => return array_oid(values),
        DataType::RunEndEncoded(_, values) => return array_oid(values.data_type()),
        _ => return None,
    };
    base_type(scalar_oid(element)?).map(|base| base.array).filter(|array| *array != 0)
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::Field;

    use super::*;

    #[test]
    fn lists_of_scalars_are_arrays_and_other_nested_values_json() {
        let list = |element: DataType| DataType::new_list(element, true);
        assert_eq!(type_oid(&list(DataType::Utf8)), 1009);
        assert_eq!(type_oid(&list(DataType::Decimal128(10, 2))), 1231);
        assert_eq!(type_oid(&list(list(DataType::Int32))), JSONB);
        let fields = vec![Field::new("A", DataType::Int32, true)];
        assert_eq!(type_oid(&DataType::Struct(fields.into())), JSONB);
    }

    #[test]
    fn encodings_are_looked_through() {
        let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        assert_eq!(type_oid(&dictionary), TEXT);
    }

    #[test]
    fn types_are_named_as_in_sql_and_found_by_both_names() {
        let modifier = type_modifier(&DataType::Decimal128(10, 2));
        assert_eq!(sql_name(NUMERIC, modifier).as_deref(), Some("numeric(10,2)"));
        assert_eq!(sql_name(1007, -1).as_deref(), Some("integer[]"));
        assert_eq!(oid_of_name("pg_catalog.int4"), Some(INT4));
        assert_eq!(oid_of_name("integer[]"), Some(1007));
        assert_eq!(oid_of_name("_int4"), Some(1007));
        assert_eq!(oid_of_name("numeric(10, 2)"), Some(NUMERIC));
        assert_eq!(oid_of_name("nonsense"), None);
    }
}
