//! All queries together hold no more memory than they have been given.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use tidemill_engine::engine::{EngineOptions, Storage};
use tidemill_engine::{Dialect, Engine, ErrorKind, Response, Session, SessionOptions};
use tidemill_storage::log::MemoryLog;
use tidemill_storage::record::{BatchBuilder, Codec};
use tidemill_storage::state::memory::MemoryStateStore;
use tidemill_storage::{PartitionId, TopicName, TopicPartition};

/// Memory of the server; half of it is for what queries hold.
const MEMORY_BYTES: u64 = 8 << 20;

/// Keys, whose groups take some megabytes of state in each query.
const KEYS: usize = 30_000;

/// Until something that must happen has happened. Generous: a slow machine is no failure.
const PATIENCE: Duration = Duration::from_secs(60);

/// An engine with a stream `clicks` of one record for each key.
fn engine() -> Engine {
    let storage = Storage { log: Arc::new(MemoryLog::default()), store: Arc::new(MemoryStateStore::new()) };
    let options = EngineOptions { memory_bytes: MEMORY_BYTES, workers: 2, ..EngineOptions::default() };
    Engine::open_over(storage, options).unwrap()
}

fn session(engine: &Engine) -> Session {
    let (user, database) = ("test".to_owned(), "test".to_owned());
    engine.session(SessionOptions { user, database, backend_id: 0, dialect: Dialect::Postgres })
}

async fn sql(session: &mut Session, statement: &str) -> Response {
    let executed = session.execute(statement, &[]).await;
    executed.unwrap_or_else(|error| panic!("{statement}: {error}"))
}

async fn fill(engine: &Engine, session: &mut Session) {
    let declared = "CREATE STREAM clicks (page STRING KEY, n INT) \
                    WITH (KAFKA_TOPIC = 'clicks', PARTITIONS = 1, KEY_FORMAT = 'KAFKA', VALUE_FORMAT = 'JSON')";
    sql(session, declared).await;
    let target = TopicPartition::new(TopicName::new("clicks").unwrap(), PartitionId(0));
    let mut builder = BatchBuilder::new(Codec::None);
    for key in 0..KEYS {
        builder.append(0, Some(format!("{key:064}").as_bytes()), Some(b"{\"N\":1}"), &[]).unwrap();
        if builder.record_count() == 5_000 || key + 1 == KEYS {
            let appended = engine.topics().append(&target, builder.build().unwrap(), None).unwrap();
            appended.durable().await.unwrap();
        }
    }
}

/// The sum of a metric over all queries.
fn total(engine: &Engine, metric: &str) -> u64 {
    let metrics = engine.metrics();
    let samples =
        metrics.lines().filter(|line| line.strip_prefix(metric).is_some_and(|rest| rest.starts_with('{')));
    samples.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok()).sum()
}

async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "it never happened: {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn persistent_queries_forget_until_all_together_fit_also_the_idle_ones() {
    let engine = engine();
    let mut session = session(&engine);
    fill(&engine, &mut session).await;
    sql(&mut session, "SET 'auto.offset.reset' = 'earliest'").await;
    for number in 0..4 {
        let query = format!("CREATE TABLE t{number} AS SELECT page, COUNT(*) AS n FROM clicks GROUP BY page");
        sql(&mut session, &query).await;
        // The next one finds this one idle.
        let rows = (number + 1) * KEYS as u64;
        eventually("all rows are counted", || total(&engine, "tidemill_query_rows_out_total") >= rows).await;
    }
    let bound = MEMORY_BYTES / 2;
    eventually("there is state", || total(&engine, "tidemill_query_state_bytes") > 0).await;
    eventually("all fit", || total(&engine, "tidemill_query_state_bytes") <= bound).await;
    engine.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_push_query_whose_state_does_not_fit_ends_and_says_so() {
    let engine = engine();
    let mut session = session(&engine);
    fill(&engine, &mut session).await;
    sql(&mut session, "SET 'auto.offset.reset' = 'earliest'").await;
    let query = "SELECT page, COUNT(*) AS n FROM clicks GROUP BY page EMIT CHANGES";
    let Response::Rows(mut rows) = sql(&mut session, query).await else { panic!("the query gives no rows") };
    let ended = tokio::time::timeout(PATIENCE, async {
        loop {
            match rows.stream.next().await {
                Some(Ok(_)) => {}
                ended => break ended,
            }
        }
    });
    let error = ended.await.expect("it ends").expect("not without a word").expect_err("not well");
    assert_eq!(error.kind, ErrorKind::LimitExceeded, "{error}");
    assert!(error.message.starts_with("out of memory"), "{error}");
    // Its memory is there again for one that needs little.
    let query = "SELECT page FROM clicks EMIT CHANGES LIMIT 1";
    let Response::Rows(mut rows) = sql(&mut session, query).await else { panic!("the query gives no rows") };
    assert_eq!(rows.stream.next().await.expect("a row").expect("no error").num_rows(), 1);
    engine.shutdown().await.unwrap();
}
