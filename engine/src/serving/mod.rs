//! Reading results: what is there now ([`pull`], and [`ksql_pull`] by ksqlDB's rules), and changes as
//! they come ([`push`]).

mod column_names;
pub mod ksql_pull;
pub mod own_inserts;
pub mod pull;
pub mod push;
mod result_rows;
mod rewrite;
mod row_scan;
pub mod source_table;
mod stored_rows;
mod time_texts;
mod topic_rows;
