//! Queries driven by hand on an engine in memory.

use bytes::Bytes;
use futures::TryStreamExt;
use serde_json::json;

use super::*;
use crate::engine::EngineOptions;
use crate::error::ErrorKind;
use crate::formats::RecordPart;
use crate::response::Response;
use crate::session::{Dialect, Session};
use crate::session_harness;

async fn session() -> Session {
    let options = EngineOptions { workers: 1, run_queries: false, ..EngineOptions::default() };
    let engine = Engine::open(options).expect("an engine");
    let mut session = session_harness::session(&engine, Dialect::Ksql);
    for statement in [
        "SET 'cache.max.bytes.buffering' = '0'",
        "CREATE STREAM orders (customer STRING KEY, amount INT)
         WITH (KAFKA_TOPIC = 'orders', VALUE_FORMAT = 'JSON', PARTITIONS = 3)",
        "CREATE TABLE totals AS SELECT customer, SUM(amount) AS total FROM orders GROUP BY customer",
    ] {
        session.execute(statement, &[]).await.expect("a statement of the setup");
    }
    session
}

fn order(customer: &str, amount: i32, timestamp_ms: i64) -> Record {
    let value = json!({ "AMOUNT": amount }).to_string();
    let (key, value) = (Some(Bytes::from(customer.to_owned())), Some(Bytes::from(value)));
    Record { key, value, timestamp_ms, headers: Vec::new() }
}

/// The totals that a record leads to, with their times.
fn totals(engine: &Engine, driver: &mut QueryDriver, record: &Record) -> Vec<(WireValue, i64)> {
    let payloads = engine.payloads(driver.sink()).expect("the table is declared");
    let read = |record: Record| {
        let value = record.value.expect("a total is no tombstone");
        (payloads.wire_to_value(RecordPart::Value, &value).expect("it is JSON"), record.timestamp_ms)
    };
    driver.feed("orders", record).expect("the record is taken").records.into_iter().map(read).collect()
}

fn total(total: i64) -> WireValue {
    WireValue::Record(vec![("TOTAL".to_owned(), WireValue::Integer(total))])
}

#[tokio::test]
async fn each_record_leads_to_its_results_which_stand_in_the_table() {
    let mut session = session().await;
    let engine = session.engine().clone();
    let queries = engine.persistent_queries();
    let [query] = queries.as_slice() else { panic!("one query, not {queries:?}") };
    assert_eq!((query.sink.as_str(), query.sink_topic.as_str()), ("TOTALS", "TOTALS"));
    let mut arrivals = engine.arrivals().expect("topics can be followed");
    let mut driver = engine.driver(&query.id).expect("the query is there");
    assert_eq!(driver.inputs().collect::<Vec<_>>(), ["orders"]);
    assert_eq!(totals(&engine, &mut driver, &order("ann", 5, 10)), [(total(5), 10)]);
    assert_eq!(totals(&engine, &mut driver, &order("bob", 6, 20)), [(total(6), 20)]);
    assert_eq!(totals(&engine, &mut driver, &order("ann", 7, 15)), [(total(12), 15)]);
    let written = arrivals.take().expect("topics can be read");
    assert_eq!(written.iter().map(|(topic, _)| topic.as_str()).collect::<Vec<_>>(), ["TOTALS"; 3]);
    assert!(arrivals.take().expect("topics can be read").is_empty(), "each record is told once");

    let select = "SELECT total FROM totals WHERE customer = 'ann'";
    let Response::Rows(rows) = session.execute(select, &[]).await.expect("a table can be read") else {
        panic!("no rows");
    };
    assert_eq!(schema_text(&rows.schema).expect("types have names"), "`TOTAL` INTEGER");
    let batches: Vec<_> = rows.stream.try_collect().await.expect("rows come");
    let rows: Vec<_> = batches.iter().flat_map(|batch| rows_to_json(batch).expect("is JSON")).collect();
    assert_eq!(rows, [[json!(12)]]);
}

#[tokio::test]
async fn a_driver_begins_with_empty_state_and_takes_only_what_its_query_reads() {
    let session = session().await;
    let engine = session.engine();
    let id = engine.persistent_queries().remove(0).id;
    for _ in 0..2 {
        let mut driver = engine.driver(&id).expect("the query is there");
        assert_eq!(totals(engine, &mut driver, &order("ann", 5, 10)), [(total(5), 10)]);
        let refused = driver.feed("TOTALS", &order("ann", 5, 10)).expect_err("it is written, not read");
        assert_eq!(refused.kind, ErrorKind::NotFound);
    }
    assert_eq!(engine.driver("CTAS_X_1").err().map(|error| error.kind), Some(ErrorKind::NotFound));
}

#[tokio::test]
async fn a_record_that_cannot_be_read_leads_to_nothing_but_a_reason() {
    let session = session().await;
    let engine = session.engine();
    let mut driver = engine.driver(&engine.persistent_queries()[0].id).expect("the query is there");
    let broken = Record { value: Some(Bytes::from_static(b"{\"AMOUNT\": \"much\"}")), ..order("ann", 0, 0) };
    let fed = driver.feed("orders", &broken).expect("the query goes on");
    assert!(fed.records.is_empty());
    assert_eq!(fed.reasons.len(), 1, "{:?}", fed.reasons);
}
