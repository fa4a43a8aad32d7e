//! What goes by itself: windows whose time is over, and everything of a table that is dropped.

use tidemill_engine::state_keys;

use crate::lives::{Lives, SHARDS};

const MINUTE_MS: i64 = 60_000;

fn with_events() -> Lives {
    let lives = Lives::begin();
    lives.sql("CREATE STREAM events (k STRING KEY, n BIGINT) WITH (KAFKA_TOPIC = 'events', VALUE_FORMAT = 'JSON', PARTITIONS = 1)");
    lives
}

fn produce(lives: &Lives, key: &str, time_ms: i64) {
    lives.produce("events", &[(key, r#"{"N": 1}"#, time_ms)]);
}

#[test]
fn rows_of_windows_go_when_event_time_has_passed_them_by_the_retention() {
    let mut lives = with_events();
    lives.sql(
        "CREATE TABLE counts AS SELECT k, COUNT(*) AS n FROM events \
         WINDOW TUMBLING (SIZE 1 MINUTE, RETENTION 4 MINUTES, GRACE PERIOD 0 SECONDS) GROUP BY k",
    );
    let rows = "SELECT k, windowstart, n FROM counts";
    for minute in 0..3 {
        produce(&lives, "a", minute * MINUTE_MS);
    }
    lives.await_rows(rows, &["a|0|1", "a|120000|1", "a|60000|1"]);
    lives.restart();
    produce(&lives, "a", 6 * MINUTE_MS);
    lives.await_rows(rows, &["a|120000|1", "a|360000|1"]);
    // Closed windows have no state: what is left is the open one, and the progress of every shard.
    let state = lives.entries(state_keys::query_state(1));
    assert_eq!(state, 1 + SHARDS, "entries of state");
}

#[test]
fn a_session_is_kept_from_its_end_on() {
    let lives = with_events();
    lives.sql(
        "CREATE TABLE counts AS SELECT k, COUNT(*) AS n FROM events \
         WINDOW SESSION (1 MINUTE, RETENTION 4 MINUTES, GRACE PERIOD 0 SECONDS) GROUP BY k",
    );
    let rows = "SELECT k, windowstart, windowend, n FROM counts";
    produce(&lives, "a", 0);
    produce(&lives, "a", MINUTE_MS);
    lives.await_rows(rows, &["a|0|60000|2"]);
    produce(&lives, "a", 5 * MINUTE_MS);
    lives.await_rows(rows, &["a|0|60000|2", "a|300000|300000|1"]);
    produce(&lives, "a", 6 * MINUTE_MS);
    lives.await_rows(rows, &["a|300000|360000|2"]);
}

#[test]
fn a_dropped_table_leaves_neither_rows_nor_state_nor_positions() {
    let lives = with_events();
    lives.sql("CREATE TABLE counts AS SELECT k, COUNT(*) AS n FROM events GROUP BY k");
    produce(&lives, "a", 0);
    lives.await_rows("SELECT k, n FROM counts", &["a|1"]);
    let kept = [
        state_keys::prefix_range(&state_keys::table_rows(1)),
        state_keys::query_state(1),
        state_keys::input_offsets(1),
        state_keys::ledgers(1),
    ];
    for range in &kept {
        assert_ne!(lives.entries(range.clone()), 0);
    }
    lives.sql("DROP TABLE counts DELETE TOPIC");
    for range in &kept {
        assert_eq!(lives.entries(range.clone()), 0);
    }
}
