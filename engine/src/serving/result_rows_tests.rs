//! Where queries run, and how they end.

use std::sync::Arc;
use std::thread;

use arrow::array::{Int32Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::TryStreamExt;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;

use super::*;

fn compute() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).thread_name("compute").build().expect("a runtime")
}

fn batch(values: Vec<i32>) -> RecordBatch {
    let schema = Arc::new(Schema::new(vec![Field::new("a", DataType::Int32, true)]));
    RecordBatch::try_new(schema, vec![Arc::new(Int32Array::from(values))]).expect("a batch")
}

fn batches(
    batches: impl futures::Stream<Item = datafusion::common::Result<RecordBatch>> + Send + 'static,
) -> SendableRecordBatchStream {
    Box::pin(RecordBatchStreamAdapter::new(batch(Vec::new()).schema(), batches))
}

fn on_compute() -> bool {
    thread::current().name() == Some("compute")
}

#[tokio::test]
async fn rows_are_computed_on_the_threads_for_queries() {
    let compute = compute();
    let source = stream::iter([vec![1, 2], Vec::new(), vec![3]]);
    let source = batches(source.map(|values| {
        assert!(on_compute());
        Ok(batch(values))
    }));
    assert!(run_on(compute.handle(), async { on_compute() }).await.expect("is done"));
    let rows: Vec<RecordBatch> = rows(compute.handle(), source).stream.try_collect().await.expect("rows");
    assert_eq!(rows.iter().map(RecordBatch::num_rows).collect::<Vec<_>>(), [2, 1]);
    compute.shutdown_background();
}

#[tokio::test]
async fn a_query_that_breaks_off_does_not_look_like_one_that_has_ended() {
    let compute = compute();
    let source = stream::iter([1, 0]).map(|divisor| Ok(batch(vec![1 / std::hint::black_box(divisor)])));
    let mut stream = rows(compute.handle(), batches(source)).stream;
    assert!(stream.next().await.expect("a row").is_ok());
    let error = stream.next().await.expect("an error").expect_err("the second breaks off");
    assert_eq!(error.kind, ErrorKind::Internal);
    assert!(stream.next().await.is_none());
    compute.shutdown_background();
}

#[tokio::test]
async fn a_query_ends_with_its_rows() {
    let compute = compute();
    let (asked, marker) = (Arc::new(Notify::new()), Arc::new(()));
    let held = (asked.clone(), marker.clone());
    let source = stream::unfold(held, |held| async move {
        held.0.notify_one();
        std::future::pending::<()>().await;
        Some((Ok(batch(vec![1])), held))
    });
    let mut stream = rows(compute.handle(), batches(source)).stream;
    tokio::select! {
        row = stream.next() => panic!("there is no row: {row:?}"),
        () = asked.notified() => {}
    }
    drop(stream);
    while Arc::strong_count(&marker) > 1 {
        tokio::task::yield_now().await;
    }
    compute.shutdown_background();
}
