//! Windows in the keys of records.

use tidemill_sql::lookup::WindowKind;

/// Bytes of a window bound in a windowed key.
const BOUND_BYTES: usize = 8;

/// A windowed key is the inner key and the window's start (tumbling, hopping), or the inner key, the
/// session's end and its start; bounds are 8 bytes, big-endian, in milliseconds (Kafka Streams'
/// `WindowKeySchema` and `SessionKeySchema`, without their sequence numbers).
#[must_use]
pub fn split_windowed_key(key: &[u8], window: WindowKind) -> Option<(&[u8], i64, i64)> {
    let (rest, last) = key.split_at_checked(key.len().checked_sub(BOUND_BYTES)?)?;
    let start = i64::from_be_bytes(last.try_into().ok()?);
    match window {
        WindowKind::Tumbling { size_ms } | WindowKind::Hopping { size_ms, .. } => {
            Some((rest, start, start.saturating_add(size_ms)))
        }
        WindowKind::Session { .. } => {
            let (inner, end) = rest.split_at_checked(rest.len().checked_sub(BOUND_BYTES)?)?;
            Some((inner, start, i64::from_be_bytes(end.try_into().ok()?)))
        }
    }
}

/// The key within a record's key, which is all of it where there are no windows, or no room for one.
#[must_use]
pub fn inner_key(key: &[u8], window: Option<WindowKind>) -> &[u8] {
    let split = window.and_then(|window| split_windowed_key(key, window));
    split.map_or(key, |(inner, ..)| inner)
}

/// Writes the window behind a key; the counterpart of [`split_windowed_key`].
pub fn push_window(key: &mut Vec<u8>, window: WindowKind, start_ms: i64, end_ms: i64) {
    if matches!(window, WindowKind::Session { .. }) {
        key.extend_from_slice(&end_ms.to_be_bytes());
    }
    key.extend_from_slice(&start_ms.to_be_bytes());
}
