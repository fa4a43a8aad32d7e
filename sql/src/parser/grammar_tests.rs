//! What each statement looks like when it has been read: golden pairs of text and normalised text.

use super::ast::{Emit, SelectBody, Statement};
use super::{Parsed, parse, parse_one};

/// Each statement prints as given, and what is printed reads back as itself.
#[track_caller]
fn check(cases: &[(&str, &str)]) {
    for (written, printed) in cases {
        let statement = parse_one(written).unwrap_or_else(|error| panic!("{written}\n{error}")).statement;
        assert_eq!(statement.to_string(), *printed, "{written}");
        let again = parse_one(printed).unwrap_or_else(|error| panic!("{printed}\n{error}")).statement;
        assert_eq!(again.to_string(), *printed, "printed a second time");
    }
}

/// Each statement prints exactly as it was written.
#[track_caller]
fn check_unchanged(statements: &[&str]) {
    let cases: Vec<_> = statements.iter().map(|text| (*text, *text)).collect();
    check(&cases);
}

fn body(text: &str) -> SelectBody {
    match parse_one(text).unwrap_or_else(|error| panic!("{text}\n{error}")).statement {
        Statement::Query(query) => query.body,
        other => panic!("not a query: {other}"),
    }
}

#[test]
fn sources_are_declared_with_columns_and_properties() {
    check(&[
        (
            "create stream orders (id int key, item varchar, `price` decimal(10,2)) with \
             (kafka_topic='orders', value_format='json', partitions=3, 'wrap_single_value'=true);",
            "CREATE STREAM ORDERS (ID INTEGER KEY, ITEM STRING, `price` DECIMAL(10, 2)) WITH \
             (KAFKA_TOPIC='orders', VALUE_FORMAT='json', PARTITIONS=3, WRAP_SINGLE_VALUE=TRUE)",
        ),
        (
            "CREATE OR REPLACE SOURCE TABLE IF NOT EXISTS t (k STRING PRIMARY KEY) WITH (x=-1.5)",
            "CREATE OR REPLACE SOURCE TABLE IF NOT EXISTS T (K STRING PRIMARY KEY) WITH (X=-1.5)",
        ),
        (
            "CREATE STREAM s (h ARRAY<STRUCT<key STRING, value BYTES>> HEADERS, one BYTES HEADER('a''b'))",
            "CREATE STREAM S (H ARRAY<STRUCT<`KEY` STRING, `VALUE` BYTES>> HEADERS, ONE BYTES HEADER('a''b'))",
        ),
        ("CREATE STREAM \"s\" WITH (x=NULL)", "CREATE STREAM `s` WITH (X=NULL)"),
        ("create table t", "CREATE TABLE T"),
    ]);
}

#[test]
fn keywords_that_are_not_reserved_are_names() {
    check_unchanged(&[
        "CREATE STREAM STREAM (KEY INTEGER KEY, TOPIC STRING, SIZE INTEGER, EMIT STRING, USER STRING)",
        "SELECT KEY, SIZE, EMIT, USER, DATE, TIMESTAMP, INTERVAL, SESSION AS CHANGES FROM STREAM AS TABLES EMIT CHANGES",
    ]);
    check(&[(
        "SELECT a.user, a.date, a.interval, a.left FROM a",
        "SELECT A.USER, A.DATE, A.INTERVAL, A.`LEFT` FROM A",
    )]);
}

#[test]
fn names_may_begin_with_a_digit_as_in_ksqldb() {
    check(&[("SELECT a AS 1r, 2x FROM s", "SELECT A AS `1R`, `2X` FROM S")]);
}

#[test]
fn queries_fill_sources() {
    check(&[
        (
            "CREATE STREAM big WITH (partitions=2) AS SELECT * FROM orders WHERE price > 100 PARTITION BY item EMIT CHANGES;",
            "CREATE STREAM BIG WITH (PARTITIONS=2) AS SELECT * FROM ORDERS WHERE PRICE > 100 PARTITION BY ITEM EMIT CHANGES",
        ),
        (
            "create or replace table if not exists t as select a, count(*) c from s window tumbling (size 1 hour, retention 2 days, grace period 10 seconds) group by a having count(*) > 1 emit final",
            "CREATE OR REPLACE TABLE IF NOT EXISTS T AS SELECT A, COUNT(*) AS C FROM S WINDOW TUMBLING (SIZE 1 HOURS, RETENTION 2 DAYS, GRACE PERIOD 10 SECONDS) GROUP BY A HAVING COUNT(*) > 1 EMIT FINAL",
        ),
        (
            "INSERT INTO s WITH (query_id='q') SELECT a FROM b",
            "INSERT INTO S WITH (QUERY_ID='q') SELECT A FROM B",
        ),
        (
            "INSERT INTO s (a, `b`) VALUES (1, 'it''s'), (-2.5, NULL)",
            "INSERT INTO S (A, `b`) VALUES (1, 'it''s'), (-2.5, NULL)",
        ),
        (
            "insert into s values (array[1,2], map('a' := 1), struct(x := 1, `y` := 'b'), true)",
            "INSERT INTO S VALUES (ARRAY[1, 2], MAP('a' := 1), STRUCT(X := 1, `y` := 'b'), true)",
        ),
    ]);
}

