//! Statements that cannot be as they are leave everything as it was, and say what to do instead.

use tidemill_engine::{Error, ErrorKind, Response};

use crate::lives::Lives;

const EVENTS: &str = "CREATE STREAM events (k STRING KEY, n BIGINT) \
     WITH (KAFKA_TOPIC = 'events', VALUE_FORMAT = 'JSON', PARTITIONS = 1)";

fn with_events() -> Lives {
    let lives = Lives::begin();
    lives.sql(EVENTS);
    lives
}

fn refused(lives: &Lives, statement: &str) -> Error {
    lives.try_sql(statement).expect_err(statement)
}

fn hint(error: &Error) -> &str {
    error.hint.as_deref().unwrap_or_default()
}

#[test]
fn a_query_over_a_topic_that_is_gone_is_not_made() {
    let lives = with_events();
    lives.delete_topic("events");
    let error = refused(&lives, "CREATE STREAM passed AS SELECT k, n FROM events");
    assert_eq!(error.kind, ErrorKind::NotFound, "{error}");
    assert!(!lives.has_topic("PASSED"));
    lives.create_topic("events", 1);
    lives.sql("CREATE STREAM passed AS SELECT k, n FROM events");
}

#[test]
fn a_topic_that_was_made_for_a_statement_goes_with_it() {
    let lives = with_events();
    lives.sql("CREATE STREAM one WITH (QUERY_ID = 'mine') AS SELECT k, n FROM events");
    let error = refused(&lives, "CREATE STREAM two WITH (QUERY_ID = 'mine') AS SELECT k, n FROM events");
    assert_eq!((error.kind, hint(&error)), (ErrorKind::AlreadyExists, "give another QUERY_ID"));
    assert!(!lives.has_topic("TWO"));
}

