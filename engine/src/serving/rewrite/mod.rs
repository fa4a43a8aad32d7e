//! What the syntax tree of a SELECT over what is there now is changed in before DataFusion plans it:
//! fields of structs ([`field_access`]), FETCH FIRST ([`fetch`]), and the pseudo columns that `*` leaves
//! out ([`pseudo_columns`]). And where in it a name stands ([`places`]).

mod fetch;
mod field_access;
mod places;
mod pseudo_columns;

use datafusion::sql::sqlparser::ast::Query;

pub(super) use places::place_of;

use crate::catalog::CatalogState;
use crate::error::Result;
use crate::session::Dialect;

/// Rewrites a query; tells whether it names pseudo columns, so that relations must have them.
///
/// # Errors
/// `Unsupported` for a NATURAL JOIN that would join by pseudo columns.
pub(super) fn rewrite(query: &mut Query, catalog: &CatalogState, dialect: Dialect) -> Result<bool> {
    fetch::rewrite(query);
    field_access::rewrite(query, dialect);
    let named = pseudo_columns::are_named(query);
    if named {
        pseudo_columns::leave_out(query, catalog, dialect)?;
    }
    Ok(named)
}