#[test]
fn windows_and_joins_keep_their_times() {
    check(&[
        (
            "SELECT * FROM s WINDOW hopping (size 30 seconds, advance by 10 second) GROUP BY a",
            "SELECT * FROM S WINDOW HOPPING (SIZE 30 SECONDS, ADVANCE BY 10 SECONDS) GROUP BY A",
        ),
        (
            "SELECT * FROM s WINDOW w session (5 minute) GROUP BY (a, b)",
            "SELECT * FROM S WINDOW W SESSION (5 MINUTES) GROUP BY A, B",
        ),
        (
            "SELECT l.a, r.* FROM l INNER JOIN r WITHIN 1 hour GRACE PERIOD 5 minutes ON l.a = r.a",
            "SELECT L.A, R.* FROM L INNER JOIN R WITHIN 1 HOURS GRACE PERIOD 5 MINUTES ON L.A = R.A",
        ),
        (
            "SELECT * FROM a x LEFT OUTER JOIN b AS y WITHIN (1 DAY, 0 MILLISECONDS) ON x.k = y.k FULL JOIN c ON c.k = x.k",
            "SELECT * FROM A AS X LEFT JOIN B AS Y WITHIN (1 DAYS, 0 MILLISECONDS) ON X.K = Y.K FULL JOIN C ON C.K = X.K",
        ),
    ]);
}

#[test]
fn expressions_of_ksqldb_print_as_they_read() {
    check_unchanged(&[
        "SELECT A->B->C, A->B[1]->C, A.B->C, F(X)->Y, M['k'], L[1][-1], A->`b` FROM S",
        "SELECT A->*, B->C->*, STRUCT(X := 1)->X FROM S",
        "SELECT TRANSFORM(A, X => X + 1), REDUCE(M, 0, (S, K, V) => S + V), FILTER(A, X => X->Y > 1) FROM S",
        "SELECT CASE WHEN A = 1 THEN 'x' ELSE 'y' END, CASE A WHEN 1 THEN 2 END FROM S",
        "SELECT CAST(A AS DECIMAL(4, 2)), CAST(A AS ARRAY<MAP<STRING, INTEGER>>), CAST(A AS STRUCT<`X` INTEGER>) FROM S",
        "SELECT -A->B, A + B * C % 2, (A + B) * C, 1.5E3, .5, 1E-3, A || 'b' FROM S",
        "SELECT * FROM S WHERE A IS NOT DISTINCT FROM B AND C IS DISTINCT FROM D OR NOT E",
        "SELECT * FROM S WHERE A BETWEEN 1 AND 2 AND B NOT IN (1, 2) AND C LIKE 'a!%' ESCAPE '!' AND D IS NOT NULL",
        "SELECT TIMESTAMPADD(SECONDS, 1, T), DATESUB(DAY, 2, D), DATE '2020-01-01', T AT TIME ZONE 'UTC' FROM S",
        "SELECT SUBSTRING(A, 1, 2), TRIM(A), CEIL(A), FLOOR(A), ROUND(A, 2), EXTRACT(YEAR FROM D) FROM S",
        "SELECT ARRAY[], MAP(), STRUCT(A := ARRAY[MAP('k' := STRUCT(B := 1))]) FROM S",
        "SELECT COUNT(DISTINCT A), COUNT(*) FILTER (WHERE A > 1) FROM S GROUP BY B",
    ]);
}

#[test]
fn types_in_casts_may_close_several_brackets_at_once() {
    check(&[
        (
            "SELECT CAST(a AS STRUCT<x ARRAY<ARRAY<INT>>>), a::ARRAY<ARRAY<STRING>>, b >> 1 FROM s",
            "SELECT CAST(A AS STRUCT<`X` ARRAY<ARRAY<INTEGER>>>), CAST(A AS ARRAY<ARRAY<STRING>>), B >> 1 FROM S",
        ),
        ("SELECT a<-1 FROM s", "SELECT A < -1 FROM S"),
    ]);
}

