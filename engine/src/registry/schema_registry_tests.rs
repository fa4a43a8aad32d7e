//! The registry's operations, over a store in memory.

use std::str::FromStr;
use std::sync::Arc;

use tidemill_storage::StorageError;
use tidemill_storage::state::StateStore;
use tidemill_storage::state::memory::{MemoryStateStore, WriteFault};

use super::*;

fn avro(text: &str) -> SchemaDefinition {
    SchemaDefinition::new(SchemaKind::Avro, text)
}

/// A record with these fields, each with a default or not.
fn record(fields: &[(&str, bool)]) -> SchemaDefinition {
    let field = |(name, has_default): &(&str, bool)| {
        let default = if *has_default { ",\"default\":0" } else { "" };
        format!("{{\"name\":\"{name}\",\"type\":\"int\"{default}}}")
    };
    let fields = fields.iter().map(field).collect::<Vec<_>>().join(",");
    avro(&format!("{{\"type\":\"record\",\"name\":\"R\",\"fields\":[{fields}]}}"))
}

fn set_level(registry: &SchemaRegistry, subject: Option<&str>, level: CompatibilityLevel) {
    let set = |settings: &mut Settings| {
        settings.compatibility = Some(level);
        Ok(())
    };
    registry.change_settings(subject, set).expect("is set");
}

fn register(registry: &SchemaRegistry, subject: &str, definition: SchemaDefinition) -> RegisteredSchema {
    registry.register(subject, definition, false).expect("registers")
}

