//! ASSERT: waits until something is there, or is not, so that a script does not run ahead of it.

use std::time::Duration;

use tidemill_sql::parser::ast::{AssertSchema, AssertTopic, Assertion, Property};
use tidemill_storage::TopicName;
use tidemill_storage::log::TopicDescription;
use tokio::time::{Instant, sleep, timeout_at};

use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::registry::selection::Deleted;
use crate::registry::{SchemaId, SchemaRegistry};
use crate::response::Response;
use crate::statements::text_rows::done;

/// How long is waited where the statement does not say.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(1);

/// The longest that a statement may wait: a longer one would only look as if it hung.
const TIMEOUT_MAX: Duration = Duration::from_secs(60 * 60);

/// How often the registry is asked: it tells no one of its changes.
const REGISTRY_PAUSE: Duration = Duration::from_millis(20);

/// Answers ASSERT TOPIC.
///
/// # Errors
/// `NotFound` where the topic does not come in time, `AlreadyExists` where it does not go, `Invalid` where
/// it is not as the statement says.
pub async fn assert_topic(engine: &Engine, statement: &AssertTopic) -> Result<Response> {
    let name = TopicName::new(&statement.topic)?;
    let wanted = &statement.properties.entries;
    if let Some(unknown) = wanted.iter().find(|property| configuration(property, None).is_none()) {
        let message = format!("Configuration {} cannot be asserted", unknown.name);
        return Err(Error::new(ErrorKind::Invalid, message).with_hint("PARTITIONS and REPLICAS can"));
    }
    let deadline = Instant::now() + patience(&statement.assertion)?;
    let mut changes = engine.topics().changes();
    loop {
        let found = engine.topics().get(&name);
        let missing = match (&found, statement.assertion.exists) {
            (Some(topic), true) => {
                match wanted.iter().find_map(|property| mismatch(&name, topic, property)) {
                    None => return Ok(done("ASSERT", format!("Topic {name} exists."))),
                    Some(mismatch) => mismatch,
                }
            }
            (None, false) => return Ok(done("ASSERT", format!("Topic {name} does not exist."))),
            (None, true) => {
                let topics = engine.topics().list();
                Error::new(ErrorKind::NotFound, format!("Topic {name} does not exist."))
                    .with_suggestion(name.as_str(), topics.iter().map(|topic| topic.name.as_str()))
            }
            (Some(_), false) => Error::new(ErrorKind::AlreadyExists, format!("Topic {name} exists.")),
        };
        // Topics change one at a time, and every change wakes this up.
        if !matches!(timeout_at(deadline, changes.changed()).await, Ok(Ok(()))) {
            return Err(missing);
        }
    }
}

/// Answers ASSERT SCHEMA.
///
/// # Errors
/// `NotFound` where the schema does not come in time, `AlreadyExists` where it does not go, `Invalid` for a
/// statement that names none.
pub async fn assert_schema(engine: &Engine, statement: &AssertSchema) -> Result<Response> {
    let mut shown = "Schema with".to_owned();
    if let Some(subject) = &statement.subject {
        shown.push_str(&format!(" subject name {subject}"));
    }
    if let Some(id) = statement.id {
        shown.push_str(&format!(" id {id}"));
    }
    if statement.subject.is_none() && statement.id.is_none() {
        return Err(Error::new(ErrorKind::Invalid, "Cannot assert a schema without a subject or an ID")
            .with_hint("ASSERT SCHEMA SUBJECT 'name' ID 1, or one of both"));
    }
    // An id that is no id is one that no schema has.
    let id = statement.id.map(|id| SchemaId(i32::try_from(id).unwrap_or(i32::MAX)));
    let deadline = Instant::now() + patience(&statement.assertion)?;
    loop {
        let found = has_schema(engine.schemas(), statement.subject.as_deref(), id);
        let told = format!("{shown} {}", if found { "exists." } else { "does not exist." });
        if found == statement.assertion.exists {
            return Ok(done("ASSERT", told));
        }
        if Instant::now() >= deadline {
            let kind = if found { ErrorKind::AlreadyExists } else { ErrorKind::NotFound };
            return Err(Error::new(kind, told));
        }
        sleep(REGISTRY_PAUSE.min(deadline - Instant::now())).await;
    }
}

fn has_schema(registry: &SchemaRegistry, subject: Option<&str>, id: Option<SchemaId>) -> bool {
    match (subject, id) {
        (None, None) => false,
        (Some(subject), None) => registry.latest(subject).is_some(),
        (None, Some(id)) => registry.by_id(id).is_some(),
        (Some(subject), Some(id)) => registry
            .versions_of(id, Deleted::Excluded)
            .is_ok_and(|versions| versions.iter().any(|(having, _)| having == subject)),
    }
}

/// How long a statement waits.
fn patience(assertion: &Assertion) -> Result<Duration> {
    let Some((amount, unit)) = assertion.timeout else { return Ok(TIMEOUT_DEFAULT) };
    let millis = u64::try_from(unit.millis()).unwrap_or(u64::MAX).saturating_mul(amount);
    let wanted = Duration::from_millis(millis);
    if wanted <= TIMEOUT_MAX {
        return Ok(wanted);
    }
    let message = format!("TIMEOUT may be at most {} seconds", TIMEOUT_MAX.as_secs());
    Err(Error::new(ErrorKind::Invalid, message))
}

fn mismatch(name: &TopicName, topic: &TopicDescription, property: &Property) -> Option<Error> {
    let (shown, found) = configuration(property, Some(topic))?;
    let wanted = property.value.as_text();
    if wanted.trim() == found {
        return None;
    }
    let message = format!(
        "Mismatched configuration for topic {name}: For config {shown}, expected {wanted} got {found}"
    );
    Some(Error::new(ErrorKind::Invalid, message))
}

/// What a property of the statement is about, and what it is of a topic; `None` for one that no topic has.
fn configuration(property: &Property, topic: Option<&TopicDescription>) -> Option<(&'static str, String)> {
    match property.name.as_str() {
        "PARTITIONS" => Some((
            "partitions",
            topic.map_or_else(String::new, |topic| topic.settings.partitions.to_string()),
        )),
        // One copy is what there is of every topic.
        "REPLICAS" => Some(("replicas", "1".to_owned())),
        _ => None,
    }
}
