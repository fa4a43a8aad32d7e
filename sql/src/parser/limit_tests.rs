//! Hostile text is refused before it costs stack, memory or time.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::complexity::{MAX_DEPTH, MAX_NODES, MAX_TEXT_BYTES};
use super::{highlight, parse, split};
use crate::error::SqlErrorKind;

/// Parsing takes place on a thread with as little stack as a server's worker has, and in seconds.
#[track_caller]
fn check_too_complex(name: &str, text: String) {
    let started = Instant::now();
    let kind = std::thread::Builder::new()
        .stack_size(2 * 1024 * 1024)
        .spawn(move || parse(&text).map(|_| ()).map_err(|error| error.kind))
        .expect("a thread")
        .join()
        .expect("no panic");
    assert_eq!(kind, Err(SqlErrorKind::TooComplex), "{name}");
    assert!(started.elapsed() < Duration::from_secs(10), "{name}: {:?}", started.elapsed());
}

fn nested(open: &str, inner: &str, close: &str, times: usize) -> String {
    format!("{}{inner}{}", open.repeat(times), close.repeat(times))
}

#[test]
fn ten_thousand_parentheses_are_too_many() {
    for times in [MAX_DEPTH + 1, 10_000] {
        check_too_complex("expression", format!("SELECT {} FROM s", nested("(", "1", ")", times)));
        check_too_complex("query", nested("(", "SELECT 1", ")", times));
        check_too_complex("from", format!("SELECT * FROM {}", nested("(", "t", ")", times)));
        check_too_complex("subscripts", format!("SELECT {} FROM s", nested("a[", "1", "]", times)));
        check_too_complex("calls", format!("SELECT {} FROM s", nested("f(", "1", ")", times)));
    }
}

#[test]
fn a_hundred_thousand_additions_are_too_many() {
    for times in [MAX_DEPTH + 1, 999, 1_001, 100_000] {
        check_too_complex("additions", format!("SELECT 1{} FROM s", "+1".repeat(times)));
        check_too_complex("general", format!("SELECT 1{}", "+1".repeat(times)));
    }
}

#[test]
fn other_ways_to_nest_without_parentheses_are_counted_too() {
    for times in [999, 100_000] {
        for (name, text) in [
            ("not", format!("SELECT {} a FROM s", "NOT ".repeat(times))),
            ("minus", format!("SELECT {} a FROM s", "- ".repeat(times))),
            ("case", format!("SELECT {} FROM s", nested("CASE WHEN a THEN ", "1", " END", times))),
            ("and", format!("SELECT * FROM s WHERE a{}", " AND a".repeat(times))),
            ("is null", format!("SELECT a{} FROM s", " IS NULL".repeat(times))),
            ("cast", format!("SELECT a{} FROM s", "::int".repeat(times))),
            ("distinct", format!("SELECT a{} FROM s", " IS DISTINCT FROM a".repeat(times))),
            ("names", format!("SELECT a{} FROM s", "+a.where".repeat(times))),
            ("array suffix in brackets", format!("SELECT a{} FROM s", "[1]->a".repeat(times))),
            ("arrow", format!("SELECT a{} FROM s", "->a".repeat(times))),
            ("lambda", format!("SELECT f({} x) FROM s", "x => ".repeat(times))),
            ("array type", format!("SELECT CAST(a AS {}) FROM s", nested("ARRAY<", "INT", ">", times))),
            (
                "struct type",
                format!("SELECT CAST(a AS {}) FROM s", nested("STRUCT<b INT, a ", "INT", ">", times)),
            ),
            (
                "declared type",
                format!("CREATE STREAM s (a {})", nested("STRUCT<b INT, a ", "INT", ">", times)),
            ),
            ("array word", format!("CREATE STREAM s (a INT{})", " ARRAY".repeat(times))),
            ("array suffix", format!("SELECT a::int{} FROM s", "[]".repeat(times))),
            ("union", format!("SELECT 1{}", " UNION SELECT 1".repeat(times))),
            ("join", format!("SELECT * FROM a{}", " JOIN a ON x = x".repeat(times))),
        ] {
            check_too_complex(name, text);
        }
    }
}

#[test]
fn chains_inside_of_chains_add_up() {
    let mut inner = "1".to_owned();
    for _ in 0..100 {
        inner = format!("({inner}{})", "+1".repeat(900));
    }
    check_too_complex("chains", format!("SELECT {inner} FROM s"));
}

#[test]
fn a_statement_has_a_limited_number_of_parts() {
    let values = vec!["1"; MAX_NODES + 1].join(", ");
    check_too_complex("list", format!("SELECT * FROM s WHERE a IN ({values})"));
    check_too_complex("text", " ".repeat(MAX_TEXT_BYTES + 1));
    check_too_complex("tokens", format!("SELECT {}", "a ".repeat(MAX_TEXT_BYTES / 4)));
    check_too_complex("spaces", format!("SELECT{}1", " ".repeat(MAX_TEXT_BYTES / 2)));
}

