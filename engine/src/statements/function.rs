//! CREATE FUNCTION and DROP FUNCTION.
//!
//! A call of such a function is planned as the function's expression, and a query is planned whenever it
//! starts. So a function that a query calls must stay what it is.

use std::sync::Arc;

use tidemill_sql::Position;
use tidemill_sql::parser::ast::CreateFunction;
use tidemill_sql::planner::{calls_function, plan_create_function};

use crate::catalog::CatalogState;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::response::Response;
use crate::session::Session;
use crate::statements::text_rows::done;

/// Makes a function, or gives one another body.
///
/// # Errors
/// Everything that is wrong with it, `AlreadyExists`, `InUse` where a query calls the one it would replace,
/// and those of the disk.
pub fn create_function(session: &Session, statement: &CreateFunction) -> Result<Response> {
    const TAG: &str = "CREATE FUNCTION";
    let engine = session.engine();
    let function = plan_create_function(statement, &session.lookup())?;
    let name = function.name.clone();
    if let Some(found) = engine.catalog().state().functions.get(&name) {
        if statement.if_not_exists {
            return Ok(done(TAG, format!("Function {} exists", found.signature())));
        }
        if !statement.or_replace {
            let message = format!("Function '{name}' already exists");
            return Err(Error::new(ErrorKind::AlreadyExists, message)
                .with_hint("use CREATE OR REPLACE FUNCTION, or DROP FUNCTION it first")
                .at(Position::from_location(statement.name.span.start)));
        }
    }
    let replaced = engine.catalog().change(|state, _| {
        let old = Arc::new(state.clone());
        let replaced = state.functions.insert(name.clone(), Arc::new(function)).is_some();
        check_queries(engine, &old, state, &format!("replace function '{name}'"))?;
        Ok(replaced)
    })?;
    Ok(done(TAG, format!("Function '{name}' {}", if replaced { "replaced" } else { "created" })))
}

/// Drops a function that nothing calls.
///
/// # Errors
/// `NotFound`, `InUse`, and those of the disk.
pub fn drop_function(engine: &Engine, name: &str, if_exists: bool) -> Result<Response> {
    const TAG: &str = "DROP FUNCTION";
    let name = name.to_uppercase();
    let dropped = engine.catalog().change(|state, _| {
        let old = Arc::new(state.clone());
        if state.functions.remove(&name).is_none() {
            return Ok(false);
        }
        let callers = state.functions.values().filter(|function| calls_function(function, &name));
        let callers: Vec<&str> = callers.map(|function| function.name.as_str()).collect();
        if !callers.is_empty() {
            let message =
                format!("Cannot drop function '{name}': functions [{}] call it", callers.join(", "));
            return Err(Error::new(ErrorKind::InUse, message).with_hint("drop these functions first"));
        }
        check_queries(engine, &old, state, &format!("drop function '{name}'"))?;
        Ok(true)
    })?;
    if dropped {
        return Ok(done(TAG, format!("Function '{name}' was dropped")));
    }
    if if_exists {
        return Ok(done(TAG, format!("Function '{name}' does not exist")));
    }
    let catalog = engine.catalog().state();
    Err(Error::new(ErrorKind::NotFound, format!("there is no function '{name}' made by CREATE FUNCTION"))
        .with_suggestion(&name, catalog.functions.keys().map(String::as_str))
        .or_hint("SHOW FUNCTIONS lists all functions"))
}

fn check_queries(engine: &Engine, old: &Arc<CatalogState>, new: &CatalogState, doing: &str) -> Result<()> {
    let affected = engine.queries().changed_between(old, &Arc::new(new.clone()));
    if affected.is_empty() {
        return Ok(());
    }
    let message = format!("Cannot {doing}: queries [{}] call it", affected.join(", "));
    Err(Error::new(ErrorKind::InUse, message).with_hint("terminate these queries first"))
}
