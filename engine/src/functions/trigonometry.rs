//! Angles and their functions. Angles are in radians.

use super::declaration::{Category, Declaration, Evaluate, Overload, Returns};
use super::numeric::{double_of_double, double_of_doubles, of_double, of_two_doubles};

pub(super) const FUNCTIONS: &[Declaration] = &[
    of_double!("acos", "The angle of a cosine, NaN outside of -1 to 1.", f64::acos, &["ACOS(1) = 0.0"]),
    of_double!("asin", "The angle of a sine, NaN outside of -1 to 1.", f64::asin, &["ASIN(0) = 0.0"]),
    of_double!("atan", "The angle of a tangent.", f64::atan, &["ATAN(0) = 0.0"]),
    of_two_doubles!(
        "atan2",
        "(y DOUBLE, x DOUBLE)",
        "The angle of the point (x, y), seen from the origin.",
        f64::atan2,
        &["ATAN2(1, 1) = 0.7853981633974483"]
    ),
    of_double!("cos", "The cosine of an angle.", f64::cos, &["COS(0) = 1.0"]),
    of_double!("cosh", "The hyperbolic cosine.", f64::cosh, &["COSH(0) = 1.0"]),
    of_double!(
        "cot",
        "The cotangent of an angle, infinite at 0.",
        |angle| angle.cos() / angle.sin(),
        &["ROUND(COT(1), 6) = 0.642093"]
    ),
    of_double!("sin", "The sine of an angle.", f64::sin, &["SIN(0) = 0.0"]),
    of_double!("sinh", "The hyperbolic sine.", f64::sinh, &["SINH(0) = 0.0"]),
    of_double!("tan", "The tangent of an angle.", f64::tan, &["TAN(0) = 0.0"]),
    of_double!("tanh", "The hyperbolic tangent.", f64::tanh, &["TANH(0) = 0.0"]),
    of_double!("degrees", "An angle in degrees.", f64::to_degrees, &["DEGREES(PI()) = 180.0"]),
    of_double!(
        "radians",
        "An angle given in degrees, in radians.",
        f64::to_radians,
        &["RADIANS(180) = 3.141592653589793"]
    ),
];

#[cfg(test)]
mod tests {
    use crate::functions::sql_harness::assert_values;

    #[test]
    fn functions_of_angles_are_those_of_mathematics() {
        assert_values(&[
            ("ROUND(ACOS(-0.5), 10)", "DOUBLE", Some("2.0943951024")),
            ("ACOS(2)", "DOUBLE", Some("NaN")),
            ("ROUND(ASIN(0.5), 10)", "DOUBLE", Some("0.5235987756")),
            ("ASIN(-2)", "DOUBLE", Some("NaN")),
            ("ROUND(ATAN(-1), 10)", "DOUBLE", Some("-0.7853981634")),
            ("ROUND(ATAN2(-1, -1), 10)", "DOUBLE", Some("-2.3561944902")),
            ("ATAN2(NULL, 1)", "DOUBLE", None),
            ("ROUND(COS(2), 10)", "DOUBLE", Some("-0.4161468365")),
            ("ROUND(COSH(2), 10)", "DOUBLE", Some("3.7621956911")),
            ("ROUND(COT(2), 10)", "DOUBLE", Some("-0.4576575544")),
            ("COT(0)", "DOUBLE", Some("Infinity")),
            ("ROUND(SIN(2), 10)", "DOUBLE", Some("0.9092974268")),
            ("ROUND(SINH(2), 10)", "DOUBLE", Some("3.6268604078")),
            ("ROUND(TAN(2), 10)", "DOUBLE", Some("-2.1850398633")),
            ("ROUND(TANH(2), 10)", "DOUBLE", Some("0.9640275801")),
            ("DEGREES(PI())", "DOUBLE", Some("180.0")),
            ("RADIANS(180)", "DOUBLE", Some("3.141592653589793")),
            ("SIN(NULL)", "DOUBLE", None),
        ]);
    }
}
