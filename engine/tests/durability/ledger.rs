//! `in = out + filtered + late + rejected`, for each query and source, across restarts.

use crate::lives::Lives;

/// In, out, filtered, late, rejected.
type Ledger = [u64; 5];

fn ledger(lives: &Lives, query: &str, source: &str) -> Option<Ledger> {
    let names = ["records_in", "records_out", "filtered", "late", "rejected"];
    let labels = format!("query=\"{query}\",source=\"{source}\"");
    let parts = names.map(|name| lives.metric(&format!("tidemill_query_{name}_total"), &labels));
    parts.iter().all(Option::is_some).then(|| parts.map(Option::unwrap_or_default))
}

fn await_ledger(lives: &Lives, query: &str, source: &str, expected: Ledger) {
    let [records_in, rest @ ..] = expected;
    assert_eq!(records_in, rest.iter().sum::<u64>(), "the ledger adds up");
    let what = format!("the ledger of {query} and {source} is {expected:?}");
    lives.eventually(&what, |lives| {
        let found = ledger(lives, query, source)?;
        assert!(found[0] <= records_in, "{what}, not {found:?}");
        (found[0] == records_in).then(|| assert_eq!(found, expected, "{what}"))
    });
}

/// Two good records of key `a`, one of `b`, one late, one broken, one filtered out by `n > 0`.
const EVENTS: [(&str, &str, i64); 6] = [
    ("a", r#"{"N": 1}"#, 1_000),
    ("b", r#"{"N": 2}"#, 2_000),
    ("a", r#"{"N": "#, 3_000),
    ("a", r#"{"N": 3}"#, 60_000),
    ("a", r#"{"N": 4}"#, 1_500),
    ("a", r#"{"N": -1}"#, 61_000),
];

fn declare(lives: &Lives) {
    lives.sql("CREATE STREAM events (k STRING KEY, n BIGINT) WITH (KAFKA_TOPIC = 'events', VALUE_FORMAT = 'JSON', PARTITIONS = 1)");
    lives.sql("CREATE TABLE names (k STRING PRIMARY KEY, name STRING) WITH (KAFKA_TOPIC = 'names', VALUE_FORMAT = 'JSON', PARTITIONS = 1)");
    lives.sql("CREATE STREAM passed AS SELECT * FROM events WHERE n > 0");
    lives.sql(
        "CREATE TABLE sums AS SELECT k, SUM(n) AS total FROM events WINDOW TUMBLING (SIZE 10 SECONDS, GRACE PERIOD 0 SECONDS) \
         WHERE n > 0 GROUP BY k HAVING SUM(n) > 100",
    );
    lives.sql(
        "CREATE STREAM named AS SELECT events.k AS k, n, name FROM events JOIN names ON events.k = names.k",
    );
}

#[test]
fn every_record_of_every_source_is_accounted_for_across_restarts() {
    let mut lives = Lives::begin();
    declare(&lives);
    lives.sql("INSERT INTO names (k, name) VALUES ('b', 'bob')");
    await_ledger(&lives, "CSAS_NAMED_3", "NAMES", [1, 1, 0, 0, 0]);
    lives.produce("events", &EVENTS);
    await_ledger(&lives, "CSAS_PASSED_1", "EVENTS", [6, 4, 1, 0, 1]);
    // What HAVING takes out are results, not records.
    await_ledger(&lives, "CTAS_SUMS_2", "EVENTS", [6, 3, 1, 1, 1]);
    await_ledger(&lives, "CSAS_NAMED_3", "EVENTS", [6, 1, 4, 0, 1]);
    assert_eq!(lives.metric("tidemill_query_results_dropped_total", "query=\"CTAS_SUMS_2\""), Some(3));

    lives.restart();
    await_ledger(&lives, "CSAS_PASSED_1", "EVENTS", [6, 4, 1, 0, 1]);
    lives.produce("events", &[("b", r#"{"N": 5}"#, 62_000)]);
    await_ledger(&lives, "CSAS_PASSED_1", "EVENTS", [7, 5, 1, 0, 1]);
    await_ledger(&lives, "CTAS_SUMS_2", "EVENTS", [7, 4, 1, 1, 1]);
    await_ledger(&lives, "CSAS_NAMED_3", "EVENTS", [7, 2, 4, 0, 1]);
    await_ledger(&lives, "CSAS_NAMED_3", "NAMES", [1, 1, 0, 0, 0]);
}

#[test]
fn a_paused_query_still_shows_its_ledger() {
    let mut lives = Lives::begin();
    declare(&lives);
    lives.produce("events", &EVENTS);
    await_ledger(&lives, "CSAS_PASSED_1", "EVENTS", [6, 4, 1, 0, 1]);
    lives.sql("PAUSE CSAS_PASSED_1");
    lives.restart();
    await_ledger(&lives, "CSAS_PASSED_1", "EVENTS", [6, 4, 1, 0, 1]);
    let described = lives.rows("DESCRIBE passed EXTENDED");
    let expected = "records of events|6 in = 4 out + 1 filtered + 0 late + 1 rejected";
    assert!(described.iter().any(|row| row == expected), "{described:#?}");
}

#[test]
fn a_change_of_a_table_counts_once_however_many_rows_it_is_made_of() {
    let lives = Lives::begin();
    lives.sql("CREATE TABLE people (id STRING PRIMARY KEY, city STRING, age BIGINT) WITH (KAFKA_TOPIC = 'people', VALUE_FORMAT = 'JSON', PARTITIONS = 1)");
    lives.sql(
        "CREATE TABLE cities AS SELECT city, COUNT(*) AS people FROM people WHERE age >= 18 GROUP BY city",
    );
    let person = |city: &str, age: u32| format!(r#"{{"CITY": "{city}", "AGE": {age}}}"#);
    let records = [
        ("1", person("x", 20)),
        // Moves, turns out to be a minor, is older again, and never mattered.
        ("1", person("y", 20)),
        ("1", person("y", 17)),
        ("1", person("y", 18)),
        ("2", person("y", 3)),
    ];
    for (index, (key, value)) in records.iter().enumerate() {
        lives.produce("people", &[(key, value, index as i64)]);
    }
    await_ledger(&lives, "CTAS_CITIES_1", "PEOPLE", [5, 4, 1, 0, 0]);
    lives.await_rows("SELECT city, people FROM cities", &["x|0", "y|1"]);
}

#[test]
fn the_number_of_rows_goes_on_after_a_restart_as_the_ledger_does() {
    let mut lives = Lives::begin();
    declare(&lives);
    let rows_out = |lives: &Lives| {
        let described = lives.rows("DESCRIBE passed EXTENDED");
        described.iter().find_map(|row| row.strip_prefix("rows out|").map(str::to_owned))
    };
    lives.produce("events", &EVENTS);
    await_ledger(&lives, "CSAS_PASSED_1", "EVENTS", [6, 4, 1, 0, 1]);
    assert_eq!(rows_out(&lives).as_deref(), Some("4"));
    lives.restart();
    assert_eq!(rows_out(&lives).as_deref(), Some("4"));
    lives.produce("events", &[("b", r#"{"N": 5}"#, 62_000)]);
    await_ledger(&lives, "CSAS_PASSED_1", "EVENTS", [7, 5, 1, 0, 1]);
    assert_eq!(rows_out(&lives).as_deref(), Some("5"));
    assert_eq!(lives.metric("tidemill_query_rows_out_total", "query=\"CSAS_PASSED_1\""), Some(5));
    lives.sql("PAUSE CSAS_PASSED_1");
    assert_eq!(rows_out(&lives).as_deref(), Some("5"));
}

/// Bad records of a partition whose rows have to wait for another one, and a query that is paused again
/// and again while it reads both.
#[test]
fn a_record_dropped_while_catching_up_counts_once_however_often_the_query_is_paused() {
    const RECORDS: u64 = 20_000;
    const BAD: u64 = 2_000;
    let lives = Lives::begin();
    lives.sql("CREATE STREAM events (k STRING KEY, n BIGINT) WITH (KAFKA_TOPIC = 'events', VALUE_FORMAT = 'JSON', PARTITIONS = 2)");
    let dense: Vec<_> = (0..RECORDS).map(|n| ("a", r#"{"N": 1}"#, n as i64)).collect();
    lives.produce_to("events", 0, &dense);
    let sparse: Vec<_> = (0..2 * BAD)
        .map(|n| ("b", if n % 2 == 0 { r#"{"N": 1}"# } else { "{" }, (n * RECORDS / (2 * BAD)) as i64))
        .collect();
    lives.produce_to("events", 1, &sparse);
    lives
        .sql("CREATE TABLE sums WITH (QUERY_ID = 'q') AS SELECT n, COUNT(*) AS total FROM events GROUP BY n");
    for _ in 0..20 {
        lives.sql("PAUSE q");
        lives.sql("RESUME q");
    }
    let (records_in, out) = (RECORDS + 2 * BAD, RECORDS + BAD);
    await_ledger(&lives, "Q", "EVENTS", [records_in, out, 0, 0, BAD]);
}

#[test]
fn a_query_over_the_processing_log_does_not_feed_itself() {
    let lives = Lives::begin();
    lives.sql(
        "CREATE STREAM events (k STRING KEY, n BIGINT) \
         WITH (KAFKA_TOPIC = 'events', VALUE_FORMAT = 'JSON', PARTITIONS = 1)",
    );
    lives.sql("CREATE STREAM passed AS SELECT k, n FROM events");
    lives.sql("CREATE STREAM reasons AS SELECT CAST(reason AS INT) AS n FROM processing_log");
    for told in ["1", "2"] {
        lives.produce("events", &[("a", "no JSON", 1)]);
        lives.await_rows("SELECT COUNT(*) FROM reasons", &[told]);
    }
    // What became of the first one was committed before the second was read.
    assert_eq!(lives.rows("SELECT COUNT(*) FROM processing_log"), ["2"]);
}
