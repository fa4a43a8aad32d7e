//! What the expressions of a statement mean: names, types, and the DataFusion expression they become.
//!
//! An expression passes two stages. [`resolve`] turns sqlparser's tree into an [`expression`]: every
//! name is looked up in the [`scope`] of the query, every spelling of the same thing becomes the same
//! node. [`lower`] gives such an expression a type by ksqlDB's rules and builds the DataFusion
//! expression that computes it. Between the two, expressions can be compared, which is what GROUP BY,
//! PARTITION BY and join criteria need.
//!
//! This room knows nothing of statements: which clause an expression stands in matters only for error
//! texts.

pub mod aggregates;
pub mod cast;
pub mod clause;
pub mod coercion;
pub mod decimal;
pub mod expression;
mod expression_text;
pub mod lower;
pub mod other_dialects;
pub mod reserved;
pub mod resolve;
pub mod scope;
pub mod table_functions;
pub mod text_value;
pub mod time_text;
