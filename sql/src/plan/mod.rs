//! The logical plan: DataFusion's [`LogicalPlan`] with the nodes that continuous queries add.
//!
//! A continuous plan is built of `TableScan` (over [`source::SourceScan`]), `SubqueryAlias`,
//! `Filter`, `Projection` and the extension nodes of this room:
//!
//! - [`aggregate::StreamAggregate`]: GROUP BY, with or without windows;
//! - [`join::StreamJoin`]: stream–stream, stream–table, table–table and foreign-key joins;
//! - [`partition_by::PartitionBy`]: another key;
//! - [`explode::Explode`]: a row for every element of a list.
//!
//! Event time, row kinds and windows travel beside the columns (they are no columns of the plan), so
//! no node can lose them. Pseudo columns are ordinary columns of the scan, behind the declared ones,
//! and appear only in the scans of queries that name them (the scan's projection leaves them out). A
//! scan's projection has the columns that the query names, and of a table always the key.

pub mod aggregate;
pub mod explain;
pub mod explode;
pub mod join;
pub mod partition_by;
pub mod source;

use datafusion_expr::LogicalPlan;

use crate::lookup::{SourceKind, WindowKind};

/// When results of windows are passed on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Debug)]
pub enum Emit {
    /// Every change.
    Changes,
    /// Once, when a window is closed.
    Final,
}

/// A planned continuous query.
#[derive(Clone, Debug)]
pub struct QueryPlan {
    /// What to compute. Its columns are those of the result under their stored names: of a stored
    /// result the key's columns in key order and then the others in the order of the projection, of a
    /// session's result all of them in that order.
    pub plan: LogicalPlan,
    /// Stored names of the sources it reads.
    pub sources: Vec<String>,
    /// What the result is.
    pub kind: SourceKind,
    /// Names of the result's key columns, in key order. Empty: the records have no key.
    pub key: Vec<String>,
    /// Windows of the result's key.
    pub window: Option<WindowKind>,
    /// When results are passed on.
    pub emit: Emit,
    /// `LIMIT`, for queries of a session.
    pub limit: Option<u64>,
}
