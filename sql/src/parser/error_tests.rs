//! What wrong statements get: what is wrong, where, and what to do instead.

use super::parse;
use crate::error::{SqlError, SqlErrorKind};

#[track_caller]
fn error(text: &str) -> SqlError {
    match parse(text) {
        Ok(statements) => panic!("{text}\nparses: {statements:?}"),
        Err(error) => error,
    }
}

/// Text, its error as ksqlDB's clients see it.
#[track_caller]
fn check(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(error(text).to_string(), *expected, "{text}");
    }
}

#[test]
fn a_syntax_error_names_the_token_the_place_and_what_was_expected() {
    check(&[
        (
            "ASSERT VALUES foo (id INT) VALUES (123);",
            "line 1:8: Syntax Error\nSyntax error at or near 'VALUES' at line 1:8\nexpected TOPIC or SCHEMA\n\
             Hint: what streams and tables are to hold is asserted by cases of `tidemill test`",
        ),
        (
            "CREATE STREAM s (a INT,\n b STRING (KEY));",
            "line 2:12: Syntax Error\nSyntax error at or near 'KEY' at line 2:12\nexpected 'STRING' or a whole number",
        ),
        (
            "SELECT a FROM",
            "line 1:14: Syntax Error\nSyntax error at or near the end of the statement at line 1:14\n\
             expected the name of a stream or table",
        ),
        (
            "LIST STREAMS; SELECT * FROM s WINDOW TUMBLING (SIZE 1 YEAR) GROUP BY a",
            "line 1:55: Syntax Error\nSyntax error at or near 'YEAR' at line 1:55\n\
             expected MILLISECONDS, SECONDS, MINUTES, HOURS or DAYS",
        ),
    ]);
}

#[test]
fn a_misspelt_statement_is_met_with_a_suggestion() {
    check(&[
        ("SELCT * FROM s", "line 1:1: Syntax Error\nUnknown statement 'SELCT'\nHint: did you mean 'SELECT'?"),
        ("FROBNICATE s", "line 1:1: Syntax Error\nUnknown statement 'FROBNICATE'"),
    ]);
}

#[test]
fn a_reserved_word_as_a_name_is_pointed_out() {
    let error = error("CREATE STREAM s (from INT)");
    assert_eq!(
        error.hint.as_deref(),
        Some("'from' is a reserved keyword; to use it as a name, put it in backquotes: `from`")
    );
}

#[test]
fn a_reserved_word_is_pointed_out_where_a_column_is_read() {
    let hint = "'at' is a reserved keyword; to use it as a name, put it in backquotes: `at`";
    for text in [
        "SELECT id, at FROM s",
        "SELECT at, id FROM s EMIT CHANGES",
        "CREATE STREAM t AS SELECT id, at FROM s",
        "SELECT * FROM s WHERE at > 5",
        "SELECT MAX(at) FROM s",
    ] {
        assert_eq!(error(text).hint.as_deref(), Some(hint), "{text}");
    }
    for text in ["SELECT FROM s", "SELECT a, FROM s", "SELECT a FROM s WHERE AND b = 1"] {
        assert_eq!(error(text).hint, None, "{text}");
    }
}

#[test]
fn the_error_is_that_of_the_grammar_that_got_further() {
    let error = error("SELECT a FROM s ORDER BY b ASC NULLS FRST");
    assert_eq!(error.position.map(|position| position.column), Some(32));
}

#[test]
fn a_persistent_query_is_wrong_where_ksqldbs_grammar_ends() {
    let error = error("CREATE TABLE t AS SELECT COUNT(*) FROM s GROUP BY a AND b");
    assert_eq!(error.message, "Syntax error at or near 'AND'");
}

#[test]
fn an_error_inside_of_parentheses_is_shown_where_it_is() {
    for (text, near) in [
        ("SELECT * FROM (SELECT a FROM t WHERE) AS x", "')' at line 1:37"),
        ("SELECT * FROM (SELECT a FROM t WHERE b c) AS x", "'c' at line 1:40"),
        ("SELECT * FROM (SELECT a FROM t WHERE b AND", "the end of the statement at line 1:43"),
        ("SELECT f(a, g(b c)) FROM s", "'c' at line 1:17"),
    ] {
        let told = error(text).to_string();
        assert!(told.contains(&format!("Syntax error at or near {near}")), "{text}: {told}");
    }
}

#[test]
fn quotes_and_comments_without_an_end_are_shown_where_they_begin() {
    for (text, message) in [
        ("SELECT 'abc FROM s;", "the string that begins here has no end"),
        ("SELECT `abc FROM s;", "the quoted name that begins here has no end"),
        ("SELECT /* abc FROM s;", "the comment that begins here has no end"),
        ("LIST T /* abc", "the comment that begins here has no end"),
    ] {
        let error = error(text);
        assert_eq!(error.message, message);
        assert_eq!(error.position.map(|position| position.column), Some(8));
    }
    assert_eq!(error("/* abc").message, "the comment that begins here has no end");
}

#[test]
fn keys_are_declared_with_the_word_for_their_source() {
    check(&[
        (
            "CREATE TABLE t (id INT KEY)",
            "Line: 1, Col: 17: Column `ID` is a 'KEY' column: please use 'PRIMARY KEY' for tables.\n\
             Tables have PRIMARY KEYs, which are unique and NON NULL.\n\
             Streams have KEYs, which have no uniqueness or NON NULL constraints.",
        ),
        (
            "CREATE STREAM s (id INT PRIMARY KEY)",
            "Line: 1, Col: 18: Column `ID` is a 'PRIMARY KEY' column: please use 'KEY' for streams.\n\
             Tables have PRIMARY KEYs, which are unique and NON NULL.\n\
             Streams have KEYs, which have no uniqueness or NON NULL constraints.",
        ),
    ]);
}

