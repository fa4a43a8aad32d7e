//! Names of the engine functions that plans call where ksqlDB's meaning differs from Arrow's kernels.
//!
//! The planner asks [`Lookup::scalar_function`](crate::lookup::Lookup::scalar_function) for these
//! names while it lowers operators, casts, constructors and accesses. They are the contract between
//! planner and engine: users cannot call them, because their names are refused in statements.
//!
//! What holds for all of them:
//!
//! - The planner has made the arguments' types fit, as each entry says; no function needs coercion of
//!   its own. A function has `Signature::user_defined`-like freedom and tells its result type from the
//!   argument fields, as each entry says.
//! - *Strict* means: a row with a NULL in any argument gives NULL, without being evaluated.
//! - *Fails* means: that row gives NULL and is counted and reported to the processing log with the
//!   reason. No row makes the whole batch fail.
//! - All are immutable: the same arguments give the same result.
//! - DECIMAL is Decimal128 up to 38 digits and Decimal256 beyond; the two may meet in one call.
//! - A *type argument* is a literal NULL of the type that is meant; only its type matters.
//!
//! What is *not* here is Arrow's, because it means the same: `+`, `-` and `*` of INTEGER, BIGINT
//! (wrapping) and DOUBLE, `/` and `%` of DOUBLE (IEEE), negation, comparisons of types that are not
//! nested (both sides of the same type), AND, OR, NOT, IS [NOT] NULL, IS [NOT] DISTINCT FROM of types
//! that are not nested, IS TRUE, CASE, LIKE with `\` as escape, `||`, IN over types that are not
//! nested, and the casts that cannot fail (see [`CAST`]).

/// Common beginning of the reserved names.
pub const PREFIX: &str = "tidemill_";

/// `AS_VALUE(x)`: `x`, as a column of the value rather than of the key. It is part of the language: no
/// plan calls it, and no lookup has to know it, unless to describe it.
pub const AS_VALUE: &str = "AS_VALUE";

/// Whether a function name is reserved for plans, in any case.
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    name.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
}

/// `tidemill_divide(dividend, divisor)`: both INTEGER or both BIGINT; the result has their type.
///
/// Truncates towards zero. The smallest value divided by -1 wraps to itself, as in Java. Strict.
/// Division by zero fails.
pub const DIVIDE: &str = "tidemill_divide";

/// `tidemill_modulo(dividend, divisor)`: both INTEGER or both BIGINT; the result has their type.
///
/// The remainder has the sign of the dividend. Strict. Division by zero fails.
pub const MODULO: &str = "tidemill_modulo";

/// `tidemill_decimal_add(left, right)`: both DECIMAL, of any precision and scale; the result is
/// DECIMAL as [`super::decimal::add`] tells.
///
/// Exact. Strict. A result that does not fit the result type fails.
pub const DECIMAL_ADD: &str = "tidemill_decimal_add";

/// `tidemill_decimal_subtract(left, right)`: as [`DECIMAL_ADD`].
pub const DECIMAL_SUBTRACT: &str = "tidemill_decimal_subtract";

/// `tidemill_decimal_multiply(left, right)`: both DECIMAL; the result is DECIMAL as
/// [`super::decimal::multiply`] tells.
///
/// Rounds half up, away from zero, where the result type has fewer digits than the exact result.
/// Strict. A result that does not fit fails.
pub const DECIMAL_MULTIPLY: &str = "tidemill_decimal_multiply";

/// `tidemill_decimal_divide(dividend, divisor)`: both DECIMAL; the result is DECIMAL as
/// [`super::decimal::divide`] tells.
///
/// Rounds half up, away from zero. Strict. Division by zero and a result that does not fit fail.
pub const DECIMAL_DIVIDE: &str = "tidemill_decimal_divide";

/// `tidemill_decimal_modulo(dividend, divisor)`: both DECIMAL; the result is DECIMAL as
/// [`super::decimal::modulo`] tells.
///
/// The remainder has the sign of the dividend. Rounds half up where digits are lost. Strict. Division
/// by zero and a result that does not fit fail.
pub const DECIMAL_MODULO: &str = "tidemill_decimal_modulo";

