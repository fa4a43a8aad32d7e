//! CREATE OR REPLACE of a query: its state and its place in the input stay, or the statement is refused.

use tidemill_engine::ErrorKind;

use crate::lives::Lives;

fn with_events() -> Lives {
    let lives = Lives::begin();
    lives.sql("CREATE STREAM events (k STRING KEY, n BIGINT, m BIGINT) WITH (KAFKA_TOPIC = 'events', VALUE_FORMAT = 'JSON', PARTITIONS = 1)");
    lives
}

fn produce(lives: &Lives, events: &[(&str, i64)]) {
    for (key, n) in events {
        lives.produce("events", &[(key, &format!(r#"{{"N": {n}, "M": 1}}"#), 1_000 + n)]);
    }
}

#[test]
fn another_filter_and_another_column_hold_from_where_the_query_was() {
    let mut lives = with_events();
    lives.sql("CREATE STREAM passed AS SELECT k, n FROM events WHERE n > 0");
    produce(&lives, &[("a", 1), ("b", -1)]);
    lives.await_rows("SELECT k, n FROM passed", &["a|1"]);
    lives.sql("CREATE OR REPLACE STREAM passed AS SELECT k, n, n * 10 AS ten FROM events WHERE n < 0");
    produce(&lives, &[("c", 2), ("d", -2)]);
    lives.await_rows("SELECT k, n, ten FROM passed", &["a|1|_", "d|-2|-20"]);
    lives.restart();
    produce(&lives, &[("e", -3), ("f", 3)]);
    lives.await_rows("SELECT k, n, ten FROM passed", &["a|1|_", "d|-2|-20", "e|-3|-30"]);
    let labels = "query=\"CSAS_PASSED_1\",source=\"EVENTS\"";
    assert_eq!(lives.metric("tidemill_query_records_in_total", labels), Some(6), "none was read twice");
}

#[test]
fn an_aggregate_goes_on_counting_behind_another_filter() {
    let mut lives = with_events();
    lives.sql("CREATE TABLE sums AS SELECT k, SUM(n) AS total FROM events GROUP BY k");
    produce(&lives, &[("a", 1), ("b", 2)]);
    lives.await_rows("SELECT k, total FROM sums", &["a|1", "b|2"]);
    lives.sql("CREATE OR REPLACE TABLE sums AS SELECT k, SUM(n) AS total FROM events WHERE n < 100 AND m = 1 GROUP BY k");
    produce(&lives, &[("a", 10), ("b", 100)]);
    lives.await_rows("SELECT k, total FROM sums", &["a|11", "b|2"]);
    lives.restart();
    produce(&lives, &[("b", 20)]);
    lives.await_rows("SELECT k, total FROM sums", &["a|11", "b|22"]);
}

#[test]
fn a_source_gets_a_column_while_queries_read_it_and_those_made_before_go_on_without() {
    let mut lives = with_events();
    lives.sql("CREATE STREAM everything AS SELECT * FROM events");
    lives.sql("CREATE TABLE sums AS SELECT k, SUM(n) AS total FROM events GROUP BY k");
    produce(&lives, &[("a", 1)]);
    lives.await_rows("SELECT k, total FROM sums", &["a|1"]);
    lives.sql("CREATE OR REPLACE STREAM events (k STRING KEY, n BIGINT, m BIGINT, note STRING) WITH (KAFKA_TOPIC = 'events', VALUE_FORMAT = 'JSON')");
    produce(&lives, &[("a", 2)]);
    lives.await_rows("SELECT k, total FROM sums", &["a|3"]);
    lives.restart();
    produce(&lives, &[("a", 3)]);
    lives.await_rows("SELECT k, total FROM sums", &["a|6"]);
    lives.await_rows("SELECT * FROM everything", &["a|1|1", "a|2|1", "a|3|1"]);
    lives.sql("CREATE OR REPLACE STREAM everything AS SELECT * FROM events");
    lives.produce("events", &[("b", r#"{"N": 4, "M": 1, "NOTE": "new"}"#, 2_000)]);
    lives.await_rows("SELECT k, n, note FROM everything", &["a|1|_", "a|2|_", "a|3|_", "b|4|new"]);
}

#[test]
fn a_join_with_a_table_gets_columns_of_its_stream_and_keeps_the_rows_of_the_table() {
    let mut lives = with_events();
    lives.sql("CREATE TABLE names (k STRING PRIMARY KEY, name STRING, note STRING) WITH (KAFKA_TOPIC = 'names', VALUE_FORMAT = 'JSON', PARTITIONS = 1)");
    lives.sql(
        "CREATE STREAM named AS SELECT events.k AS k, n, name FROM events JOIN names ON events.k = names.k",
    );
    lives.produce("names", &[("a", r#"{"NAME": "Ann", "NOTE": "x"}"#, 1)]);
    produce(&lives, &[("a", 1)]);
    lives.await_rows("SELECT k, n, name FROM named", &["a|1|Ann"]);
    lives.sql("CREATE OR REPLACE STREAM named AS SELECT events.k AS k, n, name, m FROM events JOIN names ON events.k = names.k WHERE n > 0");
    produce(&lives, &[("a", 2), ("b", 3)]);
    lives.await_rows("SELECT k, n, name, m FROM named", &["a|1|Ann|_", "a|2|Ann|1"]);
    lives.restart();
    produce(&lives, &[("a", 4)]);
    lives.await_rows("SELECT k, n, name, m FROM named", &["a|1|Ann|_", "a|2|Ann|1", "a|4|Ann|1"]);
    for refused in [
        "CREATE OR REPLACE STREAM named AS SELECT events.k AS k, n, name, m, note FROM events JOIN names ON events.k = names.k",
        "CREATE OR REPLACE STREAM named AS SELECT events.k AS k, n, name, m FROM events LEFT JOIN names ON events.k = names.k",
        "CREATE OR REPLACE STREAM named AS SELECT names.k AS k, n, name, m FROM events JOIN names ON CAST(m AS STRING) = names.k",
    ] {
        let error = lives.try_sql(refused).expect_err(refused);
        assert!(error.message.starts_with("Query is not upgradeable: "), "{refused}: {error}");
    }
}

#[test]
fn what_the_state_is_made_of_cannot_change_and_the_query_goes_on() {
    let lives = with_events();
    lives.sql("CREATE TABLE sums AS SELECT k, SUM(n) AS total FROM events GROUP BY k");
    produce(&lives, &[("a", 1)]);
    for refused in [
        "CREATE OR REPLACE TABLE sums AS SELECT k, SUM(m) AS total FROM events GROUP BY k",
        "CREATE OR REPLACE TABLE sums AS SELECT k, MAX(n) AS total FROM events GROUP BY k",
        "CREATE OR REPLACE TABLE sums AS SELECT k, SUM(n) AS total FROM events WINDOW TUMBLING (SIZE 1 SECOND) GROUP BY k",
        "CREATE OR REPLACE TABLE sums AS SELECT m, SUM(n) AS total FROM events GROUP BY m",
    ] {
        let error = lives.try_sql(refused).expect_err(refused);
        assert_eq!(error.kind, ErrorKind::Unsupported, "{refused}: {error}");
        assert!(error.message.starts_with("Query is not upgradeable: "), "{error}");
        assert!(error.hint.is_some());
    }
    produce(&lives, &[("a", 2)]);
    lives.await_rows("SELECT k, total FROM sums", &["a|3"]);
}

#[test]
fn a_column_that_was_written_cannot_go() {
    let lives = with_events();
    lives.sql("CREATE STREAM passed AS SELECT k, n FROM events");
    let error = lives.try_sql("CREATE OR REPLACE STREAM passed AS SELECT k, m FROM events").unwrap_err();
    assert_eq!(
        error.message,
        "Cannot upgrade data source: DataSource '`PASSED`' has schema = `K` STRING KEY, `N` BIGINT which is not \
         upgradeable to `K` STRING KEY, `M` BIGINT. (The following columns are changed, missing or reordered: \
         [`N` BIGINT])"
    );
    produce(&lives, &[("a", 1)]);
    lives.await_rows("SELECT k, n FROM passed", &["a|1"]);
}

#[test]
fn a_stream_that_another_query_writes_keeps_its_columns() {
    let lives = with_events();
    lives.sql("CREATE STREAM passed AS SELECT k, n FROM events");
    lives.sql("INSERT INTO passed SELECT k, m AS n FROM events");
    let error = lives
        .try_sql("CREATE OR REPLACE STREAM passed AS SELECT k, n, n * 10 AS ten FROM events")
        .unwrap_err();
    assert!(error.to_string().contains("write into it"), "{error}");
}
