//! The rule of names, in one place.
//!
//! Names are stored as they were made: upper-case unless they were quoted. A Postgres session shows a
//! regular upper-case name in lower case, because that is how its users write and read names; names
//! that are not regular, or hold a lower-case letter, are shown as they are stored.

use crate::session::Dialect;

/// The name a session shows for a stored one.
#[must_use]
pub fn shown(dialect: Dialect, stored: &str) -> String {
    match dialect {
        Dialect::Ksql => stored.to_owned(),
        Dialect::Postgres if is_regular(stored) => stored.to_ascii_lowercase(),
        Dialect::Postgres => stored.to_owned(),
    }
}

/// The stored name for one a session shows.
#[must_use]
pub fn stored<'a>(
    dialect: Dialect,
    shown_name: &str,
    mut names: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    names.find(|name| shown(dialect, name) == shown_name || *name == shown_name)
}

/// Another name that a Postgres session would show as it shows `name`, so that one of them could not be
/// reached.
#[must_use]
pub fn look_alike<'a>(name: &str, mut others: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let seen = shown(Dialect::Postgres, name);
    others.find(|other| *other != name && shown(Dialect::Postgres, other) == seen)
}

/// Upper-case letters, digits and underscores, not beginning with a digit.
fn is_regular(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_uppercase() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_postgres_session_lowers_only_regular_names() {
        for (name, seen) in
            [("ORDERS", "orders"), ("A_1", "a_1"), ("Orders", "Orders"), ("A-B", "A-B"), ("1A", "1A")]
        {
            assert_eq!(shown(Dialect::Postgres, name), seen);
            assert_eq!(shown(Dialect::Ksql, name), name);
        }
    }

    #[test]
    fn names_look_alike_where_only_quotes_tell_them_apart() {
        assert_eq!(look_alike("orders", ["OTHERS", "ORDERS"].into_iter()), Some("ORDERS"));
        assert_eq!(look_alike("ORDERS", ["orders"].into_iter()), Some("orders"));
        assert_eq!(look_alike("Orders", ["ORDERS", "Orders"].into_iter()), None);
    }

    #[test]
    fn a_stored_name_is_found_by_what_is_shown_and_by_itself() {
        let names = ["ORDERS", "Mixed"];
        assert_eq!(stored(Dialect::Postgres, "orders", names.into_iter()), Some("ORDERS"));
        assert_eq!(stored(Dialect::Postgres, "ORDERS", names.into_iter()), Some("ORDERS"));
        assert_eq!(stored(Dialect::Postgres, "mixed", names.into_iter()), None);
    }
}
