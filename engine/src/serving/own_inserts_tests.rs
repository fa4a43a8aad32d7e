//! INSERT, then SELECT, in one session and in another.

use arrow::array::RecordBatch;
use arrow::util::pretty::pretty_format_batches;
use futures::TryStreamExt;

use crate::engine::{Engine, EngineOptions};
use crate::response::Response;
use crate::session::{Dialect, Session};
use crate::session_harness::session;

async fn run(session: &mut Session, statement: &str) -> String {
    match session.execute(statement, &[]).await.unwrap() {
        Response::Done { tag, .. } => tag,
        Response::Rows(rows) => {
            let batches: Vec<RecordBatch> = rows.stream.try_collect().await.unwrap();
            pretty_format_batches(&batches).unwrap().to_string()
        }
    }
}

async fn engine_with_a_chain() -> (Engine, Session) {
    let engine = Engine::open(EngineOptions::default()).unwrap();
    let mut session = session(&engine, Dialect::Postgres);
    for statement in [
        "CREATE STREAM orders (customer STRING KEY, amount BIGINT) \
         WITH (KAFKA_TOPIC = 'orders', VALUE_FORMAT = 'JSON', PARTITIONS = 2)",
        "CREATE STREAM large AS SELECT customer, amount FROM orders WHERE amount > 1 EMIT CHANGES",
        "CREATE TABLE counted AS SELECT customer, COUNT(*) AS n FROM large GROUP BY customer EMIT CHANGES",
    ] {
        run(&mut session, statement).await;
    }
    (engine, session)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_finds_its_inserts_behind_several_queries() {
    let (engine, mut session) = engine_with_a_chain().await;
    for number in 1..=20 {
        // The first row goes nowhere: a query has taken it in all the same.
        run(&mut session, "INSERT INTO orders VALUES ('ann', 1), ('ann', 2), ('bob', 3)").await;
        let counted = run(&mut session, "SELECT c.n FROM counted c ORDER BY customer").await;
        let row = format!("| {number:<number_width$} |", number_width = number.to_string().len());
        assert_eq!(counted.matches(&row).count(), 2, "{counted}");
    }
    engine.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_does_not_run_is_read_as_it_is() {
    let (engine, mut session) = engine_with_a_chain().await;
    run(&mut session, "INSERT INTO orders VALUES ('ann', 2)").await;
    assert!(run(&mut session, "SELECT n FROM counted").await.contains("| 1 |"));
    run(&mut session, "PAUSE ALL").await;
    run(&mut session, "INSERT INTO orders VALUES ('ann', 2)").await;
    assert!(run(&mut session, "SELECT n FROM counted").await.contains("| 1 |"));
    engine.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_finds_what_was_there_in_a_table_that_it_has_just_made() {
    let (engine, mut session) = engine_with_a_chain().await;
    let mut producer = self::session(&engine, Dialect::Postgres);
    run(&mut producer, "INSERT INTO orders VALUES ('ann', 1), ('ann', 2), ('bob', 3)").await;
    for number in 0..10 {
        let create = format!(
            "CREATE TABLE sums_{number} AS SELECT customer, SUM(amount) AS total FROM orders \
             GROUP BY customer EMIT CHANGES"
        );
        run(&mut session, &create).await;
        let sums = run(&mut session, &format!("SELECT total FROM sums_{number} ORDER BY total")).await;
        assert_eq!(sums.matches("| 3     |").count(), 2, "{sums}");
    }
    engine.shutdown().await.unwrap();
}