/// A schema that names the first version of a subject.
fn referring_to(subject: &str) -> SchemaDefinition {
    let reference = SchemaReference { name: "R".to_owned(), subject: subject.to_owned(), version: 1 };
    SchemaDefinition { references: vec![reference], ..avro(r#"{"type":"array","items":"R"}"#) }
}

#[test]
fn the_same_schema_has_one_id_everywhere_and_one_version_in_a_subject() {
    let registry = SchemaRegistry::in_memory();
    let first = register(&registry, "a", avro(r#"{"type": "string"}"#));
    let again = register(&registry, "a", avro(r#""string""#));
    let elsewhere = register(&registry, "b", avro(r#" "string" "#));
    assert_eq!((first.id, first.version), (SchemaId(1), 1));
    assert_eq!((again.id, again.version), (SchemaId(1), 1));
    assert_eq!((elsewhere.id, elsewhere.version), (SchemaId(1), 1));
    assert_eq!(register(&registry, "b", avro(r#""bytes""#)).id, SchemaId(2));
    assert_eq!(registry.latest("b").expect("is there").version, 2);
    assert_eq!(registry.id_of("a", &avro(r#""string""#)), Some(SchemaId(1)));
    assert_eq!(registry.id_of("a", &avro(r#""bytes""#)), None);
    assert_eq!(registry.id_max(), Some(SchemaId(2)));
}

#[test]
fn what_was_registered_survives_a_power_cut() {
    let store = Arc::new(MemoryStateStore::new());
    let registry = SchemaRegistry::open(store.clone()).expect("opens");
    let first = register(&registry, "a", record(&[("x", false)]));
    register(&registry, "b", avro(r#""int""#));
    registry.delete_subject("b", Deletion::Soft).expect("is deleted");
    let referring = register(&registry, "c", referring_to("a"));
    set_level(&registry, Some("a"), CompatibilityLevel::Full);
    registry.set_mode(None, Mode::Import, true).expect("is set");

    let reopened = SchemaRegistry::open(Arc::new(store.restarted(None))).expect("opens");
    assert_eq!(reopened.latest("a"), Some(first));
    assert_eq!(reopened.latest("b"), None);
    assert_eq!(reopened.latest("c"), Some(referring));
    assert_eq!(reopened.subjects("", Deleted::Only), ["b"]);
    assert_eq!(reopened.settings(Some("a")).compatibility, Some(CompatibilityLevel::Full));
    assert_eq!(reopened.settings(Some("a")).mode, Some(Mode::Import));
    assert_eq!(reopened.settings(Some("b")).compatibility, Some(CompatibilityLevel::Backward));
    reopened.set_mode(None, Mode::ReadWrite, false).expect("is set");
    assert_eq!(register(&reopened, "d", avro(r#""long""#)).id, SchemaId(4));
}

#[test]
fn ids_are_not_given_again_after_what_had_them_is_gone() {
    let store = Arc::new(MemoryStateStore::new());
    let registry = SchemaRegistry::open(store.clone()).expect("opens");
    register(&registry, "a", avro(r#""int""#));
    registry.delete_subject("a", Deletion::Soft).expect("is deleted");
    registry.delete_subject("a", Deletion::Permanent).expect("is forgotten");
    assert_eq!(registry.by_id(SchemaId(1)), None);
    let reopened = SchemaRegistry::open(Arc::new(store.restarted(None))).expect("opens");
    assert_eq!(reopened.by_id(SchemaId(1)), None);
    let again = register(&reopened, "a", avro(r#""int""#));
    assert_eq!((again.id, again.version), (SchemaId(2), 1));
}

#[test]
fn a_failed_write_changes_nothing() {
    let fail =
        |_, _| Some(WriteFault::Fail(StorageError::new(tidemill_storage::ErrorKind::DiskFull, "full")));
    let store: Arc<dyn StateStore> = Arc::new(MemoryStateStore::with_faults(Box::new(fail)));
    let registry = SchemaRegistry::open(store).expect("opens");
    let error = registry.register("a", avro(r#""int""#), false).expect_err("the disk is full");
    assert!(matches!(error, RegistryError::Store(_)), "{error:?}");
    assert_eq!(registry.latest("a"), None);
    assert_eq!(registry.by_id(SchemaId(1)), None);
}

/// Which of three ways to go on each level takes: from a field `x` with a default, and before that from `x`
/// and `y` without.
#[test]
fn every_level_takes_what_it_says() {
    use CompatibilityLevel::{
        Backward, BackwardTransitive, Forward, ForwardTransitive, Full, FullTransitive, None,
    };
    let history = [record(&[("x", false), ("y", false)]), record(&[("x", true)])];
    let added_with_default = record(&[("x", true), ("z", true)]);
    let added_without_default = record(&[("x", true), ("z", false)]);
    let removed = record(&[]);
    let takes = |level: CompatibilityLevel, new: &SchemaDefinition| {
        let registry = SchemaRegistry::in_memory();
        set_level(&registry, Option::None, None);
        for schema in &history {
            register(&registry, "s", schema.clone());
        }
        set_level(&registry, Some("s"), level);
        let report = registry.check_compatibility("s", Option::None, new.clone(), false).expect("is checked");
        assert_eq!(report.is_compatible(), registry.register("s", new.clone(), false).is_ok());
        report.is_compatible()
    };
    for (level, expected) in [
        (None, [true, true, true]),
        (Backward, [true, false, true]),
        (BackwardTransitive, [true, false, true]),
        (Forward, [true, true, true]),
        (ForwardTransitive, [false, false, false]),
        (Full, [true, false, true]),
        (FullTransitive, [false, false, false]),
    ] {
        let found = [&added_with_default, &added_without_default, &removed].map(|new| takes(level, new));
        assert_eq!(found, expected, "{level}");
    }
}

#[test]
fn a_refused_schema_is_told_with_what_is_in_the_way() {
    let registry = SchemaRegistry::in_memory();
    register(&registry, "s", record(&[]));
    let error = registry.register("s", record(&[("x", false)]), false).expect_err("has no default");
    let message = error.to_string();
    for part in
        ["subject \"s\"", "READER_FIELD_MISSING_DEFAULT_VALUE", "'x'", "oldSchemaVersion: 1", "BACKWARD"]
    {
        assert!(message.contains(part), "{message}");
    }
    assert_eq!(registry.versions("s", Deleted::Included).expect("is there"), [1]);
    let changed_kind = SchemaDefinition::new(SchemaKind::Json, "{}");
    assert!(registry.register("s", changed_kind.clone(), false).is_err());
    set_level(&registry, Some("s"), CompatibilityLevel::None);
    assert_eq!(register(&registry, "s", changed_kind).version, 2);
}

#[test]
fn a_version_is_deleted_softly_and_then_for_good() {
    let registry = SchemaRegistry::in_memory();
    let first = register(&registry, "s", record(&[("x", true)]));
    register(&registry, "s", record(&[("x", true), ("y", true)]));
    let latest = VersionSelector::Latest;
    let permanent = registry.delete_version("s", latest, Deletion::Permanent);
    assert!(matches!(permanent, Err(RegistryError::VersionNotSoftDeleted { version: 2, .. })));
    assert_eq!(registry.delete_version("s", latest, Deletion::Soft), Ok(2));
    let second = VersionSelector::Number(2);
    let again = registry.delete_version("s", second, Deletion::Soft);
    assert!(matches!(again, Err(RegistryError::VersionSoftDeleted { version: 2, .. })));
    assert_eq!(registry.latest("s"), Some(first));
    assert_eq!(registry.version("s", 2), None);
    assert!(registry.by_id(SchemaId(2)).is_some(), "what was written with it is still read");
    assert_eq!(registry.find("s", latest, Deleted::Included).expect("is there").version, 2);
    assert_eq!(register(&registry, "s", record(&[("x", true), ("z", true)])).version, 3);
    assert_eq!(registry.delete_version("s", second, Deletion::Permanent), Ok(2));
    assert_eq!(registry.by_id(SchemaId(2)), None);
    assert_eq!(registry.versions("s", Deleted::Included), Ok(vec![1, 3]));
    let gone = registry.delete_version("s", second, Deletion::Permanent);
    assert_eq!(gone, Err(RegistryError::VersionNotFound("2".to_owned())));
}

#[test]
fn a_subject_goes_with_its_settings_and_counts_on_when_it_comes_back() {
    let registry = SchemaRegistry::in_memory();
    let unknown = registry.delete_subject("s", Deletion::Soft);
    assert_eq!(unknown, Err(RegistryError::SubjectNotFound("s".to_owned())));
    register(&registry, "s", record(&[("x", false)]));
    set_level(&registry, Some("s"), CompatibilityLevel::None);
    let permanent = registry.delete_subject("s", Deletion::Permanent);
    assert_eq!(permanent, Err(RegistryError::SubjectNotSoftDeleted("s".to_owned())));
    assert_eq!(registry.delete_subject("s", Deletion::Soft), Ok(vec![1]));
    let again = registry.delete_subject("s", Deletion::Soft);
    assert_eq!(again, Err(RegistryError::SubjectSoftDeleted("s".to_owned())));
    assert_eq!(registry.own_settings(Some("s")), Settings::default());
    assert_eq!(registry.subjects("", Deleted::Excluded), Vec::<String>::new());
    assert_eq!(registry.subjects("", Deleted::Included), ["s"]);
    let back = register(&registry, "s", record(&[("x", false)]));
    assert_eq!((back.id, back.version), (SchemaId(1), 2));
    registry.delete_subject("s", Deletion::Soft).expect("is deleted");
    assert_eq!(registry.delete_subject("s", Deletion::Permanent), Ok(vec![1, 2]));
    assert_eq!(registry.subjects("", Deleted::Included), Vec::<String>::new());
}

#[test]
fn what_others_build_on_stays() {
    let registry = SchemaRegistry::in_memory();
    register(&registry, "base", record(&[]));
    let referring = register(&registry, "list", referring_to("base"));
    assert_eq!(referring.schema.imports, [("R".to_owned(), record(&[]).text)]);
    assert_eq!(registry.referenced_by("base", VersionSelector::Number(1)), Ok(vec![referring.id]));
    let deleted = registry.delete_subject("base", Deletion::Soft);
    assert!(matches!(deleted, Err(RegistryError::ReferenceExists { version: 1, .. })), "{deleted:?}");
    registry.delete_subject("list", Deletion::Soft).expect("is deleted");
    assert_eq!(registry.delete_subject("base", Deletion::Soft), Ok(vec![1]));
    let forgotten = registry.delete_subject("base", Deletion::Permanent);
    assert!(matches!(forgotten, Err(RegistryError::ReferenceExists { version: 1, .. })), "{forgotten:?}");
    registry.delete_subject("list", Deletion::Permanent).expect("is forgotten");
    assert_eq!(registry.delete_subject("base", Deletion::Permanent), Ok(vec![1]));
    let error = registry.register("list", referring_to("base"), false).expect_err("it is gone");
    assert!(error.to_string().contains("no version 1"), "{error}");
}

#[test]
fn references_are_followed_all_the_way_in_the_order_of_reading() {
    let registry = SchemaRegistry::in_memory();
    let names =
        |schema: &ResolvedSchema| schema.imports.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    let link = |name: &str, before: Option<&str>| {
        let field = before.map_or_else(String::new, |before| format!(r#"{{"name":"f","type":"{before}"}}"#));
        let text = format!(r#"{{"type":"record","name":"{name}","fields":[{field}]}}"#);
        let reference =
            |name: &str| SchemaReference { name: name.to_owned(), subject: name.to_owned(), version: 1 };
        SchemaDefinition { references: before.map(reference).into_iter().collect(), ..avro(&text) }
    };
    register(&registry, "A", link("A", None));
    register(&registry, "B", link("B", Some("A")));
    let last = register(&registry, "C", link("C", Some("B")));
    assert_eq!(names(&last.schema), ["A", "B"]);
}

#[test]
fn imported_schemas_keep_the_ids_they_come_with() {
    let registry = SchemaRegistry::in_memory();
    let imported = registry.register_as("s", avro(r#""int""#), SchemaId(100), Some(7)).expect("is imported");
    assert_eq!((imported.id, imported.version), (SchemaId(100), 7));
    let again = registry.register_as("s", avro(r#""int""#), SchemaId(100), None);
    assert_eq!(again, Ok(imported));
    let other = registry.register_as("s", avro(r#""long""#), SchemaId(100), None);
    assert!(matches!(other, Err(RegistryError::IdDoesNotMatch(_))), "{other:?}");
    let taken = registry.register_as("s", avro(r#""long""#), SchemaId(101), Some(7));
    assert!(matches!(taken, Err(RegistryError::IdDoesNotMatch(_))), "{taken:?}");
    let twin = registry.register_as("t", avro(r#""int""#), SchemaId(3), None).expect("is imported");
    assert_eq!(twin.id, SchemaId(3));
    assert_eq!(registry.id_of("s", &avro(r#""int""#)), Some(SchemaId(100)));
    assert_eq!(registry.id_of("t", &avro(r#""int""#)), Some(SchemaId(3)));
    assert_eq!(register(&registry, "u", avro(r#""bytes""#)).id, SchemaId(101));
    assert!(registry.register_as("t", avro(r#""int""#), SchemaId(0), None).is_err());
    let last = registry.register_as("t", avro(r#""string""#), SchemaId(i32::MAX), None);
    assert!(matches!(last, Err(RegistryError::LimitExceeded(_))), "{last:?}");
}

#[test]
fn the_mode_says_what_may_be_changed() {
    let registry = SchemaRegistry::in_memory();
    register(&registry, "s", record(&[("x", true)]));
    let is_refused =
        |result: RegistryResult<RegisteredSchema>| matches!(result, Err(RegistryError::NotPermitted(_)));
    registry.set_mode(Some("s"), Mode::ReadOnly, false).expect("is set");
    assert!(registry.register("s", record(&[("x", true)]), false).is_ok(), "it is there already");
    assert!(is_refused(registry.register("s", record(&[]), false)));
    assert!(registry.delete_subject("s", Deletion::Soft).is_err());
    assert!(registry.register("t", record(&[]), false).is_ok());
    assert!(registry.set_mode(Some("s"), Mode::Import, false).is_err(), "there are others");
    registry.set_mode(Some("s"), Mode::Import, true).expect("is meant");
    assert!(is_refused(registry.register("s", record(&[]), false)));
    assert!(registry.import("s", record(&[]), SchemaId(50), None).is_ok());
    assert!(is_refused(registry.import("t", avro(r#""int""#), SchemaId(51), None)));
    registry.set_mode(None, Mode::ReadOnlyOverride, false).expect("is set");
    registry.set_mode(Some("t"), Mode::ReadWrite, false).expect("is set");
    assert!(is_refused(registry.register("t", record(&[("q", true)]), false)));
}

#[test]
fn normalizing_makes_one_of_what_is_the_same() {
    let registry = SchemaRegistry::in_memory();
    let left = avro(r#"{"type":"string","b":1,"a":2}"#);
    let right = avro(r#"{"type":"string","a":2,"b":1}"#);
    let first = registry.register("s", left.clone(), true).expect("registers");
    assert_eq!(registry.register("s", right.clone(), true).expect("registers"), first);
    assert_eq!(registry.look_up("s", right.clone(), true, Deleted::Excluded), Ok(first));
    assert_eq!(register(&registry, "t", left).version, 1);
    assert_eq!(register(&registry, "t", right.clone()).version, 2);
    let always = |settings: &mut Settings| {
        settings.normalize = Some(true);
        Ok(())
    };
    registry.change_settings(Some("s"), always).expect("is set");
    assert_eq!(registry.register("s", right, false).expect("registers").version, 1);
}

#[test]
fn what_is_over_a_bound_or_no_name_is_refused() {
    let registry = SchemaRegistry::in_memory();
    let long = avro(&format!("\"{}\"", "x".repeat(SCHEMA_BYTES_MAX)));
    assert!(matches!(registry.register("s", long, false), Err(RegistryError::SchemaTooLarge { .. })));
    for name in ["", "a\nb", "__GLOBAL", ":.context:s", &"x".repeat(2_000)] {
        let refused = registry.register(name, avro(r#""int""#), false);
        assert!(matches!(refused, Err(RegistryError::InvalidSubject { .. })), "{name}");
    }
    let empty = registry.register("s", avro(" "), false).expect_err("is empty");
    assert!(matches!(empty, RegistryError::InvalidSchema(_)));
}

#[test]
fn what_is_set_has_a_bound_also_for_subjects_that_there_are_not() {
    let registry = SchemaRegistry::in_memory();
    for number in 0..subject::SUBJECTS_MAX {
        registry.set_mode(Some(&number.to_string()), Mode::ReadWrite, false).expect("is set");
    }
    let refused = registry.set_mode(Some("one more"), Mode::ReadWrite, false);
    assert!(matches!(refused, Err(RegistryError::LimitExceeded(_))), "{refused:?}");
    registry.set_mode(Some("7"), Mode::ReadOnly, false).expect("is changed");
}

#[test]
fn a_version_is_a_positive_number_or_the_latest() {
    assert_eq!(VersionSelector::from_str("latest"), Ok(VersionSelector::Latest));
    assert_eq!(VersionSelector::from_str("-1"), Ok(VersionSelector::Latest));
    assert_eq!(VersionSelector::from_str("3"), Ok(VersionSelector::Number(3)));
    for text in ["0", "-2", "x", "", "99999999999"] {
        assert!(VersionSelector::from_str(text).is_err(), "{text}");
    }
}
