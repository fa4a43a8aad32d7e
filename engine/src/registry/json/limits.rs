//! The limits a JSON schema may set: each may widen or go, but neither narrow nor come.

/// A limit: its keyword, and what the changes that are in the way are called.
pub(super) struct Limit {
    pub(super) keyword: &'static str,
    pub(super) added: &'static str,
    pub(super) narrowed: &'static str,
    side: Side,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Upper,
    Lower,
}

/// What is wrong with a limit.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum LimitChange {
    Added,
    Narrowed { from: f64, to: f64 },
}

impl Limit {
    const fn upper(keyword: &'static str, added: &'static str, narrowed: &'static str) -> Limit {
        Limit { keyword, added, narrowed, side: Side::Upper }
    }

    const fn lower(keyword: &'static str, added: &'static str, narrowed: &'static str) -> Limit {
        Limit { keyword, added, narrowed, side: Side::Lower }
    }

    /// What is in the way, if anything.
    pub(super) fn change(&self, from: Option<f64>, to: Option<f64>) -> Option<LimitChange> {
        match (from, to) {
            (_, None) => None,
            (None, Some(_)) => Some(LimitChange::Added),
            (Some(from), Some(to)) => {
                let is_narrowed = if self.side == Side::Upper { to < from } else { to > from };
                is_narrowed.then_some(LimitChange::Narrowed { from, to })
            }
        }
    }
}

pub(super) const LENGTH_MAX: Limit = Limit::upper("maxLength", "MAX_LENGTH_ADDED", "MAX_LENGTH_DECREASED");
pub(super) const LENGTH_MIN: Limit = Limit::lower("minLength", "MIN_LENGTH_ADDED", "MIN_LENGTH_INCREASED");
pub(super) const MAXIMUM: Limit = Limit::upper("maximum", "MAXIMUM_ADDED", "MAXIMUM_DECREASED");
pub(super) const MINIMUM: Limit = Limit::lower("minimum", "MINIMUM_ADDED", "MINIMUM_INCREASED");
pub(super) const EXCLUSIVE_MAXIMUM: Limit =
    Limit::upper("exclusiveMaximum", "EXCLUSIVE_MAXIMUM_ADDED", "EXCLUSIVE_MAXIMUM_DECREASED");
pub(super) const EXCLUSIVE_MINIMUM: Limit =
    Limit::lower("exclusiveMinimum", "EXCLUSIVE_MINIMUM_ADDED", "EXCLUSIVE_MINIMUM_INCREASED");
pub(super) const PROPERTIES_MAX: Limit =
    Limit::upper("maxProperties", "MAX_PROPERTIES_ADDED", "MAX_PROPERTIES_DECREASED");
pub(super) const PROPERTIES_MIN: Limit =
    Limit::lower("minProperties", "MIN_PROPERTIES_ADDED", "MIN_PROPERTIES_INCREASED");
pub(super) const ITEMS_MAX: Limit = Limit::upper("maxItems", "MAX_ITEMS_ADDED", "MAX_ITEMS_DECREASED");
pub(super) const ITEMS_MIN: Limit = Limit::lower("minItems", "MIN_ITEMS_ADDED", "MIN_ITEMS_INCREASED");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_widen_and_go_but_do_not_narrow_or_come() {
        assert_eq!(MAXIMUM.change(Some(1.0), Some(2.0)), None);
        assert_eq!(MAXIMUM.change(Some(1.0), None), None);
        assert_eq!(MAXIMUM.change(None, None), None);
        assert_eq!(MAXIMUM.change(None, Some(2.0)), Some(LimitChange::Added));
        let narrowed = LimitChange::Narrowed { from: 2.0, to: 1.0 };
        assert_eq!(MAXIMUM.change(Some(2.0), Some(1.0)), Some(narrowed));
        assert_eq!(MINIMUM.change(Some(2.0), Some(1.0)), None);
        let narrowed = LimitChange::Narrowed { from: 1.0, to: 2.0 };
        assert_eq!(MINIMUM.change(Some(1.0), Some(2.0)), Some(narrowed));
    }
}
