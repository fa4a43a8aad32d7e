//! Weeks as Java counts them in its English of the United States: they begin on Sunday, and the first week
//! of a year or a month is the one with its first day.

use chrono::{Datelike, Days, NaiveDate};

const DAYS_OF_WEEK: i64 = 7;

/// The day of the week, 1 for Sunday.
pub(super) fn day_of_week(date: NaiveDate) -> i64 {
    i64::from(date.weekday().number_from_sunday())
}

/// The year that the week of a day belongs to: that of its last day.
pub(super) fn year_of_week(date: NaiveDate) -> Option<i64> {
    let to_saturday = u64::try_from(DAYS_OF_WEEK - day_of_week(date)).ok()?;
    Some(i64::from(date.checked_add_days(Days::new(to_saturday))?.year()))
}

/// The week of the year that it belongs to.
pub(super) fn week_of_year(date: NaiveDate) -> Option<i64> {
    let first = first_sunday(year_of_week(date)?)?;
    Some((i64::from(date.to_epoch_days()) - first).div_euclid(DAYS_OF_WEEK) + 1)
}

/// The week of the month.
pub(super) fn week_of_month(date: NaiveDate) -> Option<i64> {
    Some((i64::from(date.day0()) + day_of_week(date.with_day(1)?) - 1) / DAYS_OF_WEEK + 1)
}

/// The day of a week of a year, in days since 1970.
pub(super) fn day_of(year: i64, week: i64, day_of_week: i64) -> Option<i32> {
    let weeks = week.checked_sub(1)?.checked_mul(DAYS_OF_WEEK)?;
    let days = first_sunday(year)?.checked_add(weeks)?.checked_add(day_of_week.checked_sub(1)?)?;
    i32::try_from(days).ok()
}

/// The first day of the first week of a year, in days since 1970.
fn first_sunday(year: i64) -> Option<i64> {
    let first_day = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, 1, 1)?;
    Some(i64::from(first_day.to_epoch_days()) - (day_of_week(first_day) - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_belongs_to_the_year_of_its_last_day() {
        let found = |year, month, day| {
            let date = NaiveDate::from_ymd_opt(year, month, day).expect("a date");
            let week = (year_of_week(date), week_of_year(date), week_of_month(date), day_of_week(date));
            assert_eq!(
                day_of(week.0.expect("a year"), week.1.expect("a week"), week.3),
                Some(date.to_epoch_days())
            );
            week
        };
        assert_eq!(found(2020, 12, 26), (Some(2020), Some(52), Some(4), 7));
        assert_eq!(found(2020, 12, 27), (Some(2021), Some(1), Some(5), 1));
        assert_eq!(found(2021, 1, 1), (Some(2021), Some(1), Some(1), 6));
        assert_eq!(found(2021, 1, 3), (Some(2021), Some(2), Some(2), 1));
        assert_eq!(found(1970, 1, 1), (Some(1970), Some(1), Some(1), 5));
    }
}
