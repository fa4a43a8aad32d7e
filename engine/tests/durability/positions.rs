//! Where queries go on in topics that are idle, grow, or are deleted and made again.

use futures::StreamExt;
use tidemill_engine::engine::Storage;
use tidemill_engine::{ErrorKind, Response};

use crate::held_store::HeldStore;
use crate::lives::Lives;

const LATEST: &[(&str, &str)] = &[("auto.offset.reset", "latest")];
const PASSED: &str = "CREATE STREAM passed WITH (QUERY_ID = 'q') AS SELECT k, n FROM events";

fn declare_events(lives: &Lives, partitions: u32) {
    lives.sql(&format!(
        "CREATE STREAM events (k STRING KEY, n BIGINT) \
         WITH (KAFKA_TOPIC = 'events', VALUE_FORMAT = 'JSON', PARTITIONS = {partitions})"
    ));
}

fn produce(lives: &Lives, partition: u32, key: &str, n: i64) {
    lives.produce_to("events", partition, &[(key, &format!(r#"{{"N": {n}}}"#), 1_000 + n)]);
}

#[test]
fn the_latest_record_is_that_of_the_moment_the_query_was_made() {
    let lives = Lives::begin();
    declare_events(&lives, 2);
    produce(&lives, 0, "before", 0);
    lives.sql_with(LATEST, PASSED);
    produce(&lives, 0, "a", 1);
    lives.await_rows("SELECT k FROM passed", &["a"]);
    lives.sql("PAUSE q");
    produce(&lives, 1, "b", 2);
    lives.sql("RESUME q");
    lives.await_rows("SELECT k FROM passed", &["a", "b"]);
}

#[test]
fn a_query_that_was_acknowledged_keeps_its_beginning_across_a_power_cut() {
    let store = HeldStore::new();
    let storage = store.storage();
    let lives = Lives::begin_on(storage.clone());
    declare_events(&lives, 1);
    produce(&lives, 0, "before", 0);
    lives.sql_with(LATEST, PASSED);
    // The record is acknowledged after CREATE, and the next process finds both.
    let survived = store.after_a_power_cut();
    produce(&lives, 0, "a", 1);
    lives.await_rows("SELECT k FROM passed", &["a"]);
    drop(lives);
    let events = storage.log.clone();
    let next = Lives::begin_on(Storage { log: events, store: survived });
    next.await_rows("SELECT k FROM passed", &["a", "a"]);
}

#[test]
fn a_partition_that_is_added_is_read_while_the_query_runs() {
    let lives = Lives::begin();
    declare_events(&lives, 1);
    lives.sql_with(LATEST, PASSED);
    produce(&lives, 0, "a", 1);
    lives.await_rows("SELECT k FROM passed", &["a"]);
    lives.grow_topic("events", 3).unwrap();
    produce(&lives, 2, "b", 2);
    lives.await_rows("SELECT k FROM passed", &["a", "b"]);
    produce(&lives, 0, "c", 3);
    lives.await_rows("SELECT k FROM passed", &["a", "b", "c"]);
}

#[test]
fn a_push_query_reads_an_added_partition_too() {
    let lives = Lives::begin();
    declare_events(&lives, 1);
    let Response::Rows(mut rows) = lives.sql("SELECT n FROM events EMIT CHANGES") else { panic!("no rows") };
    lives.grow_topic("events", 2).unwrap();
    produce(&lives, 1, "a", 7);
    let batch = lives.block_on(rows.stream.next()).unwrap().unwrap();
    assert_eq!(batch.num_rows(), 1);
}

#[test]
fn the_topic_of_a_table_keeps_its_partitions() {
    let lives = Lives::begin();
    lives.sql(
        "CREATE TABLE users (id STRING PRIMARY KEY, name STRING) \
         WITH (KAFKA_TOPIC = 'users', VALUE_FORMAT = 'JSON', PARTITIONS = 1)",
    );
    let error = lives.grow_topic("users", 2).unwrap_err();
    assert_eq!(error.kind, ErrorKind::InUse);
    assert!(error.message.contains("table USERS"), "{error}");
}

#[test]
fn a_topic_that_was_made_again_is_read_from_its_beginning() {
    let lives = Lives::begin();
    declare_events(&lives, 1);
    lives.sql(PASSED);
    for n in 0..10 {
        produce(&lives, 0, "old", n);
    }
    lives.eventually("all are read", |lives| (lives.rows("SELECT k FROM passed").len() == 10).then_some(()));
    lives.delete_topic("events");
    lives.eventually("the query fails", |lives| lives.status("Q")?.starts_with("FAILED").then_some(()));
    lives.create_topic("events", 1);
    produce(&lives, 0, "new", 1);
    lives.sql("RESUME q");
    lives.await_rows("SELECT k FROM passed WHERE k = 'new'", &["new"]);
}

#[test]
fn a_push_query_tells_that_its_topic_is_gone() {
    let lives = Lives::begin();
    declare_events(&lives, 1);
    let Response::Rows(mut rows) = lives.sql("SELECT n FROM events EMIT CHANGES") else { panic!("no rows") };
    lives.delete_topic("events");
    let error = lives.block_on(rows.stream.next()).unwrap().unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound, "{error}");
}

#[test]
fn a_query_whose_topic_is_deleted_tells_which_and_goes_on_with_a_new_one() {
    for deleted in ["events", "PASSED"] {
        let lives = Lives::begin();
        declare_events(&lives, 1);
        lives.sql(PASSED);
        produce(&lives, 0, "a", 1);
        lives.await_rows("SELECT k FROM passed", &["a"]);
        lives.delete_topic(deleted);
        let status = lives.eventually("the query fails", |lives| {
            lives.status("Q").filter(|status| status.starts_with("FAILED"))
        });
        let reason = format!("FAILED: topic '{deleted}' was deleted while the query ran");
        assert!(status.starts_with(&reason), "{status}");
        assert!(lives.try_sql("RESUME q").is_err(), "there is no topic '{deleted}' yet");
        lives.create_topic(deleted, 1);
        lives.sql("RESUME q");
        produce(&lives, 0, "b", 2);
        let expected: &[&str] = if deleted == "events" { &["a", "b"] } else { &["b"] };
        lives.await_rows("SELECT k FROM passed", expected);
    }
}
