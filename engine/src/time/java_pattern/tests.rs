//! Patterns and texts as Java's documentation and its implementation have them.

use super::*;

fn pattern(text: &str) -> JavaPattern {
    JavaPattern::parse(text).unwrap_or_else(|error| panic!("{error}"))
}

fn zone(text: &str) -> Zone {
    Zone::parse(text).expect("a zone")
}

const DAY_MS: i64 = 86_400_000;
const HOUR_MS: i64 = 3_600_000;

/// 2021-07-04T09:05:03.120Z, a Sunday.
const SUNDAY_MS: i64 = 1_625_389_503_120;

#[test]
fn times_are_read_by_their_pattern() {
    for (written, text, ms) in [
        ("yyyy-MM-dd", "1970-01-02", DAY_MS),
        ("yyyy-MM-dd'T'HH:mm:ss.SSS", "1970-01-01T00:00:01.005", 1_005),
        ("yyyy-MM-dd HH:mm:ssX", "1970-01-01 01:00:00+01", 0),
        ("yyyy-MM-dd HH:mm:ssX", "1970-01-01 01:00:00+0130", -HOUR_MS / 2),
        ("yyyy-MM-dd HH:mm:ssX", "1970-01-01 01:00:00Z", HOUR_MS),
        ("yyyy-MM-dd'T'HH:mm:ssXXX", "1970-01-01T01:00:00+01:00", 0),
        ("yyyy-MM-dd HH:mm:ss.SZ", "1970-01-01 01:00:00.3+0100", 300),
        ("yyyyMMddHHmmssSSS", "19700102030405006", DAY_MS + 3 * HOUR_MS + 4 * 60_000 + 5_006),
        ("d.M.y", "2.1.1970", DAY_MS),
        ("yyyy", "1971", 365 * DAY_MS),
        ("yy-D", "70-2", 36_525 * DAY_MS + DAY_MS),
        ("dd/MM/yyyy HH", "02/01/1970 03", DAY_MS + 3 * HOUR_MS),
        ("h:mm a", "1:30 PM", 13 * HOUR_MS + 30 * 60_000),
        ("hh a", "12 AM", 0),
        ("K a", "0 PM", 12 * HOUR_MS),
        ("kk", "24", 0),
        ("yyyy-MM-dd HH:mm", "1970-01-01 24:00", DAY_MS),
        ("MMM d yyyy", "Jan 2 1970", DAY_MS),
        ("EEEE, MMMM d, yyyy", "Friday, January 2, 1970", DAY_MS),
        ("yyyy-MM-dd''HH", "1970-01-01'01", HOUR_MS),
        ("yyyy-MM-dd[ HH[:mm]]", "1970-01-01", 0),
        ("yyyy-MM-dd[ HH[:mm]]", "1970-01-01 01", HOUR_MS),
        ("yyyy-MM-dd[ HH[:mm]]", "1970-01-01 01:30", HOUR_MS * 3 / 2),
        // The last day of a month stands in for days it does not have.
        ("yyyy-MM-dd", "1970-02-31", 58 * DAY_MS),
        ("yyyy-MM-dd HH VV", "1970-01-01 01 Europe/Paris", 0),
        ("yyyy-MM-dd HH z", "1970-07-01 00 PDT", 181 * DAY_MS + 7 * HOUR_MS),
        ("yyyy-MM-dd HH zzzz", "1970-01-01 00 Eastern Standard Time", 5 * HOUR_MS),
        ("yyyy-MM-dd HH O", "1970-01-01 08 GMT+8", 0),
        ("u-MM-dd", "-1-01-01", -719_893 * DAY_MS),
        ("yyyy-MM-dd A", "1970-01-01 1500", 1_500),
        ("N", "1500000", 1),
        ("yyyy-MM-dd pppH:mm", "1970-01-01   3:30", 3 * HOUR_MS + 30 * 60_000),
        ("YYYY-'W'ww-e", "1970-W02-1", 3 * DAY_MS),
        ("YYYY ww EEE", "1970 01 Fri", DAY_MS),
    ] {
        let found = pattern(written).parse_timestamp_ms(text, Zone::UTC);
        assert_eq!(found.ok(), Some(ms), "{text} by {written}");
    }
    let berlin = pattern("yyyy-MM-dd HH:mm").parse_timestamp_ms("2021-07-04 11:05", zone("Europe/Berlin"));
    assert_eq!(berlin.ok(), Some(SUNDAY_MS - 3_120));
}

