//! What continuous queries have for functions and types that users know from other dialects of SQL: for
//! hints, never for meaning. A name that exists here is not looked up.

/// Functions of PostgreSQL, MySQL and their like, and what to write for them.
const FUNCTIONS: [(&[&str], &str); 30] = [
    (&["UPPER"], "UCASE(text)"),
    (&["LOWER"], "LCASE(text)"),
    (&["LENGTH", "CHAR_LENGTH", "CHARACTER_LENGTH", "STRLEN"], "LEN(text)"),
    (&["SUBSTR", "MID"], "SUBSTRING(text, position, length)"),
    (&["LEFT"], "SUBSTRING(text, 1, length)"),
    (&["RIGHT"], "SUBSTRING(text, -length)"),
    (&["STRPOS", "POSITION", "CHARINDEX", "LOCATE"], "INSTR(text, part)"),
    (&["LTRIM", "RTRIM", "BTRIM"], "TRIM(text)"),
    (&["SPLIT_PART"], "SPLIT(text, delimiter)[number]"),
    (&["REGEXP_LIKE", "REGEXP_MATCH", "REGEXP_MATCHES"], "REGEXP_EXTRACT(pattern, text) IS NOT NULL"),
    (&["NVL", "ISNULL"], "IFNULL(value, otherwise)"),
    (&["IF", "IIF", "DECODE"], "CASE WHEN condition THEN value ELSE otherwise END"),
    (&["NOW", "CURRENT_TIMESTAMP", "GETDATE", "SYSDATE"], "FROM_UNIXTIME(UNIX_TIMESTAMP())"),
    (&["CURRENT_DATE", "CURDATE"], "FROM_DAYS(UNIX_DATE())"),
    (&["TO_CHAR", "DATE_FORMAT", "STRFTIME"], "FORMAT_TIMESTAMP(time, 'yyyy-MM-dd HH:mm:ss')"),
    (&["DATE_TRUNC"], "FORMAT_TIMESTAMP(time, 'yyyy-MM-dd HH')"),
    (&["DATE_PART"], "CAST(FORMAT_TIMESTAMP(time, 'HH') AS INT)"),
    (&["TO_TIMESTAMP", "STRPTIME"], "PARSE_TIMESTAMP(text, 'yyyy-MM-dd HH:mm:ss')"),
    (&["TO_DATE", "STR_TO_DATE"], "PARSE_DATE(text, 'yyyy-MM-dd')"),
    (&["DATE_ADD", "TIMESTAMP_ADD"], "TIMESTAMPADD(unit, number, time)"),
    (&["DATE_SUB", "TIMESTAMP_SUB"], "TIMESTAMPSUB(unit, number, time)"),
    (&["STRING_AGG", "GROUP_CONCAT", "LISTAGG"], "ARRAY_JOIN(COLLECT_LIST(text), ',')"),
    (&["ARRAY_AGG"], "COLLECT_LIST(value)"),
    (&["FIRST", "FIRST_VALUE"], "EARLIEST_BY_OFFSET(value)"),
    (&["LAST", "LAST_VALUE"], "LATEST_BY_OFFSET(value)"),
    (&["APPROX_COUNT_DISTINCT", "APPROX_DISTINCT"], "COUNT_DISTINCT(value)"),
    (&["CARDINALITY"], "ARRAY_LENGTH(array)"),
    (&["UNNEST", "FLATTEN"], "EXPLODE(array)"),
    (&["JSON_EXTRACT", "JSON_VALUE", "GET_JSON_OBJECT"], "EXTRACTJSONFIELD(text, '$.field')"),
    (&["GEN_RANDOM_UUID", "NEWID"], "UUID()"),
];

/// Types of PostgreSQL, MySQL, Java and their like, and what to write for them.
const TYPES: [(&[&str], &str); 8] = [
    (&["DATETIME", "DATETIME2", "TIMESTAMPTZ", "INSTANT"], "TIMESTAMP"),
    (&["TIMETZ", "LOCALTIME"], "TIME"),
    (&["SERIAL", "BIGSERIAL", "LONG", "INT64", "UINT64"], "BIGINT"),
    (&["TINYINT", "MEDIUMINT", "SHORT", "BYTE", "INT16", "INT32"], "INTEGER"),
    (&["FLOAT32", "FLOAT64"], "DOUBLE"),
    (&["NUMBER", "BIGDECIMAL"], "DECIMAL(precision, scale)"),
    (
        &["JSON", "JSONB", "UUID", "XML", "CLOB", "NVARCHAR", "NCHAR", "BPCHAR", "LONGTEXT", "MEDIUMTEXT"],
        "STRING",
    ),
    (&["BLOB", "BINARY", "VARBINARY"], "BYTES"),
];

/// What continuous queries have for a function of another dialect.
#[must_use]
pub fn function(name: &str) -> Option<&'static str> {
    find(&FUNCTIONS, name)
}

/// What there is for a type of another dialect.
#[must_use]
pub fn data_type(name: &str) -> Option<&'static str> {
    find(&TYPES, name)
}

/// All that is told to write for functions, so that whoever has the functions can check that they exist.
pub fn functions_written() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.iter().map(|(_, written)| *written)
}

fn find(table: &[(&[&str], &'static str)], name: &str) -> Option<&'static str> {
    let means = |names: &[&str]| names.iter().any(|known| name.eq_ignore_ascii_case(known));
    table.iter().find(|(names, _)| means(names)).map(|(_, written)| *written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_in_any_case_and_alone() {
        assert_eq!(function("upper"), Some("UCASE(text)"));
        assert_eq!(function("UPPERCASE"), None);
        assert_eq!(data_type("DateTime"), Some("TIMESTAMP"));
        assert_eq!(data_type("ADDRESS"), None);
    }
}
