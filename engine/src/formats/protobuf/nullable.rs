//! How the schemas written here tell a value that is missing from a default one.

use std::str::FromStr;

/// What a field that is not set means, in schemas made of columns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NullableRepresentation {
    /// The default value: an unset field is 0, false or empty.
    Default,
    /// NULL: fields are `optional`.
    Optional,
    /// NULL: values stand in messages of their own, as `google.protobuf.Int32Value`.
    Wrapper,
}

impl FromStr for NullableRepresentation {
    type Err = String;

    fn from_str(written: &str) -> Result<NullableRepresentation, String> {
        match written.trim().to_ascii_uppercase().as_str() {
            "OPTIONAL" => Ok(NullableRepresentation::Optional),
            "WRAPPER" => Ok(NullableRepresentation::Wrapper),
            other => Err(format!(
                "Invalid value {other} for property {}: String must be one of: OPTIONAL, WRAPPER, null",
                super::NULLABLE_REPRESENTATION
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn representations_are_named_in_any_case() {
        assert_eq!("wrapper".parse(), Ok(NullableRepresentation::Wrapper));
        assert_eq!("OPTIONAL".parse(), Ok(NullableRepresentation::Optional));
        assert!("maybe".parse::<NullableRepresentation>().is_err());
    }
}
