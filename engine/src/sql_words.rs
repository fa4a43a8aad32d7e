//! Texts of DataFusion and Arrow, in SQL's words: types and literals as a statement would write them.

use tidemill_sql::print::quoted;

/// Types that are one word in both, as Arrow writes them and as SQL does.
const WORDS: [(&str, &str); 18] = [
    ("Utf8", "STRING"),
    ("Utf8View", "STRING"),
    ("LargeUtf8", "STRING"),
    ("Int8", "TINYINT"),
    ("Int16", "SMALLINT"),
    ("Int32", "INTEGER"),
    ("Int64", "BIGINT"),
    ("Float32", "REAL"),
    ("Float64", "DOUBLE"),
    ("Boolean", "BOOLEAN"),
    ("Binary", "BYTES"),
    ("BinaryView", "BYTES"),
    ("LargeBinary", "BYTES"),
    ("Date32", "DATE"),
    ("Time32", "TIME"),
    ("Time64", "TIME"),
    ("Timestamp", "TIMESTAMP"),
    ("Interval", "INTERVAL"),
];

/// How deeply types may lie in each other; what lies deeper is left as it is.
const DEPTH_MAX: usize = 32;

/// The text with the types and literals in it as SQL writes them.
pub(crate) fn in_sql_words(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    let mut within_word = false;
    while let Some(character) = rest.chars().next() {
        if !within_word && let Some((sql, behind)) = literal(rest).or_else(|| data_type(rest, 0)) {
            result.push_str(&sql);
            rest = behind;
            continue;
        }
        within_word = is_of_word(character);
        result.push(character);
        rest = &rest[character.len_utf8()..];
    }
    result
}

/// `Int64(1)` and its like, with what stands behind.
fn literal(text: &str) -> Option<(String, &str)> {
    let (word, behind) = first_word(text);
    let inside = behind.strip_prefix('(')?;
    if let Some(behind) = inside.strip_prefix("NULL)") {
        return sql_word(word).map(|_| ("NULL".to_owned(), behind));
    }
    match word {
        "Utf8" | "Utf8View" | "LargeUtf8" => {
            let (value, behind) = inside.strip_prefix('"')?.split_once("\")")?;
            Some((quoted(value), behind))
        }
        "Int8" | "Int16" | "Int32" | "Int64" | "Float32" | "Float64" | "Boolean" => {
            let (value, behind) = inside.split_once(')')?;
            Some((value.to_owned(), behind))
        }
        _ => None,
    }
}

/// A type as Arrow shows it, with what stands behind.
fn data_type(text: &str, depth: usize) -> Option<(String, &str)> {
    if depth > DEPTH_MAX {
        return None;
    }
    let (word, behind) = first_word(text);
    match word {
        // In brackets stand the unit and the zone, which SQL's types do not have.
        "Time32" | "Time64" | "Timestamp" | "Interval" => {
            let (_, behind) = behind.strip_prefix('(')?.split_once(')')?;
            Some((sql_word(word)?.to_owned(), behind))
        }
        "Decimal32" | "Decimal64" | "Decimal128" | "Decimal256" => {
            let (digits, behind) = behind.strip_prefix('(')?.split_once(')')?;
            digits.chars().next().filter(char::is_ascii_digit)?;
            Some((format!("DECIMAL({digits})"), behind))
        }
        "List" | "LargeList" | "ListView" | "LargeListView" => {
            let (element, behind) = data_type(nullable(behind.strip_prefix('(')?), depth + 1)?;
            let (_, behind) = behind.split_once(')')?;
            Some((format!("ARRAY<{element}>"), behind))
        }
        "Struct" => {
            let (fields, behind) = fields(behind.strip_prefix('(')?, depth)?;
            let fields: Vec<String> =
                fields.iter().map(|(name, data_type)| format!("`{name}` {data_type}")).collect();
            Some((format!("STRUCT<{}>", fields.join(", ")), behind.strip_prefix(')')?))
        }
        "Map" => {
            let (_, entries) = behind.strip_prefix('(')?.split_once(": ")?;
            let inside = nullable(entries).strip_prefix("Struct(")?;
            let (fields, behind) = fields(inside, depth)?;
            let [(_, key), (_, value)] = fields.as_slice() else { return None };
            let (_, behind) = behind.strip_prefix(')')?.split_once(')')?;
            Some((format!("MAP<{key}, {value}>"), behind))
        }
        word => sql_word(word).map(|sql| (sql.to_owned(), behind)),
    }
}

