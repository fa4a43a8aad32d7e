//! Logs: to standard error, quiet unless asked.

use tracing_subscriber::EnvFilter;

/// What is logged unless asked otherwise.
const DEFAULT_FILTER: &str = "warn";

/// Starts logging. A filter that cannot be read falls back to the default and is told.
pub(crate) fn start(filter: Option<&str>) {
    let (filter, complaint) = match filter.map(EnvFilter::try_new) {
        Some(Ok(filter)) => (filter, None),
        Some(Err(error)) => (EnvFilter::new(DEFAULT_FILTER), Some(error)),
        None => (EnvFilter::new(DEFAULT_FILTER), None),
    };
    // A second start, as in tests, changes nothing.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
    if let Some(error) = complaint {
        tracing::warn!(%error, "the log filter cannot be read");
    }
}
