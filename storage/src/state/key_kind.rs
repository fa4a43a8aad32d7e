//! [`KeyKind`]: the first byte of every state key, which says whose key it is.
//!
//! The bytes are on disk. A kind that is no longer written stays in the list, marked as retired in
//! its meaning, so that its byte is never given to another.

use std::fmt;

macro_rules! key_kinds {
    ($($variant:ident = $byte:literal, $name:literal, $meaning:literal;)+) => {
        /// Whose key it is.
        ///
        /// Invariant: the byte is never 0xFF, so every key prefix has a successor.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        pub enum KeyKind {
            $(#[doc = $meaning] $variant = $byte,)+
        }

        impl KeyKind {
            /// All kinds, in the order of their bytes.
            pub const ALL: &'static [KeyKind] = &[$(KeyKind::$variant),+];

            /// The name, for messages and metrics.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(KeyKind::$variant => $name,)+
                }
            }
        }
    };
}

key_kinds! {
    Meta = 0x01, "meta", "Format version and identity of the store itself.";
    Catalog = 0x02, "catalog", "One object of the catalog: a stream, table, query, type or setting.";
    EpochDecision = 0x10, "epoch decision", "How far the output of a query in one partition is decided.";
    InputOffset = 0x11, "input offset", "The next offset a query reads from one partition of an input.";
    QueryState = 0x12, "query state", "State of an operator: groups, windows, sessions, join buffers.";
    TableRow = 0x20, "table row", "The current row of a table under its primary key.";
    GroupOffset = 0x30, "group offset", "The offset a consumer group has committed for one partition.";
    TransactionalId = 0x31, "transactional id", "Producer id, epoch and open transaction of a client's transactional id.";
    GroupActivity = 0x32, "group activity", "Whether a consumer group has members, and since when it has none.";
    Ledger = 0x40, "ledger", "How many records of a source a query took in, put out, filtered, rejected or found late, and how many rows it gave.";
    SchemaRegistry = 0x50, "schema registry", "A schema, a version of a subject or a setting of the schema registry.";
}

impl KeyKind {
    /// The first byte of the kind's keys.
    #[must_use]
    pub const fn byte(self) -> u8 {
        self as u8
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes are on disk: this list is changed only by adding to it.
    #[test]
    fn bytes_stay_what_they_were() {
        let bytes: Vec<(u8, &str)> = KeyKind::ALL.iter().map(|kind| (kind.byte(), kind.name())).collect();
        assert_eq!(
            bytes,
            [
                (0x01, "meta"),
                (0x02, "catalog"),
                (0x10, "epoch decision"),
                (0x11, "input offset"),
                (0x12, "query state"),
                (0x20, "table row"),
                (0x30, "group offset"),
                (0x31, "transactional id"),
                (0x32, "group activity"),
                (0x40, "ledger"),
                (0x50, "schema registry"),
            ]
        );
    }

    #[test]
    fn every_kind_leaves_room_for_a_successor() {
        assert!(KeyKind::ALL.iter().all(|kind| kind.byte() < 0xFF));
    }
}