#[test]
fn a_query_is_ksqldbs_if_it_fits_its_grammar_and_general_otherwise() {
    for text in [
        "SELECT * FROM s",
        "SELECT a FROM s LIMIT 3",
        "SELECT a, COUNT(*) FROM s GROUP BY a EMIT CHANGES LIMIT 2",
        "SELECT * FROM a JOIN b ON a.x = b.x",
    ] {
        assert!(matches!(body(text), SelectBody::Ksql(_)), "{text}");
    }
    for text in [
        "SELECT 1",
        "SELECT * FROM s ORDER BY a",
        "SELECT DISTINCT a FROM s",
        "SELECT * FROM s WHERE a IN (SELECT b FROM t)",
        "SELECT EXISTS (SELECT 1) FROM s",
        "SELECT ROW_NUMBER() OVER (ORDER BY a) FROM s",
        "SELECT * FROM a, b",
        "SELECT * FROM a CROSS JOIN b",
        "SELECT * FROM a JOIN b USING (x)",
        "SELECT * FROM pg_catalog.pg_class",
        "SELECT * FROM generate_series(1, 3)",
        "SELECT a FROM s UNION ALL SELECT b FROM t",
        "WITH x AS (SELECT 1) SELECT * FROM x",
        "VALUES (1, 2)",
        "(SELECT 1)",
        "SELECT a FROM s GROUP BY ROLLUP (a)",
        "SELECT a FROM s LIMIT 1 OFFSET 2",
        "SELECT * FROM (SELECT a FROM s) AS x EMIT CHANGES",
        "SELECT a = b FROM s GROUP BY a = b",
    ] {
        assert!(matches!(body(text), SelectBody::General(_)), "{text}");
    }
}

#[test]
fn general_queries_can_be_pushed_too() {
    let parsed = parse_one("SELECT DISTINCT a FROM s EMIT CHANGES LIMIT 5").expect("a query");
    let Statement::Query(query) = parsed.statement else {
        panic!("a query");
    };
    assert_eq!((query.emit, query.limit), (Some(Emit::Changes), Some(5)));
}

#[test]
fn general_queries_keep_our_expressions() {
    check(&[
        (
            "select distinct a->b, transform(x, y => y + 1) from s order by 1",
            "SELECT DISTINCT a->b, transform(x, y => y + 1) FROM s ORDER BY 1",
        ),
        (
            "SELECT relname FROM pg_catalog.pg_class c WHERE relname OPERATOR(pg_catalog.~) '^(x)$' COLLATE pg_catalog.default AND oid::regclass = any (array(select 1))",
            "SELECT relname FROM pg_catalog.pg_class c WHERE relname OPERATOR(pg_catalog.~) '^(x)$' COLLATE pg_catalog.default AND oid::REGCLASS = ANY(array(SELECT 1))",
        ),
    ]);
}

#[test]
fn a_persistent_query_is_held_to_ksqldbs_grammar_where_that_has_a_say() {
    for text in [
        "CREATE TABLE t AS SELECT COUNT(*) FROM s GROUP BY a AND b",
        "CREATE TABLE t AS SELECT COUNT(*) FROM s GROUP BY a, (b, c)",
    ] {
        assert!(parse(text).is_err(), "{text}");
    }
    parse("CREATE TABLE t AS SELECT DISTINCT a FROM s").expect("beyond ksqlDB's grammar");
    parse("CREATE TABLE t AS SELECT a FROM s UNION ALL SELECT b FROM t").expect("likewise");
}

#[test]
fn sources_types_and_functions_are_changed_and_dropped() {
    check(&[
        ("drop stream if exists s delete topic", "DROP STREAM IF EXISTS S DELETE TOPIC"),
        ("DROP TABLE t;", "DROP TABLE T"),
        (
            "ALTER TABLE t ADD COLUMN a INT, ADD b ARRAY<STRING>",
            "ALTER TABLE T ADD COLUMN A INTEGER, ADD COLUMN B ARRAY<STRING>",
        ),
        (
            "CREATE TYPE IF NOT EXISTS address AS STRUCT<street STRING, city other>",
            "CREATE TYPE IF NOT EXISTS ADDRESS AS STRUCT<`STREET` STRING, `CITY` OTHER>",
        ),
        ("DROP TYPE IF EXISTS address", "DROP TYPE IF EXISTS ADDRESS"),
        (
            "create function twice(x int) returns int as 'x * 2'",
            "CREATE FUNCTION TWICE(X INTEGER) RETURNS INTEGER AS 'x * 2'",
        ),
        (
            "CREATE OR REPLACE FUNCTION f() RETURNS STRING LANGUAGE SQL AS $$ 'it' || 's' $$",
            "CREATE OR REPLACE FUNCTION F() RETURNS STRING AS ' ''it'' || ''s'' '",
        ),
        ("DROP FUNCTION twice", "DROP FUNCTION TWICE"),
    ]);
}