#[test]
fn numbers_beyond_their_types_are_refused() {
    check(&[
        (
            "SELECT 9223372036854775808 FROM s",
            "Line: 1, Col: 8: Invalid numeric literal: 9223372036854775808",
        ),
        (
            "SELECT -1.7976931348623160E308 FROM s",
            "Line: 1, Col: 9: Number overflows DOUBLE: -1.7976931348623160E308",
        ),
        (
            "SELECT * FROM s WINDOW TUMBLING (SIZE 9223372036854775807 DAYS) GROUP BY a",
            "Line: 1, Col: 39: 9223372036854775807 DAYS are more milliseconds than 64 bits hold",
        ),
    ]);
    parse("SELECT -9223372036854775808, 1.7976931348623157E308 FROM s").expect("the largest numbers");
}

#[test]
fn operators_of_other_languages_are_met_with_the_ones_of_this() {
    check(&[
        (
            "CREATE STREAM t AS SELECT * FROM s WHERE (a == 'x') EMIT CHANGES",
            "line 1:45: Syntax Error\nSyntax error at or near '==' at line 1:45\nHint: write = to compare",
        ),
        (
            "SELECT a FROM s WHERE a == (SELECT 1)",
            "line 1:25: Syntax Error\nSyntax error at or near '==' at line 1:25\nHint: write = to compare",
        ),
        (
            "SELECT TRANSFORM(tags, t -> UCASE(t)) FROM s EMIT CHANGES",
            "line 1:26: Syntax Error\nSyntax error at or near '->' at line 1:26\n\
             Hint: a lambda is written with =>; -> gives a field of a STRUCT",
        ),
        (
            "SELECT REDUCE(tags, 0, (s, t) -> s) FROM s EMIT CHANGES",
            "line 1:31: Syntax Error\nSyntax error at or near '->' at line 1:31\n\
             Hint: a lambda is written with =>; -> gives a field of a STRUCT",
        ),
    ]);
    parse("SELECT a->b, TRANSFORM(c, x => x->d) FROM s").expect("fields");
}

#[test]
fn a_window_in_the_wrong_place_or_half_written_is_met_with_what_is_missing() {
    check(&[
        (
            "SELECT a, COUNT(*) FROM s GROUP BY a WINDOW TUMBLING (SIZE 1 MINUTE) EMIT CHANGES",
            "line 1:38: Syntax Error\nSyntax error at or near 'WINDOW' at line 1:38\n\
             Hint: WINDOW stands right behind FROM …, before WHERE and GROUP BY",
        ),
        (
            "CREATE TABLE t AS SELECT a, COUNT(*) FROM s WHERE a > 1 WINDOW SESSION (1 HOUR) GROUP BY a",
            "line 1:57: Syntax Error\nSyntax error at or near 'WINDOW' at line 1:57\n\
             Hint: WINDOW stands right behind FROM …, before WHERE and GROUP BY",
        ),
        (
            "SELECT a, COUNT(*) FROM s WINDOW HOPPING (SIZE 5 MINUTES) GROUP BY a EMIT CHANGES",
            "line 1:57: Syntax Error\nSyntax error at or near ')' at line 1:57\n\
             expected , ADVANCE BY and how far each window lies behind the one before\n\
             Hint: windows that do not overlap are TUMBLING (SIZE n unit)",
        ),
    ]);
    parse("SELECT SUM(a) OVER w FROM s WINDOW w AS (PARTITION BY b)").expect("a window of OVER");
}

#[test]
fn what_is_declared_twice_is_refused() {
    for text in [
        "CREATE STREAM s (a INT, A INT)",
        "CREATE STREAM s (a STRUCT<x INT, x INT>)",
        "CREATE STREAM s WITH (x=1, X=2)",
    ] {
        assert_eq!(error(text).kind, SqlErrorKind::Duplicate, "{text}");
    }
}

#[test]
fn statements_of_other_databases_say_what_to_do_instead() {
    for text in [
        "UPDATE t SET a = 1",
        "DELETE FROM t",
        "CREATE VIEW v AS SELECT 1",
        "CREATE SINK CONNECTOR c WITH (x=1)",
        "SHOW SOURCE CONNECTORS",
        "LIST CONNECTOR PLUGINS",
        "DESCRIBE CONNECTOR c",
        "DROP CONNECTOR IF EXISTS c",
        "SHOW CREATE STREAM s",
        "WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x",
        "SELECT * INTO t FROM s",
    ] {
        let error = error(text);
        assert_eq!(error.kind, SqlErrorKind::Unsupported, "{text}: {error}");
    }
}

#[test]
fn what_only_fits_a_projection_stays_there() {
    assert!(error("SELECT a FROM s WHERE b->*").to_string().contains("'->*'"));
}

#[test]
fn a_type_that_is_no_name_is_no_type() {
    check(&[(
        "SELECT CAST(a AS NULL) FROM s",
        "line 1:18: Syntax Error\nSyntax error at or near 'NULL' at line 1:18\nexpected a type\n\
         Hint: 'NULL' is a reserved keyword; to use it as a name, put it in backquotes: `NULL`",
    )]);
}
