//! The schemas that statements declare, without running them.

use tidemill_sql::parser::ast::Statement;
use tidemill_sql::parser::parse;
use tidemill_sql::planner;

use crate::formats::{PartFormat, RecordPart};
use crate::registry::SchemaDefinition;
use crate::session::Session;

/// The schemas of keys and values that the statements of a text declare by their columns, with the subjects
/// they would be registered under. What cannot be planned yet declares none: it is told when it is run.
#[must_use]
pub fn declared_schemas(session: &Session, text: &str) -> Vec<(String, SchemaDefinition)> {
    let parsed = parse(text).unwrap_or_default();
    let declared = parsed.iter().filter_map(|parsed| match &parsed.statement {
        Statement::CreateSource(create) if !create.elements.is_empty() => {
            planner::plan_create_source(create, &session.lookup()).ok()
        }
        _ => None,
    });
    let of_part = |source: &_, part| PartFormat::of(source, part).ok()?.declared_schema();
    declared
        .flat_map(|planned| {
            [RecordPart::Key, RecordPart::Value]
                .into_iter()
                .filter_map(move |part| of_part(&planned.source, part))
        })
        .collect()
}