#[test]
fn a_stream_that_a_query_fills_is_not_declared_anew() {
    let lives = with_events();
    lives.sql("CREATE STREAM passed AS SELECT k, n FROM events");
    let anew = "CREATE OR REPLACE STREAM passed (k STRING KEY, n BIGINT, m BIGINT) \
         WITH (KAFKA_TOPIC = 'PASSED', VALUE_FORMAT = 'JSON')";
    let error = refused(&lives, anew);
    assert_eq!(error.kind, ErrorKind::InUse);
    assert_eq!(error.message, "Cannot replace 'PASSED': queries [CSAS_PASSED_1] write into it");
    lives.produce("events", &[("a", r#"{"N": 1}"#, 1)]);
    lives.await_rows("SELECT k, n FROM passed", &["a|1"]);
    lives.sql("TERMINATE csas_passed_1");
    lives.sql(anew);
}

#[test]
fn what_a_statement_says_about_a_topic_holds_or_is_refused() {
    let lives = with_events();
    let over = |with: &str| {
        let name = "CREATE STREAM other (k STRING KEY, n BIGINT) WITH (VALUE_FORMAT = 'JSON'";
        format!("{name}, {with})")
    };
    for (with, kind) in [
        ("KAFKA_TOPIC = 'events', PARTITIONS = 2", ErrorKind::Invalid),
        ("KAFKA_TOPIC = 'events', RETENTION_MS = 1000", ErrorKind::Invalid),
        ("KAFKA_TOPIC = 'events', CLEANUP_POLICY = 'compact'", ErrorKind::Invalid),
        ("KAFKA_TOPIC = 'new', PARTITIONS = 1, REPLICAS = 3", ErrorKind::Invalid),
        ("KAFKA_TOPIC = 'new', PARTITIONS = 1, CLEANUP_POLICY = 'shrink'", ErrorKind::Invalid),
        ("KAFKA_TOPIC = 'new', PARTITIONS = 1, QUERY_ID = 'q'", ErrorKind::Invalid),
    ] {
        let error = refused(&lives, &over(with));
        assert_eq!(error.kind, kind, "{with}: {error}");
        assert!(error.hint.is_some(), "{with}: {error}");
    }
    assert!(!lives.has_topic("new"));
    let select = "AS SELECT k, n FROM events";
    lives.sql(
        "CREATE STREAM taken (k STRING KEY, n BIGINT) \
         WITH (KAFKA_TOPIC = 'taken', VALUE_FORMAT = 'JSON', PARTITIONS = 1)",
    );
    let error =
        refused(&lives, &format!("CREATE STREAM p WITH (KAFKA_TOPIC = 'taken', PARTITIONS = 3) {select}"));
    assert_eq!(error.message, "topic 'taken' exists with PARTITIONS 1; the statement says 3");
    refused(&lives, &format!("INSERT INTO taken WITH (PARTITIONS = 2) {}", &select[3..]));
    lives.sql(&over("KAFKA_TOPIC = 'compacted', PARTITIONS = 1, REPLICAS = 1, CLEANUP_POLICY = 'compact'"));
    let settings = lives.topic_settings("compacted");
    assert!(settings.compact);
    assert_eq!(settings.retention_ms, None, "age takes no row of a compacted topic");
}

#[test]
fn a_query_has_the_id_its_statement_gives() {
    let lives = with_events();
    let Response::Done { message, .. } =
        lives.sql("CREATE STREAM passed WITH (QUERY_ID = 'my_query') AS SELECT k, n FROM events")
    else {
        panic!("no answer")
    };
    assert_eq!(message.as_deref(), Some("Created query with ID MY_QUERY"));
    lives.sql("CREATE STREAM other (k STRING KEY, n BIGINT) WITH (KAFKA_TOPIC = 'o', VALUE_FORMAT = 'JSON', PARTITIONS = 1)");
    lives.sql("INSERT INTO other WITH (QUERY_ID = 'feed') SELECT k, n FROM events");
    lives.sql("PAUSE feed");
    assert_eq!(lives.status("FEED").as_deref(), Some("PAUSED"));
}

#[test]
fn a_type_that_a_query_names_is_not_dropped() {
    let lives = with_events();
    lives.sql("CREATE TYPE money AS DECIMAL(10, 2)");
    lives.sql("CREATE TYPE unused AS STRING");
    lives.sql("CREATE STREAM priced AS SELECT k, CAST(n AS money) AS price FROM events");
    let error = refused(&lives, "DROP TYPE money");
    assert_eq!(error.message, "Cannot drop type 'MONEY': queries [CSAS_PRICED_1] use it");
    lives.sql("DROP TYPE unused");
    lives.sql("DROP STREAM priced");
    lives.sql("DROP TYPE money");
}

#[test]
fn what_does_not_exist_is_answered_with_what_does() {
    let lives = with_events();
    lives.sql("CREATE STREAM passed AS SELECT k, n FROM events");
    for (statement, suggestion) in [
        ("TERMINATE csas_pased_1", "did you mean 'CSAS_PASSED_1'?"),
        ("EXPLAIN csas_passed_2", "did you mean 'CSAS_PASSED_1'?"),
        ("PRINT 'event'", "did you mean 'events'?"),
        ("DESCRIBE FUNCTION conut", "did you mean 'COUNT'?"),
    ] {
        assert_eq!(hint(&refused(&lives, statement)), suggestion, "{statement}");
    }
}

#[test]
fn a_query_that_runs_has_nothing_to_resume() {
    let lives = with_events();
    lives.sql("CREATE STREAM passed AS SELECT k, n FROM events");
    lives.sql("RESUME ALL");
    assert_eq!(lives.status("CSAS_PASSED_1").as_deref(), Some("RUNNING"));
}

#[test]
fn resume_starts_the_others_where_one_cannot() {
    let lives = with_events();
    lives.sql("CREATE STREAM lost (k STRING KEY, n BIGINT) WITH (KAFKA_TOPIC = 'lost', VALUE_FORMAT = 'JSON', PARTITIONS = 1)");
    lives.sql("CREATE STREAM a WITH (QUERY_ID = 'a') AS SELECT k, n FROM lost");
    lives.sql("CREATE STREAM b WITH (QUERY_ID = 'b') AS SELECT k, n FROM events");
    lives.sql("PAUSE ALL");
    lives.delete_topic("lost");
    let error = refused(&lives, "RESUME ALL");
    assert_eq!(error.message, "query A cannot start: topic 'lost' does not exist");
    assert_eq!(lives.status("A").as_deref(), Some("PAUSED: topic 'lost' does not exist"));
    assert_eq!(lives.status("B").as_deref(), Some("RUNNING"));
}
