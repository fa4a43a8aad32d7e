//! SELECTs as sessions send them, on an engine in memory.

use futures::StreamExt;

use super::language_tests::{all, refused, run, session};
use crate::error::ErrorKind;
use crate::response::Response;
use crate::session::Dialect;

const CARTS: &str = "CREATE STREAM carts (k STRING KEY, n INT, prices ARRAY<INT>, pieces MAP<STRING, INT>) \
                     WITH (KAFKA_TOPIC = 'carts', VALUE_FORMAT = 'JSON', PARTITIONS = 1)";

const BOUGHT: &str = "INSERT INTO carts VALUES ('b', 10, ARRAY[3, 1], MAP('pen' := 2)), \
                      ('a', 100, ARRAY[5], MAP('ink' := 1, 'pen' := 4)), ('a', 1, NULL, NULL)";

#[tokio::test(flavor = "multi_thread")]
async fn lambdas_stand_in_queries_of_all_kinds() {
    let names = "CREATE TABLE names (k STRING PRIMARY KEY, name STRING) \
                 WITH (KAFKA_TOPIC = 'names', VALUE_FORMAT = 'JSON', PARTITIONS = 1)";
    let named = "INSERT INTO names VALUES ('a', 'ann'), ('b', 'bob')";
    for dialect in [Dialect::Postgres, Dialect::Ksql] {
        let mut session = session(dialect);
        all(&mut session, &[CARTS, BOUGHT, names, named]).await;
        for (query, expected) in [
            (
                "SELECT k, TRANSFORM(prices, x => x * 2 + n) FROM carts ORDER BY k, n",
                &["a|∅", "a|[110]", "b|[16, 12]"][..],
            ),
            (
                "SELECT c.k, names.name, REDUCE(c.prices, 0, (s, x) => s + x) AS total FROM carts c \
                 JOIN names ON names.k = c.k WHERE c.prices IS NOT NULL ORDER BY total DESC",
                &["a|ann|5", "b|bob|4"],
            ),
            (
                "SELECT FILTER(prices, p => p > 2) AS dear, COUNT(*) AS times FROM carts \
                 WHERE prices IS NOT NULL GROUP BY FILTER(prices, p => p > 2) ORDER BY dear",
                &["[3]|1", "[5]|1"],
            ),
            ("SELECT CAST(pieces AS MAP<STRING, STRING>)['pen'] || '!' FROM carts WHERE k = 'b'", &["2!"]),
            (
                "SELECT k, SUM(REDUCE(pieces, 0, (s, item, number) => s + number)) FROM carts \
                 GROUP BY k ORDER BY k",
                &["a|5", "b|2"],
            ),
            (
                "SELECT TRANSFORM(TRANSFORM(prices, x => x + 1), y => y * y) FROM carts WHERE k = 'b' ORDER BY n",
                &["[16, 4]"],
            ),
            (
                "WITH one AS (SELECT prices FROM carts) SELECT COUNT(*) FROM one \
                 WHERE REDUCE(prices, 0, (s, x) => s + x) > 4",
                &["1"],
            ),
        ] {
            let rows = run(&mut session, query).await.unwrap_or_else(|error| panic!("{error}: {query}"));
            assert_eq!(rows, expected, "{query}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_compared_is_told_before_any_row_is_read() {
    let mut session = session(Dialect::Postgres);
    let totals = "CREATE TABLE totals AS SELECT k, COUNT(*) AS pieces FROM carts WINDOW TUMBLING (SIZE 1 DAY) \
                  GROUP BY k EMIT CHANGES";
    all(&mut session, &[CARTS, totals]).await;
    for (condition, message, hint) in [
        ("k = 5", "Cannot compare totals.k (STRING) to 5 (INTEGER) with EQUAL.", "'5'"),
        ("k IN ('a', 5)", "Cannot compare totals.k (STRING) to 5 (INTEGER) with EQUAL.", "'5'"),
        ("k > 5", "Cannot compare totals.k (STRING) to 5 (INTEGER) with GREATER_THAN.", "'5'"),
        (
            "k BETWEEN 1 AND 2",
            "Cannot compare totals.k (STRING) to 1 (INTEGER) with GREATER_THAN_OR_EQUAL.",
            "'1'",
        ),
        (
            "pieces = 'many'",
            "Cannot compare totals.pieces (BIGINT) to 'many' (STRING) with EQUAL.",
            "read as BIGINT",
        ),
        ("pieces < true", "Cannot compare totals.pieces (BIGINT) to true (BOOLEAN) with LESS_THAN.", "CAST"),
        (
            "windowstart = true",
            "Cannot compare totals.windowstart (BIGINT) to true (BOOLEAN) with EQUAL.",
            "CAST",
        ),
        ("k = pieces", "Cannot compare totals.k (STRING) to totals.pieces (BIGINT) with EQUAL.", "CAST"),
    ] {
        let error = refused(&mut session, &format!("SELECT * FROM totals WHERE {condition}")).await;
        assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Type, message), "{condition}");
        assert_eq!(error.position.map(|place| (place.line, place.column)), Some((1, 28)), "{condition}");
        assert!(error.hint.is_some_and(|told| told.contains(hint)), "{condition}");
    }
    for condition in ["k = '5'", "pieces = '5'", "windowstart > '2026-01-01'", "k IS NULL", "pieces > 1.5"] {
        let text = format!("SELECT * FROM totals WHERE {condition}");
        run(&mut session, &text).await.unwrap_or_else(|error| panic!("{error}: {text}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_query_reads_and_does_is_explained_in_words_of_sql() {
    let mut session = session(Dialect::Postgres);
    let totals = "CREATE TABLE totals AS SELECT k, COUNT(*) AS pieces FROM carts GROUP BY k EMIT CHANGES";
    all(&mut session, &[CARTS, totals]).await;
    for (query, expected) in [
        (
            "SELECT pieces FROM totals WHERE k = 'a'",
            &[
                "  Project totals.pieces",
                "    Filter totals.k = 'a'",
                "      Read table TOTALS: look-up of 1 key",
            ][..],
        ),
        (
            "SELECT * FROM totals WHERE pieces > 1",
            &["  Filter totals.pieces > 1", "    Read table TOTALS: full scan"],
        ),
        (
            "SELECT k, COUNT(*) FROM carts GROUP BY k HAVING COUNT(*) > 1",
            &[
                "  Project carts.k, count(1)",
                "    Filter count(1) > 1",
                "      Aggregate count(1) by carts.k",
                "        Read stream CARTS: full scan of topic 'carts'",
            ],
        ),
    ] {
        let lines = run(&mut session, &format!("EXPLAIN {query}")).await.expect("is explained");
        assert_eq!(lines[1..], *expected, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_that_are_computed_alike_stand_side_by_side() {
    let mut session = session(Dialect::Postgres);
    let nested = "CREATE STREAM nested (k STRING KEY, n INT, a STRUCT<x INT>, b STRUCT<x INT>) \
                  WITH (KAFKA_TOPIC = 'nested', VALUE_FORMAT = 'JSON', PARTITIONS = 1)";
    let rows = "INSERT INTO nested VALUES ('a', 1, STRUCT(x := 2), STRUCT(x := 3))";
    all(&mut session, &[nested, rows]).await;
    for (query, expected) in [
        ("SELECT n, CAST(n AS STRING), n + 1, n + 1 FROM nested", "1|1|2|2"),
        ("SELECT COUNT(*), COUNT(*) FROM nested", "1|1"),
        ("SELECT a->x, b->x FROM nested", "2|3"),
    ] {
        let rows = run(&mut session, query).await.unwrap_or_else(|error| panic!("{error}: {query}"));
        assert_eq!(rows, [expected], "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_a_query_doubles_again_and_again_is_refused_in_time() {
    let mut session = session(Dialect::Postgres);
    for (first, next) in
        [("'ab'", "v || v"), ("ARRAY[1, 2]", "v || v"), ("ARRAY[1, 2]", "array_concat(v, v)")]
    {
        let text = format!(
            "WITH RECURSIVE doubled(n, v) AS (SELECT 1, {first} UNION ALL SELECT n + 1, {next} FROM doubled \
             WHERE n < 100) SELECT MAX(n) FROM doubled"
        );
        let error = refused(&mut session, &text).await;
        let is_bounded = error.message.contains("would make a value of");
        assert!(is_bounded || error.kind == ErrorKind::LimitExceeded, "{next}: {error}");
    }
    let rows = run(&mut session, "SELECT 'a' || 1 || 'b', 'a' || NULL, ARRAY[1] || ARRAY[2]").await;
    assert_eq!(rows.expect("is usual"), ["a1b|∅|[1, 2]"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_lambda_is_told_where_it_stands() {
    let mut session = session(Dialect::Postgres);
    all(
        &mut session,
        &[CARTS, "CREATE FUNCTION doubled(l ARRAY<INT>) RETURNS ARRAY<INT> AS 'TRANSFORM(l, x => x + x)'"],
    )
    .await;
    let rows = run(&mut session, "SELECT doubled(ARRAY[1, 2]) FROM carts ORDER BY 1").await;
    assert_eq!(rows.expect("is planned"), Vec::<String>::new());
    let error = refused(&mut session, "SELECT TRANSFROM(prices, x => x) FROM carts ORDER BY k").await;
    assert!(error.hint.as_deref().is_some_and(|hint| hint.contains("TRANSFORM")), "{error:?}");
    let error = refused(&mut session, "SELECT TRANSFORM(n, x => x) FROM carts ORDER BY k").await;
    assert!(error.message.starts_with("Function 'transform' does not accept"), "{error}");
    let error = refused(&mut session, "SELECT TRANSFORM(prices, x => nothing) FROM carts ORDER BY k").await;
    assert!(error.message.contains("nothing"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_takes_the_rows_that_ksqldb_takes_where_both_must_do_the_same() {
    let mut session = session(Dialect::Ksql);
    all(
        &mut session,
        &[
            "CREATE STREAM clicks (id STRING KEY, n INT) \
             WITH (KAFKA_TOPIC = 'clicks', VALUE_FORMAT = 'JSON', PARTITIONS = 3)",
            "CREATE TABLE counts AS SELECT id, COUNT(*) AS c FROM clicks GROUP BY id",
            "CREATE TABLE seconds AS SELECT id, COUNT(*) AS c FROM clicks WINDOW TUMBLING (SIZE 1 SECONDS) GROUP BY id",
            "INSERT INTO clicks (ROWTIME, id, n) VALUES (2000, 'a', 1), (1000, 'b', 1), (0, 'c', 1), (1000, 'a', 1), (0, 'd', 1)",
        ],
    )
    .await;
    // Kafka's hash puts 'a' and 'c' into the second of three partitions, 'b' and 'd' into the third.
    session.set("tidemill.ksqldb.limits", "on").expect("a setting");
    let rows = run(&mut session, "SELECT id, c FROM counts LIMIT 3").await.expect("rows");
    assert_eq!(rows, ["a|2", "c|1", "b|1"]);
    let rows = run(&mut session, "SELECT id, WINDOWSTART FROM seconds LIMIT 9").await.expect("rows");
    assert_eq!(rows, ["a|1000", "a|2000", "c|0", "b|1000", "d|0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn conditions_that_ksqldb_cannot_look_up_by_are_refused_within_its_limits() {
    let mut session = session(Dialect::Ksql);
    all(
        &mut session,
        &[
            CARTS,
            "CREATE TABLE totals AS SELECT k, COUNT(*) AS c FROM carts WINDOW TUMBLING (SIZE 1 SECONDS) GROUP BY k",
            "CREATE TABLE plain AS SELECT n, COUNT(*) AS c FROM carts GROUP BY n",
        ],
    )
    .await;
    let beyond = [
        (
            "SELECT * FROM totals WHERE k = 'a' AND WINDOWSTART > 5 AND WINDOWSTART > 6",
            "Duplicate `WINDOWSTART` bounds on: GREATER_THAN",
        ),
        (
            "SELECT * FROM totals WHERE k = 'a' AND 5 > WINDOWEND AND WINDOWEND <= 6",
            "Duplicate `WINDOWEND` bounds on: LESS_THAN",
        ),
        (
            "SELECT * FROM totals WHERE k = 'a' AND WINDOWSTART = 5 AND WINDOWSTART > 4",
            "cannot be combined with other `WINDOWSTART` bounds",
        ),
        (
            "SELECT * FROM totals WHERE k = 'a' AND WINDOWSTART <> 5",
            "Unsupported `WINDOWSTART` bounds: NOT_EQUAL",
        ),
        (
            "SELECT * FROM totals WHERE k = 'a' AND WINDOWSTART = 5.5",
            "Window bounds must resolve to an INT, BIGINT, or STRING",
        ),
        ("SELECT *, c + 1 FROM plain", "only support wildcards"),
    ];
    for (query, _) in beyond {
        run(&mut session, query).await.unwrap_or_else(|error| panic!("{error}: {query}"));
    }
    session.set("tidemill.ksqldb.limits", "on").expect("a setting");
    for (query, told) in beyond {
        let error = refused(&mut session, query).await;
        assert!(error.message.contains(told), "{query}: {error}");
    }
    for query in [
        "SELECT * FROM totals WHERE k = 'a' AND 4 <= WINDOWSTART AND WINDOWSTART < 9 AND WINDOWEND > 2",
        "SELECT * FROM totals WHERE k = 'a' AND WINDOWSTART IN ('2020', 5)",
        "SELECT * FROM totals WHERE c > 5 AND WINDOWSTART > 5 AND WINDOWSTART > 6",
    ] {
        run(&mut session, query).await.unwrap_or_else(|error| panic!("{error}: {query}"));
    }
    let error = refused(&mut session, "SELECT * FROM plain WHERE n = 10.5").await;
    assert!(
        error.message.contains("'10.5' can not be converted to the type of the key column: N INTEGER KEY"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_query_passes_on_has_a_key_and_a_value_where_it_is_asked_for_so() {
    let mut session = session(Dialect::Ksql);
    all(
        &mut session,
        &[
            "CREATE STREAM raw (k INT KEY, n INT) WITH (KAFKA_TOPIC = 'raw', VALUE_FORMAT = 'JSON', PARTITIONS = 1)",
            "CREATE STREAM passed AS SELECT * FROM raw",
        ],
    )
    .await;
    session.set("ksql.query.push.v2.enabled", "true").expect("a setting");
    let query = "SELECT k, n FROM passed EMIT CHANGES LIMIT 1";
    let Response::Rows(mut rows) = session.execute(query, &[]).await.expect("it starts") else {
        panic!("no rows");
    };
    all(&mut session, &["INSERT INTO raw (n) VALUES (1)", "INSERT INTO raw VALUES (7, NULL)"]).await;
    let batch = rows.stream.next().await.expect("a row comes").expect("it is one");
    let shown = arrow::util::pretty::pretty_format_batches(&[batch]).expect("can be shown").to_string();
    assert!(shown.contains("| 7 |"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_is_told_of_records_that_cannot_be_read() {
    let mut session = session(Dialect::Postgres);
    all(
        &mut session,
        &[
            "CREATE STREAM lines (line STRING) WITH (KAFKA_TOPIC = 'mixed', VALUE_FORMAT = 'KAFKA', PARTITIONS = 1)",
            "CREATE STREAM mixed (n INT) WITH (KAFKA_TOPIC = 'mixed', VALUE_FORMAT = 'JSON')",
            "INSERT INTO lines VALUES ('{\"n\": 1}'), ('{\"n\": '), ('{\"n\": 2}'), ('{\"n\": \"many\"}')",
        ],
    )
    .await;
    let Response::Rows(mut rows) = session.execute("SELECT SUM(n) FROM mixed", &[]).await.expect("rows")
    else {
        panic!("no rows");
    };
    while let Some(batch) = rows.stream.next().await {
        batch.expect("is read");
    }
    let told = rows.unreadable.take();
    assert_eq!(told.len(), 1, "{told:?}");
    let first = "left out of MIXED as not readable: 2 records; the first: topic 'mixed', \
                 partition 0, offset 1: ";
    assert!(told[0].starts_with(first), "{told:?}");
    let Response::Rows(mut rows) = session.execute("SELECT line FROM lines", &[]).await.expect("rows") else {
        panic!("no rows");
    };
    while let Some(batch) = rows.stream.next().await {
        batch.expect("is read");
    }
    assert!(rows.unreadable.take().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_looked_up_by_their_keys() {
    let setup = [
        "CREATE STREAM sales (shop STRING KEY, item INT, n INT) \
         WITH (KAFKA_TOPIC = 'sales', FORMAT = 'JSON', PARTITIONS = 2)",
        "CREATE TABLE shops AS SELECT shop, SUM(n) AS total FROM sales GROUP BY shop",
        "CREATE TABLE items AS SELECT shop, item, SUM(n) AS total FROM sales GROUP BY shop, item",
        "INSERT INTO sales VALUES ('a', 1, 10), ('b', 1, 20), ('a', 2, 30), ('c', 1, 40)",
    ];
    for dialect in [Dialect::Postgres, Dialect::Ksql] {
        let mut session = session(dialect);
        all(&mut session, &setup).await;
        for (query, expected) in [
            ("SELECT total FROM shops WHERE shop = 'a'", &["40"][..]),
            ("SELECT shop, total FROM shops WHERE shop IN ('c', 'missing', 'a', 'c')", &["a|40", "c|40"]),
            (
                "SELECT shop FROM shops WHERE (shop = 'a' OR shop = 'b' OR shop = 'c') AND total > 20",
                &["a", "c"],
            ),
            ("SELECT shop FROM shops WHERE shop IN ('a', 'b') AND shop = 'b'", &["b"]),
            ("SELECT total FROM items WHERE shop = 'a' AND item = 2", &["30"]),
            ("SELECT shop, item FROM items WHERE shop IN ('b', 'c') AND item = 1", &["b|1", "c|1"]),
            ("SELECT shop FROM shops WHERE shop IN ('a') OR total = 20", &["a", "b"]),
        ] {
            let mut rows = run(&mut session, query).await.unwrap_or_else(|error| panic!("{error}: {query}"));
            rows.sort_unstable();
            assert_eq!(rows, expected, "{query}");
        }
    }
}
