//! What the syntax tree of a SELECT over what is there now is changed in before DataFusion plans it:
//! names as ksqlDB's sessions write them ([`stored_names`]), calls with lambdas ([`lambdas`]), fields of structs
//! ([`field_access`]), constructors of structs and maps ([`constructors`]), units of time ([`interval_units`]),
//! functions that give rows ([`table_functions`]), FETCH FIRST ([`fetch`]), escapes of LIKE ([`like_escapes`]),
//! functions made by CREATE FUNCTION ([`user_functions`]), and the pseudo columns that `*` leaves out
//! ([`pseudo_columns`]). Where in it a name stands ([`places`]), and what tells columns of one name apart
//! ([`unique_names`]).

mod columns;
mod constructors;
mod fetch;
mod field_access;
mod interval_units;
mod lambdas;
mod like_escapes;
mod places;
mod pseudo_columns;
mod stored_names;
mod table_functions;
pub(super) mod unique_names;
mod user_functions;

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;
use datafusion::sql::sqlparser::ast::Query;

pub(super) use places::{place_of, place_of_text};

use crate::error::Result;
use crate::lookup::EngineLookup;
use crate::session::Dialect;

/// What a rewritten query asks for.
pub(super) struct Demands {
    /// Whether it names pseudo columns, so that relations must have them.
    pub(super) pseudo_columns: bool,
    /// Functions of its own that it calls.
    pub(super) functions: Vec<ScalarUDF>,
}

/// Rewrites a query.
///
/// # Errors
/// `Unsupported` for a NATURAL JOIN that would join by pseudo columns, `Invalid` for a constructor that
/// cannot be.
pub(super) fn rewrite(query: &mut Query, lookup: &Arc<EngineLookup>, dialect: Dialect) -> Result<Demands> {
    let catalog = &lookup.catalog;
    user_functions::rewrite(query, catalog, dialect)?;
    if dialect == Dialect::Ksql {
        stored_names::rewrite(query);
    }
    fetch::rewrite(query);
    // What a lambda holds is not for DataFusion: it is taken out as it was written.
    let functions = lambdas::rewrite(query, lookup);
    like_escapes::rewrite(query);
    field_access::rewrite(query, dialect);
    interval_units::rewrite(query);
    constructors::rewrite(query)?;
    table_functions::rewrite(query);
    let pseudo_columns = pseudo_columns::are_named(query);
    if pseudo_columns {
        pseudo_columns::leave_out(query, catalog, dialect)?;
    }
    Ok(Demands { pseudo_columns, functions })
}
