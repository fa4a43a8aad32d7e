//! How scans are run, whatever they read.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, ThreadId};

use arrow::datatypes::Schema;
use futures::TryStreamExt;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::*;

/// What scans did.
#[derive(Default)]
struct Log {
    running: AtomicUsize,
    most_running: AtomicUsize,
    threads: Mutex<Vec<ThreadId>>,
    third_step: Notify,
}

/// Gives a row in its second step, and ends with the third, unless it is endless.
struct LoggedScan {
    steps: usize,
    endless: bool,
    log: Arc<Log>,
}

impl RowScan for LoggedScan {
    fn step(&mut self) -> Result<Step> {
        self.steps += 1;
        self.log.threads.lock().push(thread::current().id());
        match self.steps {
            1 => {
                let running = self.log.running.fetch_add(1, Ordering::SeqCst) + 1;
                self.log.most_running.fetch_max(running, Ordering::SeqCst);
                Ok(Step::Nothing)
            }
            2 if !self.endless => {
                let options = RecordBatchOptions::new().with_row_count(Some(1));
                let schema = Arc::new(Schema::empty());
                Ok(Step::Rows(RecordBatch::try_new_with_options(schema, Vec::new(), &options)?))
            }
            _ if self.endless => {
                self.log.third_step.notify_one();
                Ok(Step::Nothing)
            }
            _ => {
                self.log.running.fetch_sub(1, Ordering::SeqCst);
                Ok(Step::End)
            }
        }
    }
}

fn scans(count: usize, endless: bool, log: &Arc<Log>) -> Vec<BeginScan> {
    (0..count)
        .map(|_| {
            let log = log.clone();
            let begin = move |_: &TaskContext| -> Box<dyn RowScan> {
                Box::new(LoggedScan { steps: 0, endless, log: log.clone() })
            };
            Box::new(begin) as BeginScan
        })
        .collect()
}

#[tokio::test]
async fn a_stream_runs_its_scans_one_after_the_other_and_off_the_callers_thread() {
    let log = Arc::new(Log::default());
    let streams = Scans::divided(&Arc::new(Schema::empty()), scans(5, false, &log), 2);
    assert_eq!(streams.len(), 2);
    let mut rows = 0;
    for stream in streams {
        let batches: Vec<RecordBatch> = stream.execute(Arc::default()).try_collect().await.expect("rows");
        rows += batches.iter().map(RecordBatch::num_rows).sum::<usize>();
    }
    assert_eq!((rows, log.most_running.load(Ordering::SeqCst)), (5, 1));
    let threads = log.threads.lock();
    assert!(threads.len() == 15 && !threads.contains(&thread::current().id()));
}

#[tokio::test]
async fn a_scan_without_rows_ends_with_the_stream_that_is_dropped() {
    let log = Arc::new(Log::default());
    let streams = Scans::divided(&Arc::new(Schema::empty()), scans(1, true, &log), 2);
    let mut stream = streams[0].execute(Arc::default());
    tokio::select! {
        row = stream.try_next() => panic!("there is no row: {row:?}"),
        () = log.third_step.notified() => {}
    }
    drop((stream, streams));
    // The step that was running comes to its end, and the scan is dropped with it.
    while Arc::strong_count(&log) > 1 {
        tokio::task::yield_now().await;
    }
}
