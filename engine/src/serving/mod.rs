//! Reading results: what is there now ([`pull`]), and changes as they come ([`push`]).

pub mod own_inserts;
pub mod pull;
pub mod push;
mod rewrite;
pub mod source_table;
pub mod stored_rows;
