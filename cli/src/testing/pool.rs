//! Many cases at once: each in a thread of its own, so that one that panics or does not end is that
//! case's affair.

use std::any::Any;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::case_files::CaseSource;
use super::query_case;
use super::verdict::Verdict;

/// How long a case may take. Most take milliseconds.
const CASE_TIME_MAX: Duration = Duration::from_secs(30);

/// A case that has been run.
#[derive(Clone, Debug)]
pub(crate) struct Finished {
    /// The case.
    pub(crate) source: CaseSource,
    /// What became of it.
    pub(crate) verdict: Verdict,
    /// How long it took.
    pub(crate) duration: Duration,
}

/// Runs cases, as many at once as there are processors; gives them back in their order.
pub(crate) fn run_all(sources: Vec<CaseSource>) -> Vec<Finished> {
    let next = AtomicUsize::new(0);
    let finished: Mutex<Vec<(usize, Finished)>> = Mutex::new(Vec::with_capacity(sources.len()));
    let workers = thread::available_parallelism().map_or(1, usize::from).min(sources.len().max(1));
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some((number, source)) = take(&next, &sources) {
                    let done = run_bounded(source.clone());
                    finished.lock().push((number, done));
                }
            });
        }
    });
    let mut finished = finished.into_inner();
    finished.sort_by_key(|(number, _)| *number);
    finished.into_iter().map(|(_, done)| done).collect()
}

fn take<'a>(next: &AtomicUsize, sources: &'a [CaseSource]) -> Option<(usize, &'a CaseSource)> {
    let number = next.fetch_add(1, Ordering::Relaxed);
    Some((number, sources.get(number)?))
}

/// Runs a case within its time. A thread that does not end is left to itself.
fn run_bounded(source: CaseSource) -> Finished {
    let begun = Instant::now();
    let verdict = match &source.case {
        Err(reason) => Verdict::failed(reason.clone()),
        Ok(case) => {
            let case = case.clone();
            in_thread(move || query_case::run(&case), CASE_TIME_MAX)
        }
    };
    Finished { source, verdict, duration: begun.elapsed() }
}

fn in_thread(run: impl FnOnce() -> Verdict + Send + 'static, time_max: Duration) -> Verdict {
    let (sender, receiver) = sync_channel(1);
    let started = thread::Builder::new()
        .name("tidemill-case".to_owned())
        .stack_size(tidemill_engine::STACK_BYTES)
        .spawn(move || {
            // Whoever waited may have given up.
            let _ = sender.send(run());
        });
    let thread = match started {
        Ok(thread) => thread,
        Err(error) => return Verdict::failed(format!("no thread: {error}")),
    };
    match receiver.recv_timeout(time_max) {
        Ok(verdict) => verdict,
        Err(RecvTimeoutError::Timeout) => {
            Verdict::failed(format!("the case did not end within {} s", time_max.as_secs()))
        }
        Err(RecvTimeoutError::Disconnected) => match thread.join() {
            Ok(()) => Verdict::failed("the case ended without a verdict"),
            Err(panic) => Verdict::failed(format!("the case panicked: {}", panic_text(panic.as_ref()))),
        },
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_that_panics_or_does_not_end_fails_alone() {
        let panicked = in_thread(|| panic!("a bug"), Duration::from_secs(60));
        assert_eq!(panicked.reason.as_deref(), Some("the case panicked: a bug"));
        let (go, wait) = sync_channel::<()>(0);
        let endless = in_thread(
            move || {
                let _ = wait.recv();
                Verdict::passed()
            },
            Duration::from_millis(1),
        );
        assert_eq!(endless.reason.as_deref(), Some("the case did not end within 0 s"));
        drop(go);
        assert!(in_thread(Verdict::passed, Duration::from_secs(60)).passed);
    }
}
