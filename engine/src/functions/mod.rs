//! Scalar functions, over Arrow arrays.
//!
//! A function that statements may name is declared once, as a [`declaration::Declaration`]: what it is
//! called, what it takes and gives in each of its forms, how, and examples. Each family has a file with
//! its declarations; [`DECLARATIONS`] lists the families.
//!
//! Beside them stand the functions whose names begin with `tidemill_`, which plans call for operators, casts
//! and constructors (`tidemill_sql::analyzer::reserved` has their contract), and which no statement can name.

mod arguments;
mod calendar;
mod cast;
mod cast_text;
mod concatenation;
mod conditional;
mod decimal;
mod decimal_values;
mod declaration;
mod declared;
mod encoding;
mod extremes;
mod geography;
mod integer;
mod java_regex;
mod java_uri;
mod lambda;
mod like;
mod masking;
mod nested;
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
mod text;
mod time_text;
mod trigonometry;
mod urls;

#[cfg(test)]
mod sql_harness;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use datafusion::execution::SessionStateDefaults;
use datafusion::logical_expr::ScalarUDF;
use tidemill_sql::analyzer::reserved;
use tidemill_sql::lookup::LambdaFunction;

use self::declaration::Declaration;
use self::declared::DeclaredFunction;
use self::reserved_function::ReservedFunction;

/// The families of functions that statements may name.
const DECLARATIONS: &[&[Declaration]] = &[
    calendar::FUNCTIONS,
    concatenation::FUNCTIONS,
    conditional::FUNCTIONS,
    encoding::FUNCTIONS,
    extremes::FUNCTIONS,
    geography::FUNCTIONS,
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
static DECLARED: LazyLock<BTreeMap<String, (DeclaredFunction, Arc<ScalarUDF>)>> = LazyLock::new(|| {
    let declarations = DECLARATIONS.iter().copied().flatten();
    declarations
        .map(|declaration| {
            let function = DeclaredFunction::new(declaration);
            let udf = Arc::new(ScalarUDF::new_from_impl(function.clone()));
            (declaration.name.to_uppercase(), (function, udf))
        })
        .collect()
});

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

/// Names of the functions statements may name, in upper case.
#[must_use]
pub fn names() -> Vec<String> {
    DECLARED.keys().cloned().collect()
}

/// The functions statements may name, for queries over what is there now: a call whose arguments none of a
/// function's forms takes goes to the function that DataFusion has under the name, if it has one.
#[must_use]
pub fn for_snapshots() -> &'static [Arc<ScalarUDF>] {
    static FUNCTIONS: LazyLock<Vec<Arc<ScalarUDF>>> = LazyLock::new(|| {
        let defaults = SessionStateDefaults::default_scalar_functions();
        DECLARED
            .values()
            .map(|(function, udf)| {
                let same = |other: &&Arc<ScalarUDF>| {
                    other.name() == udf.name() || other.aliases().iter().any(|alias| alias == udf.name())
                };
                match defaults.iter().find(same) {
                    Some(fallback) => {
                        let function = function.clone().with_fallback(fallback.clone());
                        Arc::new(ScalarUDF::new_from_impl(function))
                    }
                    None => udf.clone(),
                }
            })
            .collect()
    });
    &FUNCTIONS
}

/// What is told of a function, by name in any case.
#[must_use]
pub fn description(name: &str) -> Option<Description> {
    let (function, _) = DECLARED.get(&name.to_uppercase())?;
    let declaration = function.declaration;
    let forms = function.signatures.iter().zip(declaration.overloads).map(|(signature, overload)| {
        let result = match overload.returns {
            declaration::Returns::Type(text) => format!(": {text}"),
            declaration::Returns::Rule(_) => String::new(),
        };
        format!("{}{signature}{result}", declaration.name.to_uppercase())
    });
    Some(Description {
        name: declaration.name.to_uppercase(),
        category: declaration.category.as_str(),
        description: declaration.description,
        forms: forms.collect(),
        examples: declaration.examples,
    })
}

/// What is told of all functions, in the order of their names.
pub fn descriptions() -> impl Iterator<Item = Description> {
    DECLARED.keys().filter_map(|name| description(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_gives_what_it_says() {
        for function in descriptions() {
            assert!(!function.examples.is_empty(), "{} has no example", function.name);
            for example in function.examples {
                let (call, value) = example.rsplit_once(" = ").expect("a call = its value");
                let (found, told) = (sql_harness::evaluate(call), sql_harness::evaluate(value));
                assert_eq!(found.1, told.1, "{example} {:?}", found.2);
            }
        }
    }

    #[test]
    fn every_name_is_declared_once() {
        let declared: usize = DECLARATIONS.iter().map(|family| family.len()).sum();
        assert_eq!(names().len(), declared);
    }
}
