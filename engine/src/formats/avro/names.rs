//! Names in Avro schemas: which Avro allows, and those of records that statements do not name.

/// The namespace of records that statements do not name.
const NAMESPACE: &str = "io.confluent.ksql.avro_schemas";

/// The name of a value's record.
const VALUE_RECORD: &str = "KsqlDataSourceSchema";

/// The full name of a value's record.
pub(super) fn value_record() -> String {
    format!("{NAMESPACE}.{VALUE_RECORD}")
}

/// The full name of the record of a source's key: `MY_STREAM` gives `….MyStreamKey`, so that classes
/// made of the schemas of several topics do not clash.
pub(super) fn key_record(source: &str) -> String {
    let mut name = format!("{NAMESPACE}.");
    for word in source.split('_') {
        let mut characters = word.chars();
        name.extend(characters.next().map(|first| first.to_ascii_uppercase()));
        name.extend(characters.map(|character| character.to_ascii_lowercase()));
    }
    name.push_str("Key");
    name
}

/// The name of a record's field for a column's: names of joined columns once had a point in them.
pub(super) fn field_name(column: &str) -> String {
    column.replace('.', "_")
}

/// Whether two names are the same in some case.
pub(super) fn are_same(left: &str, right: &str) -> bool {
    left == right || left.to_uppercase() == right.to_uppercase()
}

/// Whether Avro allows a name.
///
/// # Errors
/// A sentence for the user, if it does not.
pub(super) fn check(name: &str) -> Result<(), String> {
    let mut characters = name.chars();
    match characters.next() {
        None => Err("Schema is not compatible with Avro: Empty name".to_owned()),
        Some(first) if first != '_' && !first.is_alphabetic() => {
            Err(format!("Schema is not compatible with Avro: Illegal initial character: {name}"))
        }
        Some(_) if !characters.all(|character| character == '_' || character.is_alphanumeric()) => {
            Err(format!("Schema is not compatible with Avro: Illegal character in: {name}"))
        }
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_of_a_key_is_named_for_its_source() {
        assert_eq!(key_record("OUTPUT"), "io.confluent.ksql.avro_schemas.OutputKey");
        assert_eq!(key_record("MY_2ND_stream"), "io.confluent.ksql.avro_schemas.My2ndStreamKey");
    }

    #[test]
    fn names_that_avro_does_not_allow_are_refused() {
        for (name, reason) in [
            ("ok_1", None),
            ("_x", None),
            ("1st", Some("Illegal initial character: 1st")),
            ("a-b", Some("Illegal character in: a-b")),
            ("", Some("Empty name")),
        ] {
            let expected = reason.map(|reason| format!("Schema is not compatible with Avro: {reason}"));
            assert_eq!(check(name).err(), expected);
        }
    }
}