#[test]
fn what_runs_is_listed_described_and_controlled() {
    check(&[
        ("list streams", "SHOW STREAMS"),
        ("SHOW ALL TOPICS EXTENDED", "SHOW ALL TOPICS EXTENDED"),
        ("SHOW QUERIES EXTENDED;", "SHOW QUERIES EXTENDED"),
        ("LIST FUNCTIONS", "SHOW FUNCTIONS"),
        ("SHOW search_path", "SHOW 'search_path'"),
        ("SHOW TRANSACTION ISOLATION LEVEL", "SHOW 'transaction_isolation'"),
        ("SHOW ALL", "SHOW ALL"),
        ("DESCRIBE orders EXTENDED", "DESCRIBE ORDERS EXTENDED"),
        ("DESCRIBE STREAMS", "DESCRIBE STREAMS"),
        ("describe function count", "DESCRIBE FUNCTION COUNT"),
        ("EXPLAIN CSAS_A_1", "EXPLAIN CSAS_A_1"),
        ("EXPLAIN SELECT * FROM s EMIT CHANGES", "EXPLAIN SELECT * FROM S EMIT CHANGES"),
        ("EXPLAIN (ANALYZE, COSTS off) SELECT 1", "EXPLAIN ANALYZE SELECT 1"),
        ("TERMINATE `q-1`", "TERMINATE `q-1`"),
        ("TERMINATE ALL", "TERMINATE ALL"),
        ("PAUSE q", "PAUSE Q"),
        ("RESUME ALL", "RESUME ALL"),
        (
            "PRINT Orders FROM BEGINNING INTERVAL 5 LIMIT 10",
            "PRINT 'Orders' FROM BEGINNING INTERVAL 5 LIMIT 10",
        ),
        (
            "ASSERT NOT EXISTS TOPIC foo WITH (partitions=2) TIMEOUT 5 SECONDS",
            "ASSERT NOT EXISTS TOPIC 'foo' WITH (PARTITIONS=2) TIMEOUT 5 SECONDS",
        ),
        (
            "ASSERT SCHEMA SUBJECT 'foo-value' ID 3 TIMEOUT 1 MINUTE",
            "ASSERT SCHEMA SUBJECT 'foo-value' ID 3 TIMEOUT 1 MINUTES",
        ),
        ("RUN SCRIPT 'a.sql'", "RUN SCRIPT 'a.sql'"),
        ("DEFINE x = 'y'", "DEFINE X = 'y'"),
        ("UNDEFINE x", "UNDEFINE X"),
    ]);
}

#[test]
fn settings_are_written_in_two_dialects() {
    check(&[
        ("SET 'auto.offset.reset' = 'earliest'", "SET 'auto.offset.reset' = 'earliest'"),
        ("SET search_path TO a, \"b\"", "SET \"search_path\" = 'a', 'b'"),
        ("SET SESSION statement_timeout = 100", "SET \"statement_timeout\" = 100"),
        ("SET LOCAL TimeZone = DEFAULT", "SET LOCAL \"TimeZone\" = DEFAULT"),
        ("SET TIME ZONE 'UTC'", "SET \"TimeZone\" = 'UTC'"),
        ("SET NAMES 'UTF8'", "SET \"client_encoding\" = 'UTF8'"),
        ("SET SESSION AUTHORIZATION DEFAULT", "SET \"session_authorization\" = DEFAULT"),
        ("SET ROLE none", "SET \"role\" = 'none'"),
        (
            "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED",
            "SET \"transaction_characteristics\" = 'ISOLATION LEVEL READ COMMITTED'",
        ),
        ("ALTER SYSTEM 'a.b' = 'c'", "ALTER SYSTEM 'a.b' = 'c'"),
        ("UNSET 'auto.offset.reset'", "UNSET 'auto.offset.reset'"),
        ("RESET extra_float_digits", "UNSET 'extra_float_digits'"),
        ("RESET SESSION AUTHORIZATION", "UNSET 'session_authorization'"),
        ("RESET ALL", "RESET ALL"),
    ]);
}

