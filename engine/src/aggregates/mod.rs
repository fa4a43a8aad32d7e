//! Aggregate functions: what they are called, what they take and give, and how they are computed.
//!
//! A function is declared once, as a [`Function`] in the file that has its computation; this registry
//! lists them. The planner sees the declaration, an operator asks it for an [`Accumulator`]. Functions
//! know nothing of groups, windows and state stores: an accumulator sees slots and columns.
//!
//! To add a function: a file with its [`Fold`] and its declaration, and a line in the list below.

mod accumulator;
mod attribute;
mod average;
mod by_offset;
mod chunks;
mod collect;
mod correlation;
mod count;
mod count_distinct;
mod deviation;
mod extreme;
mod function;
mod histogram;
mod number;
mod overload;
mod sum;
mod sum_list;
mod top_k;
mod values;

pub use accumulator::{Accumulator, Changes, Fold, Folded, GROUP_BYTES_MAX, Trouble};
pub use chunks::StoreChunk;
pub use function::{Function, ResolvedCall};
pub use overload::{Overload, Shape};

/// All aggregate functions, by name.
static FUNCTIONS: [&Function; 18] = [
    &attribute::ATTR,
    &average::AVG,
    &collect::COLLECT_LIST,
    &collect::COLLECT_SET,
    &correlation::CORRELATION,
    &count::COUNT,
    &count_distinct::COUNT_DISTINCT,
    &by_offset::EARLIEST_BY_OFFSET,
    &histogram::HISTOGRAM,
    &by_offset::LATEST_BY_OFFSET,
    &extreme::MAX,
    &extreme::MIN,
    &deviation::STDDEV_SAMP,
    &deviation::STDDEV_SAMPLE,
    &sum::SUM,
    &sum_list::SUM_LIST,
    &top_k::TOPK,
    &top_k::TOPKDISTINCT,
];

/// All aggregate functions, sorted by name.
#[must_use]
pub fn all() -> &'static [&'static Function] {
    &FUNCTIONS
}

/// A function by its name, in any case.
#[must_use]
pub fn lookup(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name.eq_ignore_ascii_case(name)).copied()
}

#[cfg(test)]
#[path = "aggregates_tests.rs"]
mod tests;
