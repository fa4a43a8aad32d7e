//! ALTER STREAM and ALTER TABLE.

use std::sync::Arc;

use tidemill_sql::lookup::Source;
use tidemill_sql::parser::ast::AlterSource;
use tidemill_sql::planner::{self, PlannedAlteration};

use crate::catalog::CatalogSource;
use crate::error::{Error, ErrorKind, Result};
use crate::response::Response;
use crate::session::Session;
use crate::statements::create::{check_formats, register_changed_schemas};
use crate::statements::text_rows::done;

/// Gives a declared stream or table more columns. What was written before has no value for them. Where
/// the schema that the declaration registered is the newest of the topic, that of the new columns follows
/// it.
///
/// Queries that read the source go on with the columns it had when they were made. One that fills it stands
/// in the way: it would write other columns when it starts again.
///
/// # Errors
/// Everything that is wrong with the statement, `InUse`, those of the schema registry, and of the disk.
pub fn alter_source(session: &Session, statement: &AlterSource, text: &str) -> Result<Response> {
    let engine = session.engine();
    let PlannedAlteration { before, after } = planner::plan_alter_source(statement, &session.lookup())?;
    let name = before.name.clone();
    check_formats(&after)?;
    engine.catalog().change(|state, _| {
        let old = Arc::new(state.clone());
        let found = state.source(&name)?.clone();
        check_alterable(&found, &before)?;
        let after = Arc::new(after);
        let altered = CatalogSource {
            source: after.clone(),
            // What was declared and what was added, in the order in which it was said.
            statement: format!("{};\n{text}", found.statement),
            ..found.as_ref().clone()
        };
        state.sources.insert(name.clone(), Arc::new(altered));
        let affected = engine.queries().changed_between(&old, &Arc::new(state.clone()));
        if affected.is_empty() {
            return register_changed_schemas(engine, &before, &after);
        }
        let message = format!(
            "Cannot alter '{name}': queries [{}] would read or write other columns",
            affected.join(", ")
        );
        Err(Error::new(ErrorKind::InUse, message).with_hint("terminate them first"))
    })?;
    let tag = format!("ALTER {}", statement.kind.keyword());
    Ok(done(tag, format!("Source `{name}` was altered")))
}

fn check_alterable(found: &CatalogSource, planned: &Arc<Source>) -> Result<()> {
    if found.query.is_some() {
        let message = "ALTER command is not supported for CREATE ... AS statements.";
        return Err(Error::new(ErrorKind::Unsupported, message)
            .with_hint("CREATE OR REPLACE … AS SELECT replaces the query and with it the columns"));
    }
    if found.source.topic == crate::processing_log::TOPIC {
        let message = format!("'{}' is the server's own and cannot be altered", found.source.name);
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    // Changes come one at a time, so that this is only asked for the sake of whoever changes that.
    if found.source != *planned {
        return Err(Error::internal(format!("'{}' has changed meanwhile", found.source.name)));
    }
    Ok(())
}
