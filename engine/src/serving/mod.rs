//! Reading results: what is there now ([`pull`] by PostgreSQL's rules, [`ksql_pull`] by ksqlDB's, both over a
//! [`source_table`] of one [`pull_environment`]), and changes as they come ([`push`]). [`row_messages`] writes
//! rows as messages of Protobuf.

mod bounded_values;
mod column_names;
mod comparisons;
pub mod ksql_pull;
mod lambda_function;
mod map_types;
pub mod own_inserts;
mod partitioned_rows;
pub mod pull;
pub mod pull_environment;
mod pull_explain;
pub mod push;
mod result_rows;
mod rewrite;
pub mod row_messages;
mod row_scan;
mod skip_scan;
pub mod source_table;
mod stored_rows;
mod time_texts;
mod topic_rows;
pub mod unreadable;
