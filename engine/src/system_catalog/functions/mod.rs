//! Functions of the catalogs: what Postgres has in `pg_catalog` and clients call while they look around.
//!
//! Each is a plain Rust function of scalars ([`native`] makes it one of DataFusion's); they run over the
//! few rows of catalog tables, where nothing is gained by whole columns.

mod definitions;
mod names;
mod native;
mod server;
mod values;

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;

use super::knowledge::Knowledge;
pub(super) use native::constant;
use native::{Arguments, NativeFunction, Outcome, ResultType};

/// A function as declared: its name, what it gives, and how.
type Declaration = (&'static str, ResultType, fn(&Knowledge, &Arguments) -> Outcome);

/// All functions, over one snapshot.
pub(super) fn all(knowledge: &Arc<Knowledge>) -> impl Iterator<Item = ScalarUDF> + '_ {
    names::FUNCTIONS
        .iter()
        .chain(definitions::FUNCTIONS)
        .chain(server::FUNCTIONS)
        .chain(values::FUNCTIONS)
        .map(|declaration| made(declaration, knowledge))
}

/// Those about server and session.
pub(super) fn of_session(knowledge: &Arc<Knowledge>) -> impl Iterator<Item = ScalarUDF> + '_ {
    server::FUNCTIONS.iter().map(|declaration| made(declaration, knowledge))
}

/// Whether a name is that of one of them.
pub(super) fn is_of_session(name: &str) -> bool {
    server::FUNCTIONS.iter().any(|(known, _, _)| *known == name)
}

fn made(&(name, result, body): &Declaration, knowledge: &Arc<Knowledge>) -> ScalarUDF {
    ScalarUDF::new_from_impl(NativeFunction::new(name, result, body, knowledge.clone()))
}

/// Whether a name is that of one of these functions, which tells a statement about the catalogs from
/// others.
pub(super) fn is_known(name: &str) -> bool {
    names::FUNCTIONS
        .iter()
        .chain(definitions::FUNCTIONS)
        .chain(server::FUNCTIONS)
        .chain(values::FUNCTIONS)
        .any(|(known, _, _)| *known == name)
}
