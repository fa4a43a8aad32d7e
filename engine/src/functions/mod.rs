//! Scalar functions, over Arrow arrays.
//!
//! A function that statements may name is declared once, as a [`declaration::Declaration`]: what it is
//! called, what it takes and gives in each of its forms, how, and examples. Each family has a file with
//! its declarations; [`DECLARATIONS`] lists the families.
//!
//! Beside them stand the functions whose names begin with `tidemill_`, which plans call for operators, casts
//! and constructors (`tidemill_sql::analyzer::reserved` has their contract), and which no statement can name.

mod arguments;
mod arrays;
mod calendar;
mod call;
mod cast;
mod cast_text;
mod concatenation;
mod conditional;
mod decimal;
mod decimal_128;
mod decimal_values;
mod declaration;
mod declared;
mod elements;
mod encoding;
mod entry_order;
mod extremes;
mod general;
mod geography;
mod growing;
mod higher_order;
mod integer;
mod java_regex;
mod java_uri;
mod json;
mod lambda;
mod language;
mod like;
mod maps;
mod masking;
mod nested;
mod null_arithmetic;
mod numeric;
mod pattern_cache;
mod random;
mod regular_expressions;
mod reserved_function;
mod resolution;
mod rounding;
mod signature;
mod splitting;
mod substring;
mod table;
mod text;
mod time_text;
mod trigonometry;
mod urls;
mod utf16;

#[cfg(test)]
mod examples_tests;
#[cfg(test)]
mod sql_harness;

pub use self::general::is_general;
pub use self::growing::{CONCATENATION, bounded_in_place_of, concatenation};

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use datafusion::execution::SessionStateDefaults;
use datafusion::logical_expr::{Expr, ScalarUDF};
use tidemill_sql::analyzer::reserved;
use tidemill_sql::lookup::LambdaFunction;

use self::declaration::Declaration;
use self::declared::DeclaredFunction;
use self::reserved_function::ReservedFunction;

/// The families of functions that statements may name.
const DECLARATIONS: &[&[Declaration]] = &[
    arrays::FUNCTIONS,
    calendar::FUNCTIONS,
    concatenation::FUNCTIONS,
    conditional::FUNCTIONS,
    encoding::FUNCTIONS,
    extremes::FUNCTIONS,
    geography::FUNCTIONS,
    higher_order::FUNCTIONS,
    json::FUNCTIONS,
    maps::FUNCTIONS,
    masking::FUNCTIONS,
    numeric::FUNCTIONS,
    random::FUNCTIONS,
    regular_expressions::FUNCTIONS,
    rounding::FUNCTIONS,
    splitting::FUNCTIONS,
    substring::FUNCTIONS,
    text::FUNCTIONS,
    time_text::FUNCTIONS,
    trigonometry::FUNCTIONS,
    urls::FUNCTIONS,
];

/// What is told of a function to people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Description {
    /// Its name, in upper case.
    pub name: String,
    /// What kind of function it is.
    pub category: &'static str,
    /// One line.
    pub description: &'static str,
    /// The forms in which it may be called: `LPAD(STRING text, INTEGER length)`, and what each gives.
    pub forms: Vec<String>,
    /// Calls with what they give.
    pub examples: &'static [&'static str],
}

/// The functions that statements may name, by their names in upper case.
static DECLARED: LazyLock<BTreeMap<String, (DeclaredFunction, Arc<ScalarUDF>)>> =
    LazyLock::new(|| by_name(DECLARATIONS.iter().copied().flatten()));

/// The table functions, by their names in upper case: each gives a list, of which every element becomes a
/// row.
static TABLE: LazyLock<BTreeMap<String, (DeclaredFunction, Arc<ScalarUDF>)>> =
    LazyLock::new(|| by_name(table::FUNCTIONS.iter()));

/// The functions that plans call.
static RESERVED: LazyLock<Vec<Arc<ScalarUDF>>> = LazyLock::new(|| {
    [
        ReservedFunction::new(reserved::DIVIDE, integer::result_type, integer::divide),
        ReservedFunction::new(reserved::MODULO, integer::result_type, integer::modulo),
        ReservedFunction::new(reserved::DECIMAL_ADD, decimal::add_type, decimal::add),
        ReservedFunction::new(reserved::DECIMAL_SUBTRACT, decimal::add_type, decimal::subtract),
        ReservedFunction::new(reserved::DECIMAL_MULTIPLY, decimal::multiply_type, decimal::multiply),
        ReservedFunction::new(reserved::DECIMAL_DIVIDE, decimal::divide_type, decimal::divide),
        ReservedFunction::new(reserved::DECIMAL_MODULO, decimal::modulo_type, decimal::modulo),
        ReservedFunction::new(reserved::CAST, cast::result_type, cast::cast),
        ReservedFunction::new(reserved::EQUAL, nested::boolean_type, nested::equal),
        ReservedFunction::new(reserved::NOT_DISTINCT, nested::boolean_type, nested::not_distinct),
        ReservedFunction::new(reserved::LIKE, nested::boolean_type, like::like),
        ReservedFunction::new(reserved::SUBSCRIPT, nested::subscript_type, nested::subscript),
        ReservedFunction::new(reserved::FIELD, nested::field_type, nested::field),
        ReservedFunction::new(reserved::ARRAY, nested::array_type, nested::array),
        ReservedFunction::new(reserved::MAP, nested::map_type, nested::map),
        ReservedFunction::new(reserved::STRUCT, nested::struct_type, nested::construct),
    ]
    .into_iter()
    .map(|function| Arc::new(ScalarUDF::new_from_impl(function)))
    .collect()
});

