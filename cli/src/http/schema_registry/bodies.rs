//! The JSON of requests and answers.

use std::str::FromStr;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tidemill_engine::registry::{
    ParsedSchema, RegisteredSchema, RegistryError, ResolvedSchema, SchemaDefinition, SchemaKind,
    SchemaReference, TextForm,
};

use super::media_type;
use super::refusal::Refusal;

/// An answer in JSON.
pub(super) struct Json<T>(pub(super) T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => ([(header::CONTENT_TYPE, media_type::OWN)], body).into_response(),
            Err(error) => {
                tracing::error!(%error, "an answer of the schema registry could not be written");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}

/// The text of a schema as an answer of its own.
pub(super) struct Text(pub(super) String);

impl IntoResponse for Text {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, media_type::OWN)], self.0).into_response()
    }
}

/// A body as it came, or why it did not.
pub(super) type Body = Result<Bytes, BytesRejection>;

/// Reads a request's JSON.
pub(super) fn read<T: DeserializeOwned>(body: Body) -> Result<T, Refusal> {
    let bytes = body.map_err(|rejection| Refusal::of_request(rejection.status(), rejection.body_text()))?;
    serde_json::from_slice(&bytes).map_err(|error| {
        let status = if error.is_data() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::BAD_REQUEST };
        Refusal::of_request(status, format!("the body is not what is asked for: {error}"))
    })
}

/// A schema somebody brings.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SchemaRequest {
    schema: Option<String>,
    schema_type: Option<String>,
    references: Option<Vec<ReferenceBody>>,
    pub(super) id: Option<i32>,
    pub(super) version: Option<i32>,
    metadata: Option<Value>,
    rule_set: Option<Value>,
}

/// A reference to another schema.
#[derive(Serialize, Deserialize)]
pub(super) struct ReferenceBody {
    name: String,
    subject: String,
    version: i32,
}

impl SchemaRequest {
    /// The schema itself.
    pub(super) fn definition(self) -> Result<SchemaDefinition, Refusal> {
        for (name, value) in [("metadata", &self.metadata), ("ruleSet", &self.rule_set)] {
            refuse_unsupported(name, value.as_ref())?;
        }
        let kind = self.schema_type.as_deref().map_or(Ok(SchemaKind::Avro), SchemaKind::from_str)?;
        let references = self.references.unwrap_or_default().into_iter();
        Ok(SchemaDefinition {
            kind,
            text: self.schema.unwrap_or_default(),
            references: references
                .map(|reference| SchemaReference {
                    name: reference.name,
                    subject: reference.subject,
                    version: reference.version,
                })
                .collect(),
        })
    }
}

/// Refuses what would be lost without a word.
pub(super) fn refuse_unsupported(name: &str, value: Option<&Value>) -> Result<(), Refusal> {
    let is_empty = match value {
        None | Some(Value::Null) => true,
        Some(Value::Object(members)) => members.values().all(|value| match value {
            Value::Null => true,
            Value::Array(items) => items.is_empty(),
            Value::Object(members) => members.is_empty(),
            _ => false,
        }),
        Some(_) => false,
    };
    if is_empty {
        return Ok(());
    }
    let message = format!("'{name}' is not supported: leave it out");
    Err(Refusal::of_request(StatusCode::UNPROCESSABLE_ENTITY, message))
}

/// A schema, with what is known of it where it was found.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SchemaBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schema_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    references: Vec<ReferenceBody>,
    schema: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_id: Option<i32>,
}

impl SchemaBody {
    /// Of a schema alone; `format` says how its text is wanted.
    pub(super) fn of_schema(schema: &ResolvedSchema, format: &str) -> Result<SchemaBody, Refusal> {
        let definition = &schema.definition;
        let references = definition.references.iter().map(|reference| ReferenceBody {
            name: reference.name.clone(),
            subject: reference.subject.clone(),
            version: reference.version,
        });
        Ok(SchemaBody {
            subject: None,
            version: None,
            id: None,
            // Avro is what a schema is of that does not say: clients from before there were others rely on it.
            schema_type: Some(definition.kind.name()).filter(|_| definition.kind != SchemaKind::Avro),
            references: references.collect(),
            schema: text_in(schema, format)?,
            max_id: None,
        })
    }

    /// Of a version of a subject.
    pub(super) fn of_version(found: &RegisteredSchema, format: &str) -> Result<SchemaBody, Refusal> {
        Ok(SchemaBody {
            subject: Some(found.subject.clone()),
            version: Some(found.version),
            id: Some(found.id.0),
            ..SchemaBody::of_schema(&found.schema, format)?
        })
    }
}

/// The text of a schema, as it is wanted.
pub(super) fn text_in(schema: &ResolvedSchema, format: &str) -> Result<String, RegistryError> {
    let wanted = match TextForm::of_name(format) {
        Some(form) => ParsedSchema::parse(schema)?.text_in(form)?,
        None => None,
    };
    Ok(wanted.unwrap_or_else(|| schema.definition.text.clone()))
}