/// `tidemill_cast(value, type argument)`: the result has the type of the type argument.
///
/// Strict. What cannot be converted fails. Which pairs occur is decided by [`super::cast`]; the
/// conversions are ksqlDB's:
///
/// - BOOLEAN → STRING: `true`, `false`.
/// - INTEGER, BIGINT → STRING: decimal digits. DOUBLE → STRING: as Java's `Double.toString` (`10.0`,
///   `1.0E10`). DECIMAL → STRING: plain notation with its scale.
/// - INTEGER, BIGINT, DOUBLE, DECIMAL → INTEGER, BIGINT: DOUBLE and DECIMAL are truncated towards
///   zero; DOUBLE saturates at the bounds and NaN becomes 0, BIGINT → INTEGER and DECIMAL keep the low
///   bits, as Java's conversions do.
/// - INTEGER, BIGINT, DOUBLE, DECIMAL, STRING → DECIMAL(p, s): rounded half up, away from zero, to
///   scale s; more than p - s digits before the point fail. A DOUBLE is taken by its shortest text.
/// - DECIMAL → DOUBLE: the nearest DOUBLE.
/// - STRING → BOOLEAN: `true`, `yes`, `t`, `y` and their beginnings, in any case, are true; everything
///   else is false. STRING → INTEGER, BIGINT, DOUBLE, DECIMAL: blanks around the number are dropped.
/// - ARRAY, MAP, STRUCT → STRING: `[1, 3]`, `{a=1, b=2}`, `Struct{F0=1,F1=3}`, NULLs as `null`.
/// - DATE, TIME, TIMESTAMP → STRING: `yyyy-MM-dd`, `HH:mm:ss[.SSS]`, `yyyy-MM-dd'T'HH:mm:ss.SSS`.
/// - STRING → DATE, TIME, TIMESTAMP: the same forms; a timestamp may lack its end (`2020-01`,
///   `2020-01-01T10`) and may end with a zone offset.
/// - TIMESTAMP → DATE, TIME: one half of it, in UTC.
/// - BYTES ↔ STRING does not occur.
/// - ARRAY, MAP, STRUCT → the same kind: element by element; struct fields are matched by name,
///   missing ones become NULL, surplus ones are dropped. Where an element fails, all of it does.
///
/// The planner uses Arrow's cast, and not this function, for INTEGER → BIGINT, INTEGER and BIGINT →
/// DOUBLE, DECIMAL → DECIMAL with at least as many digits before and behind the point, INTEGER and
/// BIGINT → DECIMAL with enough digits before the point, DATE → TIMESTAMP, and NULL → anything.
pub const CAST: &str = "tidemill_cast";

/// `tidemill_equal(left, right)`: both of the same ARRAY, MAP or STRUCT type; the result is BOOLEAN.
///
/// Elements and fields are compared in order, entries of maps in any order; NULL elements equal each
/// other. Field names of the Arrow types do not matter. Strict.
pub const EQUAL: &str = "tidemill_equal";

/// `tidemill_not_distinct(left, right)`: as [`EQUAL`], but NULL equals NULL and nothing else, and the
/// result is never NULL.
pub const NOT_DISTINCT: &str = "tidemill_not_distinct";

/// `tidemill_like(value, pattern, escape)`: three STRINGs; `escape` is a literal of one character. The
/// result is BOOLEAN.
///
/// `%` is any sequence, `_` any one character, `escape` takes the meaning from the character behind
/// it. Case matters. Strict. A pattern that ends with `escape` fails.
pub const LIKE: &str = "tidemill_like";

/// `tidemill_subscript(collection, index)`: an ARRAY and an INTEGER or BIGINT, or a MAP and a value of
/// its key's type. The result has the type of the elements or of the map's values.
///
/// Arrays count from 1, and from -1 backwards from the end. Strict. An index outside of the array, 0,
/// and a key that is not in the map give NULL without failing.
pub const SUBSCRIPT: &str = "tidemill_subscript";

/// `tidemill_field(struct, name)`: a STRUCT and a literal STRING that is exactly one of its fields'
/// names. The result has that field's type.
///
/// NULL where the struct is NULL.
pub const FIELD: &str = "tidemill_field";

/// `tidemill_array(element, …)`: one or more values of the same type T. The result is ARRAY<T>.
///
/// NULL elements stay; the result is never NULL.
pub const ARRAY: &str = "tidemill_array";

/// `tidemill_map(key, value, key, value, …)`: one or more pairs; keys are STRINGs, or of another type
/// that they all share, values share a type V. The result is MAP<K, V>.
///
/// Of equal keys the last one wins. A NULL key is the STRING `null`, and fails where keys are no
/// STRINGs; the result is otherwise never NULL.
pub const MAP: &str = "tidemill_map";

/// `tidemill_struct(name, value, name, value, …)`: pairs of a literal STRING and any value; may be
/// empty. The result is a STRUCT of those fields, in that order.
///
/// NULL values stay; the result is never NULL.
pub const STRUCT: &str = "tidemill_struct";
