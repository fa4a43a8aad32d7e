//! What the syntax tree of a SELECT over what is there now is changed in before DataFusion plans it:
//! names as ksqlDB's sessions write them ([`stored_names`]), fields of structs ([`field_access`]),
//! constructors of structs and maps ([`constructors`]), units of time ([`interval_units`]), functions that give
//! rows ([`table_functions`]), FETCH FIRST ([`fetch`]), functions made by CREATE FUNCTION ([`user_functions`]),
//! and the pseudo columns that `*` leaves out ([`pseudo_columns`]). And where in it a name stands ([`places`]).

mod constructors;
mod fetch;
mod field_access;
mod interval_units;
mod places;
mod pseudo_columns;
mod stored_names;
mod table_functions;
mod user_functions;

use datafusion::sql::sqlparser::ast::Query;

pub(super) use places::{place_of, place_of_text};

use crate::catalog::CatalogState;
use crate::error::Result;
use crate::session::Dialect;

/// Rewrites a query; tells whether it names pseudo columns, so that relations must have them.
///
/// # Errors
/// `Unsupported` for a NATURAL JOIN that would join by pseudo columns, `Invalid` for a constructor that
/// cannot be.
pub(super) fn rewrite(query: &mut Query, catalog: &CatalogState, dialect: Dialect) -> Result<bool> {
    user_functions::rewrite(query, catalog, dialect)?;
    if dialect == Dialect::Ksql {
        stored_names::rewrite(query);
    }
    fetch::rewrite(query);
    field_access::rewrite(query, dialect);
    interval_units::rewrite(query);
    constructors::rewrite(query)?;
    table_functions::rewrite(query);
    let named = pseudo_columns::are_named(query);
    if named {
        pseudo_columns::leave_out(query, catalog, dialect)?;
    }
    Ok(named)
}