/// `"a": Int32, "b": non-null Utf8`: names with types, and what stands behind.
fn fields(text: &str, depth: usize) -> Option<(Vec<(String, String)>, &str)> {
    let mut fields = Vec::new();
    let mut rest = text;
    while let Some(named) = rest.strip_prefix('"') {
        let (name, behind) = named.split_once("\": ")?;
        let (data_type, behind) = data_type(nullable(behind), depth + 1)?;
        fields.push((name.to_owned(), data_type));
        rest = behind.strip_prefix(", ").unwrap_or(behind);
    }
    Some((fields, rest))
}

/// Every type of SQL may be NULL.
fn nullable(text: &str) -> &str {
    text.strip_prefix("non-null ").unwrap_or(text)
}

fn sql_word(word: &str) -> Option<&'static str> {
    WORDS.iter().find(|(arrow, _)| *arrow == word).map(|(_, sql)| *sql)
}

/// The word a text begins with, which may be none, and what stands behind it.
fn first_word(text: &str) -> (&str, &str) {
    text.split_at(text.find(|character| !is_of_word(character)).unwrap_or(text.len()))
}

fn is_of_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::{DataType, Field, Fields, TimeUnit};
    use datafusion::common::ScalarValue;

    use super::in_sql_words;

    fn shown(data_type: &DataType) -> String {
        in_sql_words(&data_type.to_string())
    }

    #[test]
    fn types_are_those_of_sql_however_deep_they_lie() {
        let list = DataType::List(Arc::new(Field::new("item", DataType::Int32, true)));
        let named = DataType::List(Arc::new(Field::new("element", list.clone(), false)));
        let fields = [Field::new("a", named, true), Field::new("B c", DataType::Decimal128(4, 2), false)];
        let record = DataType::Struct(Fields::from(fields.to_vec()));
        let entries = [Field::new("key", DataType::Utf8, false), Field::new("value", record, true)];
        let entries = Field::new("entries", DataType::Struct(Fields::from(entries.to_vec())), false);
        let map = DataType::Map(Arc::new(entries), false);
        assert_eq!(shown(&list), "ARRAY<INTEGER>");
        assert_eq!(shown(&map), "MAP<STRING, STRUCT<`a` ARRAY<ARRAY<INTEGER>>, `B c` DECIMAL(4, 2)>>");
        assert_eq!(shown(&DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))), "TIMESTAMP");
        assert_eq!(shown(&DataType::Struct(Fields::empty())), "STRUCT<>");
    }

    #[test]
    fn literals_are_written_as_in_statements() {
        let literals = [
            (ScalarValue::Int64(Some(-1)), "-1"),
            (ScalarValue::Utf8(Some("it's".to_owned())), "'it''s'"),
            (ScalarValue::Boolean(Some(true)), "true"),
            (ScalarValue::Float64(None), "NULL"),
        ];
        for (value, expected) in literals {
            assert_eq!(in_sql_words(&format!("a > {value:?} AND b")), format!("a > {expected} AND b"));
        }
    }

    #[test]
    fn other_words_stay() {
        for text in
            ["a List of what Maps hold", "MyInt64 and Int64x", "Struct(x)", "Decimal128(Some(1),4,2)", "é"]
        {
            assert_eq!(in_sql_words(text), text);
        }
        assert_eq!(in_sql_words("Int32 + List(Int64) is wrong"), "INTEGER + ARRAY<BIGINT> is wrong");
    }
}
