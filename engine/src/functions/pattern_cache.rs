//! What was made of patterns, kept from one batch to the next.
//!
//! A literal pattern is the same in every batch, and batches may be small: making it anew for each of them
//! would cost more than using it. Patterns may also come from the data, so what is kept is bounded.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// Patterns kept at once by a thread: more than the literals of the queries it runs at a time. When there
/// are more, all are forgotten, which costs little where patterns come from the data and repeat anyhow.
const PATTERNS_MAX: usize = 128;

/// What was made of patterns in a thread.
pub(super) struct PatternCache<T> {
    made: RefCell<HashMap<String, Rc<T>>>,
}

impl<T> PatternCache<T> {
    pub(super) fn new() -> PatternCache<T> {
        PatternCache { made: RefCell::default() }
    }

    /// What `make` gives for the pattern, now or before.
    pub(super) fn get(&self, pattern: &str, make: impl FnOnce(&str) -> T) -> Rc<T> {
        let mut made = self.made.borrow_mut();
        if let Some(known) = made.get(pattern) {
            return known.clone();
        }
        if made.len() >= PATTERNS_MAX {
            made.clear();
        }
        let value = Rc::new(make(pattern));
        made.insert(pattern.to_owned(), value.clone());
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_made_once_and_the_number_kept_is_bounded() {
        let cache = PatternCache::new();
        let mut made = 0;
        for round in 0..2 {
            for index in 0..PATTERNS_MAX {
                cache.get(&index.to_string(), |_| made += 1);
            }
            assert_eq!(made, PATTERNS_MAX, "round {round}");
        }
        cache.get("another", |_| made += 1);
        assert_eq!((made, cache.made.borrow().len()), (PATTERNS_MAX + 1, 1));
    }
}
