//! Joins: one file each, one specification.
//!
//! Both inputs arrive sharded by the join's key, merged by event time; each row comes with the columns
//! of its side, the key's columns among them. Output columns are the first columns of the left side, then
//! those of the right one, as many as each [`JoinSide`] says.
//!
//! What the joins share: keys as bytes, rows of tables by key ([`both_tables`]), records of streams by key
//! and time ([`record_buffer`]), and the gathering of result columns ([`output`]).

mod both_tables;
mod foreign_key;
mod output;
mod record_buffer;
mod stream_stream;
mod stream_table;
mod table_table;
mod waiting;

#[cfg(test)]
mod test_joins;

use std::fmt;

use arrow::datatypes::SchemaRef;
use datafusion::common::JoinType;
use tidemill_sql::lookup::WindowKind;
use tidemill_sql::plan::join::JoinKind;

use crate::error::{Error, ErrorKind, Result};
use crate::operators::Operator;
use crate::state::StateRoom;

/// What a join does.
#[derive(Clone, Debug)]
pub struct JoinSpec {
    /// Which rows meet.
    pub kind: JoinKind,
    /// Inner, Left, Right or Full.
    pub join_type: JoinType,
    /// The left side.
    pub left: JoinSide,
    /// The right side.
    pub right: JoinSide,
    /// Columns of the result: the output columns of the left side, then those of the right side.
    pub output: SchemaRef,
    /// Windows of the left side's key, which are those of the result; the right side has some as well then.
    pub window: Option<WindowKind>,
    /// Whether updates of the result carry the row they replace (table results only).
    pub with_before: bool,
}

/// One side of a join.
#[derive(Clone, Debug)]
pub struct JoinSide {
    /// All columns that arrive.
    pub schema: SchemaRef,
    /// How many of them, from the first, are part of the result.
    pub output_columns: usize,
    /// The columns that must equal the other side's, in order.
    pub key: Vec<usize>,
    /// For a table: the columns of its own primary key, which tell its rows apart. They equal `key`
    /// except on the left side of a foreign-key join.
    pub primary_key: Vec<usize>,
}

impl JoinSpec {
    /// Whether left rows that meet no right row have a result, of joins that keep none of the right side.
    ///
    /// # Errors
    /// `Unsupported`: the join keeps rows of the right side.
    fn keeps_unmatched(&self) -> Result<bool> {
        match self.join_type {
            JoinType::Inner => Ok(false),
            JoinType::Left => Ok(true),
            _ => Err(unsupported(self)),
        }
    }
}

impl fmt::Display for JoinSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |side: &JoinSide| -> String {
            let names: Vec<&str> =
                side.key.iter().map(|index| side.schema.field(*index).name().as_str()).collect();
            names.join(", ")
        };
        write!(f, "{} {} on ({}) = ({})", self.join_type, self.kind, names(&self.left), names(&self.right))
    }
}

/// Makes the operator of a join.
///
/// # Errors
/// `Unsupported` for a join this server does not run.
pub fn build(spec: &JoinSpec, room: StateRoom) -> Result<Box<dyn Operator>> {
    Ok(match spec.kind {
        JoinKind::StreamStream { .. } => Box::new(stream_stream::StreamStreamJoin::new(spec, &room)?),
        JoinKind::StreamTable => Box::new(stream_table::StreamTableJoin::new(spec, room)?),
        JoinKind::TableTable => Box::new(table_table::TableTableJoin::new(spec, &room)?),
        JoinKind::ForeignKey => Box::new(foreign_key::ForeignKeyJoin::new(spec, &room)?),
    })
}

/// A part of a room with a first byte of its own.
fn sub_room(room: &StateRoom, section: u8) -> StateRoom {
    StateRoom { prefix: [room.prefix.as_ref(), &[section]].concat().into(), fresh: room.fresh }
}

fn unsupported(spec: &JoinSpec) -> Error {
    Error::new(ErrorKind::Unsupported, format!("this join cannot run continuously here: {spec}"))
        .with_hint("join over what is there now with a SELECT without EMIT CHANGES")
}
