//! The clauses an expression can stand in, as error texts name them.

use std::fmt;

/// Where an expression stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Clause {
    /// The projection.
    Select,
    /// WHERE.
    Where,
    /// GROUP BY.
    GroupBy,
    /// PARTITION BY.
    PartitionBy,
    /// HAVING.
    Having,
    /// The criterion of a join.
    JoinOn,
    /// A row of INSERT … VALUES.
    Values,
    /// The body of a function.
    Function,
}

impl Clause {
    /// What stands before what is wrong with a condition that filters rows.
    #[must_use]
    pub fn filter_error_prefix(self) -> &'static str {
        match self {
            Clause::Where => "Error in WHERE expression: ",
            Clause::Having => "Error in HAVING expression: ",
            _ => "",
        }
    }

    /// What stands before an error about a conversion that cannot be.
    #[must_use]
    pub fn conversion_error_prefix(self) -> &'static str {
        match self {
            Clause::Where | Clause::Having => "Invalid Predicate: ",
            Clause::Select => "Invalid Select: ",
            _ => "",
        }
    }
}

impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Clause::Select => "SELECT",
            Clause::Where => "WHERE",
            Clause::GroupBy => "GROUP BY",
            Clause::PartitionBy => "PARTITION BY",
            Clause::Having => "HAVING",
            Clause::JoinOn => "JOIN ON",
            Clause::Values => "VALUES",
            Clause::Function => "FUNCTION",
        })
    }
}