#[test]
fn texts_that_do_not_fit_are_refused() {
    for (written, text) in [
        ("yyyy-MM-dd", "yesterday"),
        ("yyyy-MM-dd", "1970-1-2"),
        ("yyyy-MM-dd", "1970-01-02 "),
        ("yyyy-MM-dd", "1970-13-01"),
        ("yyyy-MM-dd", "1970-01-32"),
        ("yyyy-MM-dd", "12345-01-01"),
        ("yyyy-DDD", "1970-366"),
        ("DDD", "366"),
        ("MMM", "JAN"),
        ("HH:mm", "12:60"),
        ("hh a", "13 AM"),
        ("EEE yyyy-MM-dd", "Sat 1970-01-02"),
        ("YYYY-ww-e", "1970-55-1"),
        ("HH HH", "01 02"),
        ("XXX", "+0100"),
        ("VV", "Atlantis"),
        ("yyyy-MM-dd HH:mm", "1970-01-01 24:01"),
        ("yyyy-MM-dd", "é970-01-01"),
    ] {
        let found = pattern(written).parse_timestamp_ms(text, Zone::UTC);
        assert!(found.is_err(), "{text} by {written}: {found:?}");
    }
}

#[test]
fn patterns_that_are_not_understood_are_refused() {
    for written in [
        "yyyy-bb",
        "'open",
        "a]",
        "{y}",
        "HHH",
        "www",
        "WW",
        "cc",
        "FF",
        "SSSSSSSSSS",
        "VVV",
        "HHp",
        "p-H",
        &"[".repeat(40),
    ] {
        assert!(JavaPattern::parse(written).is_err(), "{written}");
    }
}

