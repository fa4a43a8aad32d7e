//! Typed views of keyed state, for the operators that keep some.
//!
//! The state store knows ordered bytes; operators know groups, windows and rows. Between them:
//! - [`RowCodec`]: rows of any columns as bytes and back, whole arrays at a time;
//! - [`encoding`]: the values behind the keys, framed so that damage is noticed before it is believed;
//! - [`StateRoom`]: the part of the state that belongs to one operator, and [`RoomKeys`]: the layout of keys
//!   inside it;
//! - [`table_rows`]: the rows of a table that a query fills, as they are stored;
//! - [`Groups`] and [`Sessions`]: the groups held in memory, each with the slot of its accumulators.
//!
//! Nothing here reads or writes the store: operators do, with the keys and values made here.

pub mod encoding;
mod groups;
mod keys;
mod map_order;
mod room;
mod row_codec;
mod sessions;
pub mod table_rows;

pub use groups::{Groups, Stored};
pub use keys::RoomKeys;
pub use room::StateRoom;
pub use row_codec::RowCodec;
pub use sessions::{Session, Sessions};
