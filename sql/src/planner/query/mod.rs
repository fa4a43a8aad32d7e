//! Queries: FROM to QueryPlan, one file for each stage.
//!
//! [`from`] finds the sources and orders the joins; [`projection`] says what the columns are called;
//! [`key`] says which of them are the key; [`aggregation`] plans GROUP BY; [`pull_where`] says what may
//! be asked of a table now; [`build`] makes nodes.

mod aggregation;
mod build;
mod from;
mod joins;
mod key;
mod projection;
mod pull_where;
mod select;
mod unique_names;

pub(super) use select::plan;
