//! Names of months, days and zones in English, as Java writes them.

use super::super::zone::Zone;

/// Names of the months, from January.
pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Names of the days of the week, from Monday.
pub(super) const DAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// The halves of a day.
pub(super) const HALVES_OF_DAY: [&str; 2] = ["AM", "PM"];

/// Eras, short and long.
pub(super) const ERAS: [[&str; 2]; 2] = [["BC", "Before Christ"], ["AD", "Anno Domini"]];

/// Letters of the name of a month or day in its short form.
pub(super) const SHORT_NAME: usize = 3;

/// Names of zones that are no identifiers: short, long, and a region in which they are used. Where several
/// regions use a name, it is the one that Java prefers in English.
const ZONES: &[(&str, &str, &str)] = &[
    ("UTC", "Coordinated Universal Time", "UTC"),
    ("GMT", "Greenwich Mean Time", "GMT"),
    ("PST", "Pacific Standard Time", "America/Los_Angeles"),
    ("PDT", "Pacific Daylight Time", "America/Los_Angeles"),
    ("PT", "Pacific Time", "America/Los_Angeles"),
    ("MST", "Mountain Standard Time", "America/Denver"),
    ("MDT", "Mountain Daylight Time", "America/Denver"),
    ("MT", "Mountain Time", "America/Denver"),
    ("CST", "Central Standard Time", "America/Chicago"),
    ("CDT", "Central Daylight Time", "America/Chicago"),
    ("CT", "Central Time", "America/Chicago"),
    ("EST", "Eastern Standard Time", "America/New_York"),
    ("EDT", "Eastern Daylight Time", "America/New_York"),
    ("ET", "Eastern Time", "America/New_York"),
    ("AST", "Atlantic Standard Time", "America/Halifax"),
    ("ADT", "Atlantic Daylight Time", "America/Halifax"),
    ("NST", "Newfoundland Standard Time", "America/St_Johns"),
    ("NDT", "Newfoundland Daylight Time", "America/St_Johns"),
    ("AKST", "Alaska Standard Time", "America/Anchorage"),
    ("AKDT", "Alaska Daylight Time", "America/Anchorage"),
    ("HST", "Hawaii-Aleutian Standard Time", "Pacific/Honolulu"),
    ("BST", "British Summer Time", "Europe/London"),
    ("WET", "Western European Standard Time", "Europe/Lisbon"),
    ("WEST", "Western European Summer Time", "Europe/Lisbon"),
    ("CET", "Central European Standard Time", "Europe/Paris"),
    ("CEST", "Central European Summer Time", "Europe/Paris"),
    ("EET", "Eastern European Standard Time", "Europe/Bucharest"),
    ("EEST", "Eastern European Summer Time", "Europe/Bucharest"),
    ("MSK", "Moscow Standard Time", "Europe/Moscow"),
    ("SAST", "South Africa Standard Time", "Africa/Johannesburg"),
    ("CAT", "Central Africa Time", "Africa/Maputo"),
    ("EAT", "East Africa Time", "Africa/Nairobi"),
    ("WAT", "West Africa Standard Time", "Africa/Lagos"),
    ("IST", "India Standard Time", "Asia/Kolkata"),
    ("PKT", "Pakistan Standard Time", "Asia/Karachi"),
    ("WIB", "Western Indonesia Time", "Asia/Jakarta"),
    ("HKT", "Hong Kong Standard Time", "Asia/Hong_Kong"),
    ("JST", "Japan Standard Time", "Asia/Tokyo"),
    ("KST", "Korean Standard Time", "Asia/Seoul"),
    ("AWST", "Australian Western Standard Time", "Australia/Perth"),
    ("ACST", "Australian Central Standard Time", "Australia/Adelaide"),
    ("ACDT", "Australian Central Daylight Time", "Australia/Adelaide"),
    ("AEST", "Australian Eastern Standard Time", "Australia/Sydney"),
    ("AEDT", "Australian Eastern Daylight Time", "Australia/Sydney"),
    ("NZST", "New Zealand Standard Time", "Pacific/Auckland"),
    ("NZDT", "New Zealand Daylight Time", "Pacific/Auckland"),
];

/// The long name of a zone's short one.
pub(super) fn long_zone_name(short: &str) -> Option<&'static str> {
    ZONES.iter().find(|(name, _, _)| *name == short).map(|(_, long, _)| *long)
}

/// The zone whose name a text begins with, and the length of the name. The longest name counts.
pub(super) fn zone_at_start(text: &str, same: impl Fn(&str, &str) -> bool) -> Option<(Zone, usize)> {
    let named = ZONES.iter().flat_map(|(short, long, region)| [(*short, *region), (*long, *region)]);
    let named = named.filter(|(name, _)| text.get(..name.len()).is_some_and(|start| same(start, name)));
    let (name, region) = named.max_by_key(|(name, _)| name.len())?;
    Some((Zone::parse(region)?, name.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_zone_name_has_a_region_that_exists() {
        for (short, long, region) in ZONES {
            assert!(Zone::parse(region).is_some(), "{region}");
            for name in [short, long] {
                let text = format!("{name} and more");
                let found = zone_at_start(&text, |start, name| start == name);
                assert_eq!(found, Zone::parse(region).map(|zone| (zone, name.len())), "{name}");
            }
        }
    }
}