#[test]
fn what_stays_within_the_limits_is_read() {
    let depth = MAX_DEPTH - 10;
    for text in [
        format!("SELECT {} FROM s", nested("(", "1", ")", depth)),
        format!("SELECT 1{} FROM s", "+1".repeat(depth)),
        format!("SELECT {} FROM s", nested("f(a, ", "1", ")", depth)),
        format!("SELECT * FROM s WHERE a IN ({})", vec!["1"; MAX_NODES - 10].join(", ")),
    ] {
        let result = parse(&text).map(|_| ());
        assert_eq!(result, Ok(()), "{}", &text[..60]);
    }
}

#[test]
fn wrong_text_takes_no_exponential_time() {
    let started = Instant::now();
    for times in [20, 60, 180] {
        for open in [
            "f(",
            "cast(",
            "ceil(",
            "array[",
            "map(",
            "struct(a := ",
            "position(",
            "extract(",
            "case when ",
            "(",
            "exists(",
            "interval ",
            "overlay(",
            "trim(",
            "not ",
            "a in (",
            "x => ",
            "(select ",
            "substring(",
        ] {
            let text = format!("SELECT {} ] FROM s", open.repeat(times));
            assert!(parse(&text).is_err());
        }
        for open in ["(", "(select * from ", "(a join ", "lateral (select * from "] {
            let text = format!("SELECT * FROM {} ]", open.repeat(times));
            assert!(parse(&text).is_err());
        }
    }
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

/// Pieces of text from which statements, right and wrong, are put together at random.
const PIECES: &[&str] = &[
    "SELECT",
    "FROM",
    "WHERE",
    "GROUP BY",
    "PARTITION BY",
    "HAVING",
    "EMIT CHANGES",
    "EMIT FINAL",
    "LIMIT",
    "WINDOW",
    "TUMBLING",
    "HOPPING",
    "SESSION",
    "(",
    ")",
    "[",
    "]",
    "<",
    ">",
    ">>",
    ",",
    ";",
    ".",
    "*",
    "->",
    "=>",
    ":=",
    "::",
    "=",
    "+",
    "-",
    "/",
    "||",
    "AND",
    "OR",
    "NOT",
    "IN",
    "BETWEEN",
    "LIKE",
    "IS",
    "NULL",
    "DISTINCT",
    "CASE",
    "WHEN",
    "THEN",
    "ELSE",
    "END",
    "CAST",
    "AS",
    "ARRAY",
    "MAP",
    "STRUCT",
    "INT",
    "DECIMAL",
    "STRING",
    "CREATE",
    "STREAM",
    "TABLE",
    "TYPE",
    "FUNCTION",
    "RETURNS",
    "OR REPLACE",
    "IF NOT EXISTS",
    "WITH",
    "KEY",
    "PRIMARY KEY",
    "HEADER",
    "INSERT INTO",
    "VALUES",
    "DROP",
    "ALTER",
    "ADD",
    "JOIN",
    "LEFT",
    "WITHIN",
    "GRACE PERIOD",
    "ON",
    "1",
    "2.5",
    "1E5",
    "SECONDS",
    "'text'",
    "`q`",
    "\"d\"",
    "$1",
    "${v}",
    "a",
    "b",
    "count",
    "SHOW",
    "DESCRIBE",
    "EXPLAIN",
    "PRINT",
    "TERMINATE",
    "SET",
    "TO",
    "DECLARE",
    "CURSOR FOR",
    "FETCH",
    "COPY",
    "STDOUT",
    "UNION",
    "ORDER BY",
    "OVER",
    "INTERVAL",
    "DATE",
    "'open",
    "/*",
    "--",
    "\n",
    "é",
    "\u{1F600}",
    "@",
    "#",
    "!",
    "~",
    "&",
    "|",
    "^",
    "?",
    "{",
    "}",
    "\\",
    "TIMESTAMPADD",
    "SUBSTRING",
    "TRIM",
    "CEIL",
    "EXTRACT",
    "OPERATOR",
    "COLLATE",
    "LATERAL",
    "EXISTS",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_soup_of_tokens_makes_the_parser_panic(
        start in proptest::sample::select(PIECES),
        soup in proptest::collection::vec(proptest::sample::select(PIECES), 0..40),
    ) {
        let text = format!("{start} {}", soup.join(" "));
        if let Ok(statements) = parse(&text) {
            for parsed in statements {
                // What was read prints as something that reads again.
                let printed = parsed.statement.to_string();
                let again = parse(&printed);
                prop_assert!(again.is_ok(), "{text}\n{printed}\n{again:?}");
            }
        }
    }

    #[test]
    fn no_text_at_all_makes_the_parser_panic(text in "\\PC{0,80}") {
        let _ = parse(&text);
        let _ = split(&text);
        let tokens = highlight::tokens(&text);
        prop_assert!(tokens.iter().all(|(_, range)| text.get(range.clone()).is_some()));
    }
}
