//! The stored forms of what the registry keeps.
//!
//! All are JSON objects, as the catalog's records are; the keys are in [`crate::state_keys`]. A member that
//! a later version adds must have a default, so that what is stored now can still be read.

use std::str::FromStr;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind};
use crate::registry::definition::{SchemaDefinition, SchemaId, SchemaKind, SchemaReference};
use crate::registry::error::{RegistryError, RegistryResult};
use crate::registry::settings::Settings;
use crate::registry::subject::SubjectVersion;

#[derive(Serialize, Deserialize)]
struct StoredSchema {
    kind: String,
    text: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    references: Vec<StoredReference>,
}

#[derive(Serialize, Deserialize)]
struct StoredReference {
    name: String,
    subject: String,
    version: i32,
}

#[derive(Serialize, Deserialize)]
struct StoredVersion {
    id: i32,
    #[serde(default)]
    deleted: bool,
}

#[derive(Serialize, Deserialize)]
struct StoredSettings {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    compatibility: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mode: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    normalize: Option<bool>,
}

#[derive(Serialize, Deserialize)]
struct StoredSequence {
    next_id: i32,
}

pub(super) fn write_schema(definition: &SchemaDefinition) -> RegistryResult<Vec<u8>> {
    let references = definition.references.iter().map(|reference| StoredReference {
        name: reference.name.clone(),
        subject: reference.subject.clone(),
        version: reference.version,
    });
    write(&StoredSchema {
        kind: definition.kind.name().to_owned(),
        text: definition.text.clone(),
        references: references.collect(),
    })
}

pub(super) fn read_schema(bytes: &[u8]) -> RegistryResult<SchemaDefinition> {
    let stored: StoredSchema = read(bytes)?;
    let references = stored.references.into_iter().map(|reference| SchemaReference {
        name: reference.name,
        subject: reference.subject,
        version: reference.version,
    });
    let kind = SchemaKind::from_str(&stored.kind).map_err(|error| damaged(&error))?;
    Ok(SchemaDefinition { kind, text: stored.text, references: references.collect() })
}

pub(super) fn write_version(version: SubjectVersion) -> RegistryResult<Vec<u8>> {
    write(&StoredVersion { id: version.id.0, deleted: version.is_deleted })
}

pub(super) fn read_version(bytes: &[u8]) -> RegistryResult<SubjectVersion> {
    let stored: StoredVersion = read(bytes)?;
    Ok(SubjectVersion { id: SchemaId(stored.id), is_deleted: stored.deleted })
}

pub(super) fn write_settings(settings: Settings) -> RegistryResult<Vec<u8>> {
    write(&StoredSettings {
        compatibility: settings.compatibility.map(|level| level.name().to_owned()),
        mode: settings.mode.map(|mode| mode.name().to_owned()),
        normalize: settings.normalize,
    })
}

pub(super) fn read_settings(bytes: &[u8]) -> RegistryResult<Settings> {
    let stored: StoredSettings = read(bytes)?;
    Ok(Settings {
        compatibility: parsed(stored.compatibility)?,
        mode: parsed(stored.mode)?,
        normalize: stored.normalize,
    })
}

pub(super) fn write_sequence(next_id: i32) -> RegistryResult<Vec<u8>> {
    write(&StoredSequence { next_id })
}

pub(super) fn read_sequence(bytes: &[u8]) -> RegistryResult<i32> {
    Ok(read::<StoredSequence>(bytes)?.next_id)
}

fn parsed<T: FromStr<Err = RegistryError>>(name: Option<String>) -> RegistryResult<Option<T>> {
    name.map(|name| T::from_str(&name)).transpose().map_err(|error| damaged(&error))
}

fn write(record: &impl Serialize) -> RegistryResult<Vec<u8>> {
    serde_json::to_vec(record).map_err(|error| Error::internal(error.to_string()).into())
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> RegistryResult<T> {
    serde_json::from_slice(bytes).map_err(|error| damaged(&error))
}

fn damaged(error: &dyn std::error::Error) -> RegistryError {
    Error::new(ErrorKind::Corrupt, format!("a record of the schema registry is damaged: {error}")).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::compatibility::CompatibilityLevel;
    use crate::registry::settings::Mode;

    #[test]
    fn what_is_written_reads_back() {
        let reference = SchemaReference { name: "a.B".to_owned(), subject: "b-value".to_owned(), version: 3 };
        for kind in SchemaKind::ALL {
            let definition =
                SchemaDefinition { kind, text: "\"ü\0\"".to_owned(), references: vec![reference.clone()] };
            let bytes = write_schema(&definition).expect("writes");
            assert_eq!(read_schema(&bytes).expect("reads"), definition);
        }
        let settings = Settings {
            compatibility: Some(CompatibilityLevel::FullTransitive),
            mode: Some(Mode::Import),
            normalize: Some(true),
        };
        assert_eq!(read_settings(&write_settings(settings).expect("writes")).expect("reads"), settings);
    }

    #[test]
    fn damage_is_told_as_damage() {
        let error = read_schema(b"{\"kind\": \"XML\", \"text\": \"\"}").expect_err("no such kind");
        assert_eq!(Error::from(error).kind, ErrorKind::Corrupt);
        let error = read_version(b"{").expect_err("no JSON");
        assert_eq!(Error::from(error).kind, ErrorKind::Corrupt);
    }
}
