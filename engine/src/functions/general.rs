//! Functions of general SQL: DataFusion's own, which only queries over what is there now may call.

use std::collections::HashSet;
use std::iter;
use std::sync::LazyLock;

use datafusion::execution::SessionStateDefaults;

/// Whether a function of values, an aggregate or a window function is one of them, by name in any case.
#[must_use]
pub fn is_general(name: &str) -> bool {
    static NAMES: LazyLock<HashSet<String>> = LazyLock::new(|| {
        let scalars = SessionStateDefaults::default_scalar_functions();
        let aggregates = SessionStateDefaults::default_aggregate_functions();
        let windows = SessionStateDefaults::default_window_functions();
        let scalars = scalars.iter().flat_map(|function| names(function.name(), function.aliases()));
        let aggregates = aggregates.iter().flat_map(|function| names(function.name(), function.aliases()));
        let windows = windows.iter().flat_map(|function| names(function.name(), function.aliases()));
        scalars.chain(aggregates).chain(windows).collect()
    });
    NAMES.contains(&name.to_lowercase())
}

/// All names of a function, in lower case.
fn names<'a>(name: &'a str, aliases: &'a [String]) -> impl Iterator<Item = String> + 'a {
    iter::once(name).chain(aliases.iter().map(String::as_str)).map(str::to_lowercase)
}
