//! One room per family of statements: what a parsed statement does to the engine.

pub mod alter;
pub mod assert;
pub mod changes;
pub mod control;
pub mod create;
pub mod describe;
pub mod drop;
pub mod earlier_topics;
pub mod explain;
pub mod foreign_settings;
pub mod function;
pub mod insert;
mod inserted_records;
mod kafka_settings;
pub mod print;
mod query_loops;
mod scalable_push;
pub mod select;
pub mod settings;
pub mod show;
pub mod source_topic;
pub mod system;
pub mod text_rows;
pub mod unfinished_topics;

#[cfg(test)]
mod language_tests;
#[cfg(test)]
mod reading_tests;
