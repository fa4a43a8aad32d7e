//! Statements that change things come one after the other, each to its end; queries end whole.

use std::pin::pin;

use futures::poll;
use tidemill_engine::ErrorKind;

use crate::held_store::HeldStore;
use crate::lives::Lives;

const EVENTS: &str = "CREATE STREAM events (k STRING KEY, n BIGINT) \
     WITH (KAFKA_TOPIC = 'events', VALUE_FORMAT = 'JSON', PARTITIONS = 1)";
const PASSED: &str = "CREATE STREAM passed WITH (QUERY_ID = 'q') AS SELECT k, n FROM events";

/// A stream and a query over it.
fn with_query() -> (Lives, HeldStore) {
    let store = HeldStore::new();
    let lives = Lives::begin_on(store.storage());
    lives.sql(EVENTS);
    lives.sql(PASSED);
    (lives, store)
}

/// The same with a first result, which has been committed.
fn with_result() -> (Lives, HeldStore) {
    let (lives, store) = with_query();
    lives.produce("events", &[("a", r#"{"N": 1}"#, 1)]);
    lives.await_rows("SELECT k, n FROM passed", &["a|1"]);
    (lives, store)
}

/// The same with a first result, whose commit waits.
fn with_held_commit() -> (Lives, HeldStore) {
    let (lives, store) = with_query();
    store.hold_commits();
    lives.produce("events", &[("a", r#"{"N": 1}"#, 1)]);
    store.await_held_commit();
    (lives, store)
}

#[test]
fn a_resume_waits_for_the_pause_before_it_and_no_record_is_read_twice() {
    let (lives, store) = with_held_commit();
    lives.block_on(async {
        let pause = lives.execute("PAUSE q");
        let resume = lives.execute("RESUME q");
        let release = async {
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            store.release_commits();
        };
        let (paused, resumed, ()) = tokio::join!(pause, resume, release);
        paused.unwrap();
        resumed.unwrap();
    });
    lives.produce("events", &[("b", r#"{"N": 2}"#, 2)]);
    lives.await_rows("SELECT k, n FROM passed WHERE n = 2", &["b|2"]);
    assert_eq!(lives.rows("SELECT k, n FROM passed"), ["a|1", "b|2"]);
}

#[test]
fn a_statement_whose_client_has_gone_is_finished() {
    let (lives, store) = with_held_commit();
    lives.block_on(async {
        let mut drop = pin!(lives.execute("DROP STREAM passed"));
        assert!(poll!(drop.as_mut()).is_pending(), "it waits for the last commit of the query");
    });
    store.release_commits();
    lives.eventually("the stream is gone", |lives| {
        let error = lives.try_sql("DESCRIBE passed").err()?;
        (error.kind == ErrorKind::NotFound).then_some(())
    });
    assert_eq!(lives.status("Q"), None);
}

#[test]
fn a_query_has_not_failed_while_an_epoch_of_it_may_still_happen() {
    let (lives, store) = with_held_commit();
    lives.delete_topic("events");
    for _ in 0..100 {
        assert_eq!(lives.status("Q").as_deref(), Some("RUNNING"));
    }
    store.release_commits();
    lives.eventually("the query fails", |lives| lives.status("Q")?.starts_with("FAILED").then_some(()));
    assert_eq!(lives.rows("SELECT k, n FROM passed"), ["a|1"]);
}

#[test]
fn a_statement_that_fails_leaves_the_query_running() {
    let (lives, store) = with_result();
    store.set_full(true);
    for statement in ["DROP STREAM passed", "TERMINATE q", "TERMINATE ALL"] {
        let error = lives.try_sql(statement).expect_err(statement);
        assert_eq!(error.kind, ErrorKind::DiskFull, "{statement}: {error}");
    }
    store.set_full(false);
    assert_eq!(lives.status("Q").as_deref(), Some("RUNNING"));
    lives.produce("events", &[("b", r#"{"N": 2}"#, 2)]);
    lives.await_rows("SELECT k, n FROM passed", &["a|1", "b|2"]);
}

#[test]
fn a_full_disk_delays_a_query_and_does_not_end_it() {
    let (lives, store) = with_result();
    store.set_full(true);
    lives.produce("events", &[("b", r#"{"N": 2}"#, 2)]);
    let waiting = "RUNNING, waiting: no space left on device";
    lives.eventually("the query waits", |lives| (lives.status("Q")? == waiting).then_some(()));
    lives.produce("events", &[("c", r#"{"N": 3}"#, 3)]);
    store.set_full(false);
    lives.await_rows("SELECT k, n FROM passed", &["a|1", "b|2", "c|3"]);
    assert_eq!(lives.status("Q").as_deref(), Some("RUNNING"));
}

#[test]
fn a_query_that_waits_for_space_can_be_stopped_and_goes_on_later() {
    let (mut lives, store) = with_query();
    store.set_full(true);
    lives.produce("events", &[("a", r#"{"N": 1}"#, 1)]);
    lives.eventually("the query waits", |lives| lives.status("Q")?.starts_with("RUNNING, ").then_some(()));
    lives.shut_down();
    store.set_full(false);
    lives.reopen();
    lives.await_rows("SELECT k, n FROM passed", &["a|1"]);
}

#[test]
fn a_record_that_was_dropped_is_told_when_its_epoch_is_committed() {
    let (lives, store) = with_query();
    store.hold_commits();
    lives.produce("events", &[("a", r#"{"N": 1}"#, 1), ("b", "{", 2)]);
    store.await_held_commit();
    let told = "SELECT record_offset FROM processing_log WHERE query = 'Q'";
    for _ in 0..100 {
        assert!(lives.rows(told).is_empty(), "the epoch may not happen yet");
    }
    store.release_commits();
    lives.await_rows(told, &["1"]);
}
