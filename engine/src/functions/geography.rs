//! Distances on the surface of the earth.

use arrow::array::ArrayRef;
use arrow::datatypes::Float64Type;
use datafusion::common::Result;

use super::arguments::{Remembered, Texts, Values, values};
use super::declaration::{Category, Declaration, Evaluate, Overload, Returns};
use crate::expressions::failures;

pub(super) const FUNCTIONS: &[Declaration] = &[Declaration {
    name: "geo_distance",
    category: Category::Mathematical,
    description: "The distance of two points on the earth, given as latitude and longitude in degrees, along \
                  a great circle: in kilometers, or in miles.",
    overloads: &[
        Overload {
            signature: "(latitude1 DOUBLE, longitude1 DOUBLE, latitude2 DOUBLE, longitude2 DOUBLE)",
            returns: Returns::Type("DOUBLE"),
            evaluate: Evaluate::Arrays(|columns, _| distances(columns, None)),
        },
        Overload {
            signature: "(latitude1 DOUBLE, longitude1 DOUBLE, latitude2 DOUBLE, longitude2 DOUBLE, \
                        unit STRING)",
            returns: Returns::Type("DOUBLE"),
            evaluate: Evaluate::Arrays(|columns, _| distances(columns, Some(Texts::of(columns, 4)?))),
        },
    ],
    examples: &["ROUND(GEO_DISTANCE(52.52, 13.405, 48.8566, 2.3522, 'KM')) = 877"],
    is_deterministic: true,
}];

/// The earth's radius in kilometers.
const RADIUS_KM: f64 = 6371.0;

/// The earth's radius in miles.
const RADIUS_MILES: f64 = 3959.0;

fn distances(columns: &[ArrayRef], units: Option<Texts<'_>>) -> Result<ArrayRef> {
    let coordinates =
        (0..4).map(|index| Values::<Float64Type>::of(columns, index)).collect::<Result<Vec<_>>>()?;
    let mut radii = Remembered::new();
    let rows = coordinates.first().map_or(0, |column| column.len());
    Ok(values::<Float64Type>(rows, |row| {
        let mut of_row = [0.0; 4];
        for (coordinate, column) in of_row.iter_mut().zip(&coordinates) {
            *coordinate = column.get(row)?;
        }
        // Where no unit is told, it is kilometers.
        let unit = units.and_then(|units| units.get(row)).unwrap_or_default();
        let Some(radius) = *radii.get(unit, radius) else {
            failures::note(|| format!("'{unit}' is no unit of distance: use KM or MILES"));
            return None;
        };
        distance(of_row, radius)
    }))
}

/// The distance along a great circle, by the haversine formula.
fn distance([latitude1, longitude1, latitude2, longitude2]: [f64; 4], radius: f64) -> Option<f64> {
    let outside = |angle: f64, bound: f64| angle.abs() > bound;
    if outside(latitude1, 90.0) || outside(latitude2, 90.0) {
        failures::note(|| format!("a latitude is from -90 to 90, not {latitude1} or {latitude2}"));
        return None;
    }
    if outside(longitude1, 180.0) || outside(longitude2, 180.0) {
        failures::note(|| format!("a longitude is from -180 to 180, not {longitude1} or {longitude2}"));
        return None;
    }
    let haversine = |angle: f64| (angle / 2.0).sin().powi(2);
    let latitudes = haversine((latitude2 - latitude1).to_radians());
    let longitudes = haversine((longitude2 - longitude1).to_radians());
    let chord = latitudes + longitudes * latitude1.to_radians().cos() * latitude2.to_radians().cos();
    Some(2.0 * chord.sqrt().asin() * radius)
}

/// The radius in a unit, by its name in any case.
fn radius(unit: &str) -> Option<f64> {
    match unit.trim().to_lowercase().as_str() {
        "" | "km" | "kilometer" | "kilometers" | "kilometre" | "kilometres" => Some(RADIUS_KM),
        "mi" | "mile" | "miles" => Some(RADIUS_MILES),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::sql_harness::assert_values;

    #[test]
    fn distances_are_along_great_circles_in_the_unit() {
        assert_values(&[
            // A quarter of the way around.
            ("ROUND(GEO_DISTANCE(0, 0, 0, 90), 6)", "DOUBLE", Some("10007.543398")),
            ("ROUND(GEO_DISTANCE(0, 0, 90, 0, ' Miles '), 6)", "DOUBLE", Some("6218.782658")),
            ("GEO_DISTANCE(12.5, 10, 12.5, 10, 'kilometre')", "DOUBLE", Some("0.0")),
            ("ROUND(GEO_DISTANCE(0, 0, 0, 90, NULL), 6)", "DOUBLE", Some("10007.543398")),
            ("GEO_DISTANCE(0, NULL, 0, 90)", "DOUBLE", None),
            ("GEO_DISTANCE(0, 0, 0, 90, 'furlongs')", "DOUBLE", None),
            ("GEO_DISTANCE(90.5, 0, 0, 0)", "DOUBLE", None),
            ("GEO_DISTANCE(0, 0, 0, -180.5)", "DOUBLE", None),
        ]);
    }
}
