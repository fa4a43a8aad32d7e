//! What stands behind the `?` of a request.

use std::collections::HashMap;

use axum::extract::Query;
use tidemill_engine::registry::{Deleted, Deletion};

/// What stands in front of a prefix for any context, and for the default one.
const DEFAULT_CONTEXTS: [&str; 2] = [":*:", ":.:"];

/// The parameters of a request.
pub(super) type Parameters = Query<HashMap<String, String>>;

/// Whether a parameter says `true`. Clients write it in upper and lower case.
pub(super) fn flag(parameters: &Parameters, name: &str) -> bool {
    parameters.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

/// Whether what was deleted softly is asked for.
pub(super) fn deleted(parameters: &Parameters) -> Deleted {
    // One client writes the name in another way.
    if flag(parameters, "deletedOnly") || flag(parameters, "deleted_only") {
        Deleted::Only
    } else if flag(parameters, "deleted") {
        Deleted::Included
    } else {
        Deleted::Excluded
    }
}

/// How something is to be deleted.
pub(super) fn deletion(parameters: &Parameters) -> Deletion {
    if flag(parameters, "permanent") { Deletion::Permanent } else { Deletion::Soft }
}

/// A text, or an empty one.
pub(super) fn text<'p>(parameters: &'p Parameters, name: &str) -> &'p str {
    parameters.get(name).map_or("", String::as_str)
}

/// How the names of wanted subjects begin, without the context: all of them are in the default one.
pub(super) fn subject_prefix(parameters: &Parameters) -> &str {
    let prefix = text(parameters, "subjectPrefix");
    DEFAULT_CONTEXTS.into_iter().find_map(|context| prefix.strip_prefix(context)).unwrap_or(prefix)
}

/// The part of a list that is asked for by `offset` and `limit`.
pub(super) fn page<T>(parameters: &Parameters, items: Vec<T>) -> Vec<T> {
    let number = |name: &str| parameters.get(name).and_then(|value| value.parse::<usize>().ok());
    let limit = number("limit").filter(|limit| *limit > 0).unwrap_or(usize::MAX);
    items.into_iter().skip(number("offset").unwrap_or(0)).take(limit).collect()
}
