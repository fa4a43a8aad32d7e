//! Time: the wall clock for timestamps, the monotonic one for durations.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

/// Where time comes from.
pub trait Clock: Send + Sync + Debug + 'static {
    /// Milliseconds since 1970. May jump in both directions.
    fn wall_ms(&self) -> i64;
    /// Time since some fixed moment. Never goes back, and no one can set it.
    fn monotonic(&self) -> Duration;
}

/// The operating system's clocks.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    started: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        SystemClock { started: Instant::now() }
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the place where the clock is read")]
    fn wall_ms(&self) -> i64 {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
        }
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}

/// A clock that moves only when it is told to.
#[derive(Clone, Debug)]
pub struct ManualClock {
    now: Arc<Mutex<ManualTime>>,
}

#[derive(Debug)]
struct ManualTime {
    wall_ms: i64,
    monotonic: Duration,
}

impl ManualClock {
    /// A clock that stands at `wall_ms`.
    #[must_use]
    pub fn new(wall_ms: i64) -> ManualClock {
        ManualClock { now: Arc::new(Mutex::new(ManualTime { wall_ms, monotonic: Duration::ZERO })) }
    }

    /// Lets time pass on both clocks.
    pub fn advance(&self, by: Duration) {
        let mut now = self.now.lock();
        now.monotonic += by;
        now.wall_ms = now.wall_ms.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX));
    }

    /// Sets the wall clock alone, as an administrator or a time server does.
    pub fn set_wall_ms(&self, wall_ms: i64) {
        self.now.lock().wall_ms = wall_ms;
    }
}

impl Clock for ManualClock {
    fn wall_ms(&self) -> i64 {
        self.now.lock().wall_ms
    }

    fn monotonic(&self) -> Duration {
        self.now.lock().monotonic
    }
}