#[test]
fn postgres_sessions_have_transactions_cursors_and_copies() {
    check(&[
        ("BEGIN READ WRITE, ISOLATION LEVEL SERIALIZABLE", "BEGIN"),
        ("START TRANSACTION", "BEGIN"),
        ("END", "COMMIT"),
        ("ABORT WORK", "ROLLBACK"),
        ("ROLLBACK TO SAVEPOINT a", "ROLLBACK TO SAVEPOINT A"),
        (
            "DECLARE c NO SCROLL CURSOR WITH HOLD FOR SELECT * FROM s EMIT CHANGES",
            "DECLARE C NO SCROLL CURSOR WITH HOLD FOR SELECT * FROM S EMIT CHANGES",
        ),
        ("FETCH c", "FETCH 1 FROM C"),
        ("FETCH FORWARD 10 FROM c", "FETCH 10 FROM C"),
        ("FETCH ALL IN c WITH (TIMEOUT = '1s')", "FETCH ALL FROM C WITH (TIMEOUT = '1000ms')"),
        ("FETCH -3 c", "FETCH -3 FROM C"),
        ("MOVE ABSOLUTE 5 c", "MOVE ABSOLUTE 5 FROM C"),
        ("CLOSE ALL", "CLOSE ALL"),
        (
            "COPY (SELECT * FROM s EMIT CHANGES) TO STDOUT WITH (FORMAT csv, HEADER)",
            "COPY (SELECT * FROM S EMIT CHANGES) TO STDOUT WITH (FORMAT 'csv', HEADER)",
        ),
        ("COPY t TO STDOUT WITH (FORMAT csv, NULL '-')", "COPY T TO STDOUT WITH (FORMAT 'csv', NULL '-')"),
        ("COPY t (a, b) TO STDOUT CSV HEADER", "COPY T (A, B) TO STDOUT WITH (FORMAT 'csv', HEADER TRUE)"),
        ("PREPARE p (INT, TEXT) AS SELECT $1, $2", "PREPARE P (INTEGER, STRING) AS SELECT $1, $2"),
        ("EXECUTE p (1, 'a')", "EXECUTE P (1, 'a')"),
        ("DEALLOCATE PREPARE ALL", "DEALLOCATE ALL"),
        ("DISCARD ALL", "DISCARD ALL"),
        ("UNLISTEN *", "UNLISTEN *"),
    ]);
}

#[test]
fn every_statement_of_a_text_knows_its_own_text_and_place() {
    let statements = parse("LIST STREAMS;\n  -- next\n  SELECT a\n  FROM s ;;").expect("two statements");
    let texts: Vec<_> = statements.iter().map(|Parsed { text, .. }| text.as_str()).collect();
    assert_eq!(texts, ["LIST STREAMS", "SELECT a\n  FROM s"]);
    let span = statements[1].span;
    assert_eq!((span.start.line, span.start.column), (3, 3));
    assert_eq!((span.end.line, span.end.column), (4, 9));
}

#[test]
fn positions_inside_of_a_statement_count_from_the_beginning_of_the_text() {
    let statements = parse("LIST STREAMS; SELECT\n a->b FROM s").expect("two statements");
    let Statement::Query(query) = &statements[1].statement else {
        panic!("a query");
    };
    let SelectBody::Ksql(select) = &query.body else {
        panic!("a ksqlDB query");
    };
    let span = select.projection[0].span();
    assert_eq!((span.start.line, span.start.column), (2, 2));
    assert_eq!((span.end.line, span.end.column), (2, 6));
}

#[test]
fn extended_may_stand_before_the_name_that_is_described() {
    check(&[
        ("DESCRIBE EXTENDED s", "DESCRIBE S EXTENDED"),
        ("DESCRIBE extended", "DESCRIBE EXTENDED"),
        ("DESCRIBE connector", "DESCRIBE CONNECTOR"),
    ]);
}

#[test]
fn words_that_only_postgres_reserves_name_columns() {
    for text in [
        "CREATE STREAM s (order INT KEY, using INT, cross STRUCT<union INT, natural INT>, except INT)",
        "SELECT order, using, s.intersect, cross->union FROM s WHERE order > 5 AND using IS NULL",
        "SELECT MAX(order) AS order FROM s GROUP BY order EMIT CHANGES",
        "SELECT order FROM s ORDER BY order",
        "SELECT a FROM s UNION SELECT order FROM t",
        "SELECT a FROM s CROSS JOIN t",
        "SELECT a FROM s JOIN t USING (a)",
        "INSERT INTO s (order, union) VALUES (1, 2)",
        "ALTER STREAM s ADD COLUMN order INT",
        "SELECT trim, TRIM(name) FROM s",
    ] {
        parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    }
    parse("SELECT a FROM s ORDER").expect_err("begins a clause");
}