/// A function by name, in any case.
#[must_use]
pub fn lookup(name: &str) -> Option<Arc<ScalarUDF>> {
    if reserved::is_reserved(name) {
        return RESERVED.iter().find(|function| function.name().eq_ignore_ascii_case(name)).cloned();
    }
    DECLARED.get(&name.to_uppercase()).map(|(_, udf)| udf.clone())
}

/// A function that takes lambdas, by name in any case.
#[must_use]
pub fn lookup_lambda(name: &str) -> Option<Arc<dyn LambdaFunction>> {
    let (function, _) = DECLARED.get(&name.to_uppercase())?;
    function.takes_lambdas().then(|| Arc::new(function.clone()) as Arc<dyn LambdaFunction>)
}

/// A call of a function that takes lambdas as a statement would write it; none of another function.
pub(crate) fn lambda_call_text(function: &ScalarUDF, arguments: &[Expr]) -> Option<String> {
    lambda::call_text(function, arguments)
}

/// A table function by name, in any case, as the scalar function that gives the list of its rows.
#[must_use]
pub fn lookup_table(name: &str) -> Option<Arc<ScalarUDF>> {
    TABLE.get(&name.to_uppercase()).map(|(_, udf)| udf.clone())
}

/// Names of the functions statements may name, in upper case.
#[must_use]
pub fn names() -> Vec<String> {
    DECLARED.keys().chain(TABLE.keys()).cloned().collect()
}

/// The functions statements may name, for queries over what is there now: a call whose arguments none of a
/// function's forms takes goes to the function that DataFusion has under the name, if it has one. Those of
/// DataFusion that need a bound come first, so that ours stand over them.
#[must_use]
pub fn for_snapshots() -> &'static [Arc<ScalarUDF>] {
    static FUNCTIONS: LazyLock<Vec<Arc<ScalarUDF>>> = LazyLock::new(|| {
        let bounded = growing::bounded();
        let defaults = SessionStateDefaults::default_scalar_functions();
        let own = DECLARED.values().chain(TABLE.values()).map(|(function, udf)| {
            let same = |other: &&Arc<ScalarUDF>| {
                other.name() == udf.name() || other.aliases().iter().any(|alias| alias == udf.name())
            };
            let fallback = bounded.iter().chain(&defaults).find(same).cloned();
            Arc::new(ScalarUDF::new_from_impl(function.clone().for_snapshots(fallback)))
        });
        bounded.iter().cloned().chain(own).collect()
    });
    &FUNCTIONS
}

/// What is told of a function, by name in any case.
#[must_use]
pub fn description(name: &str) -> Option<Description> {
    descriptions().find(|description| description.name.eq_ignore_ascii_case(name))
}

/// What is told of all functions, and of what looks like them, in the order of their names.
pub fn descriptions() -> impl Iterator<Item = Description> {
    let declared = DECLARED.values().chain(TABLE.values()).map(|(function, _)| describe(function));
    let mut all: Vec<Description> = declared.chain(language::descriptions()).collect();
    all.sort_by(|left, right| left.name.cmp(&right.name));
    all.into_iter()
}

fn describe(function: &DeclaredFunction) -> Description {
    let declaration = function.declaration;
    let forms = function.signatures.iter().zip(declaration.overloads).map(|(signature, overload)| {
        let result = match overload.returns {
            declaration::Returns::Type(text) => format!(": {}", row_type(declaration, text)),
            declaration::Returns::Rule(_) => String::new(),
        };
        format!("{}{signature}{result}", declaration.name.to_uppercase())
    });
    Description {
        name: declaration.name.to_uppercase(),
        category: declaration.category.as_str(),
        description: declaration.description,
        forms: forms.collect(),
        examples: declaration.examples,
    }
}

/// The type that a call has where it is written: of a table function that of its list's elements.
fn row_type<'a>(declaration: &Declaration, text: &'a str) -> &'a str {
    let element = || text.strip_prefix("ARRAY<")?.strip_suffix('>');
    let is_list = declaration.category == declaration::Category::Table;
    is_list.then(element).flatten().unwrap_or(text)
}

fn by_name(
    declarations: impl Iterator<Item = &'static Declaration>,
) -> BTreeMap<String, (DeclaredFunction, Arc<ScalarUDF>)> {
    declarations
        .map(|declaration| {
            let function = DeclaredFunction::new(declaration);
            let udf = Arc::new(ScalarUDF::new_from_impl(function.clone()));
            (declaration.name.to_uppercase(), (function, udf))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_declared_once() {
        let declared: usize = DECLARATIONS.iter().map(|family| family.len()).sum();
        assert_eq!(names().len(), declared + table::FUNCTIONS.len());
    }

    #[test]
    fn what_hints_tell_to_write_for_other_dialects_exists() {
        for written in tidemill_sql::analyzer::other_dialects::functions_written() {
            let name = written.split(['(', ' ']).next().unwrap_or_default();
            let known =
                name == "CASE" || description(name).is_some() || crate::aggregates::lookup(name).is_some();
            assert!(known, "{written}");
        }
    }
}
