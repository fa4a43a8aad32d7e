//! The words of the language: which are reserved, which can begin a statement, which exist at all.
//!
//! Only the words that would make a clause ambiguous are reserved; every other keyword may name a
//! column or a source, as in ksqlDB. A reserved word can still be a name in backquotes.

/// Words that cannot be a name without quotes, sorted.
pub const RESERVED: &[&str] = &[
    "ALL",
    "AND",
    "AS",
    "AT",
    "BETWEEN",
    "BY",
    "CASE",
    "CAST",
    "CREATE",
    "CROSS",
    "DELETE",
    "DESCRIBE",
    "DISTINCT",
    "DROP",
    "ELSE",
    "END",
    "EXCEPT",
    "EXISTS",
    "FALSE",
    "FROM",
    "FULL",
    "GROUP",
    "HAVING",
    "IN",
    "INNER",
    "INSERT",
    "INTERSECT",
    "INTO",
    "IS",
    "JOIN",
    "LEFT",
    "LIKE",
    "LIMIT",
    "NATURAL",
    "NOT",
    "NULL",
    "ON",
    "OR",
    "ORDER",
    "OUTER",
    "RIGHT",
    "SELECT",
    "THEN",
    "TRUE",
    "UNION",
    "USING",
    "VALUES",
    "WHEN",
    "WHERE",
    "WINDOW",
    "WITH",
    "WITHIN",
];

/// Words behind which a set operator takes another query.
const QUERY_STARTS: &[&str] = &["ALL", "DISTINCT", "SELECT", "TABLE", "VALUES", "WITH"];

/// Reserved words that begin clauses only Postgres has, each with the words that follow it there. ksqlDB
/// knows none of them, so that they name columns: before anything else they are names.
const POSTGRES_CLAUSES: [(&str, &[&str]); 7] = [
    ("CROSS", &["JOIN"]),
    ("EXCEPT", QUERY_STARTS),
    ("INTERSECT", QUERY_STARTS),
    ("NATURAL", &["FULL", "INNER", "JOIN", "LEFT", "RIGHT"]),
    ("ORDER", &["BY"]),
    ("UNION", QUERY_STARTS),
    ("USING", &[]),
];

/// What `SHOW` and `LIST` list.
pub const LISTED: [&str; 8] =
    ["STREAMS", "TABLES", "TOPICS", "QUERIES", "FUNCTIONS", "PROPERTIES", "TYPES", "VARIABLES"];

/// Words a statement can begin with, sorted.
pub const STATEMENT_STARTS: &[&str] = &[
    "ABORT",
    "ALTER",
    "ASSERT",
    "BEGIN",
    "CLOSE",
    "COMMIT",
    "COPY",
    "CREATE",
    "DEALLOCATE",
    "DECLARE",
    "DEFINE",
    "DESCRIBE",
    "DISCARD",
    "DROP",
    "END",
    "EXECUTE",
    "EXPLAIN",
    "FETCH",
    "INSERT",
    "LIST",
    "LISTEN",
    "MOVE",
    "PAUSE",
    "PREPARE",
    "PRINT",
    "RESET",
    "RESUME",
    "ROLLBACK",
    "RUN",
    "SELECT",
    "SET",
    "SHOW",
    "START",
    "TERMINATE",
    "UNDEFINE",
    "UNLISTEN",
    "UNSET",
    "VALUES",
    "WITH",
];

/// Further words with a meaning in some clause, sorted: what completion offers and highlighting
/// colours beside [`RESERVED`] and [`STATEMENT_STARTS`].
pub const OTHERS: &[&str] = &[
    "ADD",
    "ADVANCE",
    "ANALYZE",
    "ARRAY",
    "ASC",
    "BEGINNING",
    "BIGINT",
    "BOOLEAN",
    "BYTES",
    "CHANGES",
    "COLUMN",
    "CURSOR",
    "DATE",
    "DAY",
    "DAYS",
    "DECIMAL",
    "DESC",
    "DOUBLE",
    "EMIT",
    "ESCAPE",
    "EXTENDED",
    "FINAL",
    "FIRST",
    "FOR",
    "FUNCTION",
    "FUNCTIONS",
    "GRACE",
    "HEADER",
    "HEADERS",
    "HOPPING",
    "HOUR",
    "HOURS",
    "IF",
    "INT",
    "INTEGER",
    "INTERVAL",
    "KEY",
    "LAST",
    "MAP",
    "MILLISECOND",
    "MILLISECONDS",
    "MINUTE",
    "MINUTES",
    "NULLS",
    "OFFSET",
    "OVER",
    "PARTITION",
    "PERIOD",
    "PRIMARY",
    "PROPERTIES",
    "QUERIES",
    "REPLACE",
    "RETENTION",
    "RETURNS",
    "SAMPLE",
    "SCHEMA",
    "SCRIPT",
    "SECOND",
    "SECONDS",
    "SESSION",
    "SIZE",
    "SOURCE",
    "STREAM",
    "STREAMS",
    "STRING",
    "STRUCT",
    "SUBJECT",
    "TABLE",
    "TABLES",
    "TIME",
    "TIMEOUT",
    "TIMESTAMP",
    "TOPIC",
    "TOPICS",
    "TUMBLING",
    "TYPE",
    "TYPES",
    "VARCHAR",
    "VARIABLES",
];

/// Every word of the language, for completion.
pub fn keywords() -> impl Iterator<Item = &'static str> {
    RESERVED.iter().chain(STATEMENT_STARTS.iter().filter(|word| !is_reserved(word))).chain(OTHERS).copied()
}

/// Whether `word`, in any case, cannot be a name without quotes.
pub fn is_reserved(word: &str) -> bool {
    contains(RESERVED, word)
}

/// The words behind which a reserved word, in any case, begins a clause that only Postgres has; `None` for
/// one that is reserved in ksqlDB too, and for words that are not reserved.
pub fn postgres_clause(word: &str) -> Option<&'static [&'static str]> {
    POSTGRES_CLAUSES.iter().find(|(clause, _)| word.eq_ignore_ascii_case(clause)).map(|(_, behind)| *behind)
}

/// Whether `word`, in any case, is a word of the language.
pub fn is_keyword(word: &str) -> bool {
    contains(RESERVED, word) || contains(STATEMENT_STARTS, word) || contains(OTHERS, word)
}

fn contains(sorted: &[&str], word: &str) -> bool {
    sorted
        .binary_search_by(|candidate| {
            candidate.bytes().cmp(word.bytes().map(|byte| byte.to_ascii_uppercase()))
        })
        .is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_sorted_so_that_they_can_be_searched() {
        for list in [RESERVED, STATEMENT_STARTS, OTHERS] {
            assert!(list.is_sorted());
        }
        assert!(is_reserved("from") && is_reserved("WITHIN") && !is_reserved("KEY"));
        assert!(is_keyword("tumbling") && !is_keyword("orders"));
    }

    #[test]
    fn no_word_is_listed_twice() {
        let mut words: Vec<&str> = keywords().collect();
        let count = words.len();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), count);
    }
}