#[test]
fn times_are_written_by_their_pattern() {
    for (written, in_zone, text) in [
        ("yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "UTC", "2021-07-04T09:05:03.120Z"),
        ("yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "Asia/Kolkata", "2021-07-04T14:35:03.120+05:30"),
        ("d.M.yy H:m:s", "UTC", "4.7.21 9:5:3"),
        ("D DDD Q QQQ QQQQ", "UTC", "185 185 3 Q3 3rd quarter"),
        ("EEE EEEE EEEEE MMM MMMM MMMMM", "UTC", "Sun Sunday S Jul July J"),
        ("h hh a K k kk", "Asia/Tokyo", "6 06 PM 6 18 18"),
        ("S SS SSSSSS n A N", "UTC", "1 12 120000 120000000 32703120 32703120000000"),
        ("G GGGG y u", "UTC", "AD Anno Domini 2021 2021"),
        ("YYYY YY w ww W e ee eee c cccc F", "UTC", "2021 21 28 28 2 1 01 Sun 1 Sunday 4"),
        ("z zzzz VV", "America/Los_Angeles", "PDT Pacific Daylight Time America/Los_Angeles"),
        ("z VV", "+02:00", "+02:00 +02:00"),
        ("X XX XXX x xx xxx Z ZZZZZ", "UTC", "Z Z Z +00 +0000 +00:00 +0000 Z"),
        ("X XX x Z ZZZZ O OOOO", "America/St_Johns", "-0230 -0230 -0230 -0230 GMT-02:30 GMT-2:30 GMT-02:30"),
        ("X x", "Europe/London", "+01 +01"),
        ("ZZZZ O", "UTC", "GMT GMT"),
        ("''HH'''o''clock'", "UTC", "'09'o'clock"),
        ("HH[:mm]", "UTC", "09:05"),
        ("ppppH|ppppEEE|pd", "UTC", "   9| Sun|4"),
    ] {
        let mut found = String::new();
        pattern(written).format_timestamp(SUNDAY_MS, zone(in_zone), &mut found).expect("a text");
        assert_eq!(found, text, "{written} in {in_zone}");
    }
    let mut found = String::new();
    pattern("yyyy u G").format_timestamp(-100_000 * 365 * DAY_MS, Zone::UTC, &mut found).expect("a text");
    assert_eq!(found, "+97965 -97964 BC");
    assert!(pattern("yyyy").format_timestamp(i64::MAX, Zone::UTC, &mut found).is_err());
    assert!(pattern("ppyyyy").format_timestamp(SUNDAY_MS, Zone::UTC, &mut found).is_err());
}

#[test]
fn dates_and_times_of_day_have_their_own_fields() {
    let written = |found: Result<()>, text: String| found.ok().map(|()| text);
    let date = |by: &str, days| {
        let mut text = String::new();
        written(pattern(by).format_date(days, &mut text), text)
    };
    assert_eq!(date("dd/MM/yyyy", 18_027).as_deref(), Some("11/05/2019"));
    assert_eq!(date("yyyy[ HH]", 0).as_deref(), Some("1970"));
    assert_eq!(date("yyyy HH", 0), None);
    assert_eq!(date("yyyy X", 0), None);
    assert_eq!(date("yyyy", i32::MAX), None);
    let time = |by: &str, ms| {
        let mut text = String::new();
        written(pattern(by).format_time(ms, &mut text), text)
    };
    assert_eq!(time("HH_mm_ss.SSS", 3_723_004).as_deref(), Some("01_02_03.004"));
    assert_eq!(time("yyyy", 0), None);
    assert_eq!(time("HH", -1), None);
    assert_eq!(time("HH", 86_400_000), None);
}

#[test]
fn dates_are_read_exactly_or_leniently() {
    let days = |written: &str, text: &str, reading| pattern(written).parse_date_days(text, reading).ok();
    assert_eq!(days("dd-MMM-yyyy", "01-JAN-1971", Reading::AnyCase), Some(365));
    assert_eq!(days("dd-MMM-yyyy", "01-JAN-1971", Reading::Exact), None);
    assert_eq!(days("MMM-yyyy", "Jan-1971", Reading::AnyCase), None);
    for (written, text, expected) in [
        ("MMM-yyyy", "JAN-1971", Some(365)),
        ("yyyy-MM-dd", "1971-1-1", Some(365)),
        ("yyyy-MM-dd", "1971-01-01 and more", Some(365)),
        ("yyyy-MM-dd", "1970-13-01", Some(365)),
        ("yyyy-MM-dd", "1970-01-32", Some(31)),
        ("yyyyMMdd", "19710101", Some(365)),
        ("MMMM d, yy", "january 1, 71", Some(365)),
        ("yy-MM-dd", "49-01-01", Some(28_855)),
        ("yy-MM-dd", "50-01-01", Some(-7_305)),
        ("yyyy-MM-dd HH", "1971-01-01 00", Some(365)),
        ("yyyy-MM-dd HH", "1971-01-01 24", Some(366)),
        ("yyyy-MM-dd HH", "1971-01-01 01", None),
        ("YYYY-MM-dd", "1971-05-06", Some(360)),
        ("yyyy-MM-dd", "1971", None),
        ("yyyy-MM-dd", "", None),
    ] {
        assert_eq!(days(written, text, Reading::Lenient), expected, "{text} by {written}");
    }
}

#[test]
fn times_of_day_are_read_in_any_case_and_without_a_date() {
    let ms = |written: &str, text: &str| pattern(written).parse_time_ms(text).ok();
    assert_eq!(ms("HH:mm:ss", "01:02:03"), Some(3_723_000));
    assert_eq!(ms("hh a", "01 pM"), Some(13 * 3_600_000));
    assert_eq!(ms("HH", "05"), Some(5 * 3_600_000));
    assert_eq!(ms("hh", "05"), None);
    assert_eq!(ms("mm:ss", "01:02"), None);
    assert_eq!(ms("yyyy HH", "1970 01"), None);
    assert_eq!(ms("HH:mm", "24:00"), None);
}
