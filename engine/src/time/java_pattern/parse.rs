//! Texts by the items of a pattern, into fields.

use super::fields::Fields;
use super::item::{Field, Item, NameStyle, NumberItem, OffsetForm, Part, SHORT_YEAR_DIGITS, SignStyle};
use super::{Reading, format, names};
use crate::time::zone::Zone;

/// Reads a whole text; what stands behind is let be where it is read leniently. None where it does not fit.
pub(super) fn read(items: &[Item], text: &str, reading: Reading) -> Option<Fields> {
    let mut reader = Reader { rest: text, reading, fields: Fields::default() };
    reader.items(items)?;
    (reader.rest.is_empty() || reading == Reading::Lenient).then_some(reader.fields)
}

/// A text on the way.
#[derive(Clone)]
struct Reader<'a> {
    rest: &'a str,
    reading: Reading,
    fields: Fields,
}

impl<'a> Reader<'a> {
    fn items(&mut self, items: &[Item]) -> Option<()> {
        items.iter().enumerate().try_for_each(|(index, item)| {
            let is_number =
                |item: &Item| matches!(item, Item::Number(_) | Item::ShortYear { .. } | Item::Fraction(_));
            let before_number = items.get(index + 1).is_some_and(is_number);
            self.item(item, before_number)
        })
    }

    fn item(&mut self, item: &Item, before_number: bool) -> Option<()> {
        match item {
            Item::Literal(text) => self.literal(text),
            Item::Number(number) if self.reading == Reading::Lenient => {
                let digits_max = if before_number { number.digits_min } else { usize::MAX };
                let (value, _) = self.lenient_number(digits_max)?;
                self.fields.set(number.field, value)
            }
            Item::Number(number) => self.number(number),
            Item::ShortYear { field } => self.short_year(*field, before_number),
            Item::Fraction(digits) => self.fraction(*digits),
            Item::Name { field, style } => self.name(*field, *style),
            Item::Offset { form, zero } => self.offset(*form, zero, 2),
            Item::LocalizedOffset { .. } => {
                self.rest = self.strip("GMT")?;
                if self.rest.starts_with(['+', '-']) {
                    let form = OffsetForm { colon: true, minutes: Part::Needed, seconds: Part::Needed };
                    return self.offset(form, "", 1);
                }
                self.fields.set_offset(0)
            }
            Item::ZoneId => self.zone_id(),
            Item::ZoneName { .. } => {
                let same = |start: &str, name: &str| self.same(start, name);
                match names::zone_at_start(self.rest, same) {
                    Some((zone, length)) => {
                        self.rest = &self.rest[length..];
                        self.fields.set_zone(zone)
                    }
                    None => self.zone_id(),
                }
            }
            Item::Padded { width, item } => {
                let (last, character) = self.rest.char_indices().nth(width.checked_sub(1)?)?;
                let (padded, rest) = self.rest.split_at_checked(last + character.len_utf8())?;
                self.rest = padded.trim_start_matches(' ');
                self.item(item, false)?;
                let is_whole = self.rest.is_empty();
                self.rest = rest;
                is_whole.then_some(())
            }
            Item::Optional(items) => {
                let mut attempt = self.clone();
                if attempt.items(items).is_some() {
                    *self = attempt;
                }
                Some(())
            }
        }
    }

    fn same(&self, start: &str, name: &str) -> bool {
        match self.reading {
            Reading::Exact => start == name,
            Reading::AnyCase | Reading::Lenient => start.eq_ignore_ascii_case(name),
        }
    }

    /// What stands behind a text at the beginning.
    fn strip(&self, text: &str) -> Option<&'a str> {
        let (start, rest) = self.rest.split_at_checked(text.len())?;
        self.same(start, text).then_some(rest)
    }

    fn literal(&mut self, text: &str) -> Option<()> {
        self.rest = self.strip(text)?;
        Some(())
    }

    /// Digits at the beginning, as many as there are up to a number.
    fn digits(&self, digits_max: usize) -> usize {
        self.rest.bytes().take(digits_max).take_while(u8::is_ascii_digit).count()
    }

    fn take_number(&mut self, digits: usize) -> Option<i64> {
        let (number, rest) = self.rest.split_at_checked(digits)?;
        let number = number.parse().ok()?;
        self.rest = rest;
        Some(number)
    }

    fn number(&mut self, item: &NumberItem) -> Option<()> {
        let sign = self.rest.chars().next().filter(|sign| matches!(sign, '+' | '-'));
        match (sign, item.sign) {
            (None, _)
            | (Some('-'), SignStyle::Negative | SignStyle::WhenLong)
            | (Some('+'), SignStyle::WhenLong) => {}
            _ => return None,
        }
        if sign.is_some() {
            self.rest = &self.rest[1..];
        }
        let found = self.digits(item.digits_max + item.reserved);
        let digits = found.saturating_sub(item.reserved).max(item.digits_min);
        let fits_sign = match (item.sign, sign) {
            (SignStyle::WhenLong, Some('+')) => digits > item.digits_min,
            (SignStyle::WhenLong, None) => digits <= item.digits_min,
            _ => true,
        };
        if found < digits || digits > item.digits_max || !fits_sign {
            return None;
        }
        let value = self.take_number(digits)?;
        self.fields.set(item.field, if sign == Some('-') { -value } else { value })
    }

    /// A number of any number of digits, behind blanks, with how many digits it has.
    fn lenient_number(&mut self, digits_max: usize) -> Option<(i64, usize)> {
        self.rest = self.rest.trim_start();
        let digits = self.digits(digits_max);
        Some((self.take_number(digits)?, digits))
    }

    fn short_year(&mut self, field: Field, before_number: bool) -> Option<()> {
        let year = if self.reading == Reading::Lenient {
            let digits_max = if before_number { SHORT_YEAR_DIGITS } else { usize::MAX };
            let (year, digits) = self.lenient_number(digits_max)?;
            if digits <= SHORT_YEAR_DIGITS { year_of_two_digits(year) } else { year }
        } else {
            let digits = self.digits(SHORT_YEAR_DIGITS);
            (digits == SHORT_YEAR_DIGITS).then(|| self.take_number(digits))?? + CENTURY
        };
        self.fields.set(field, year)
    }

    fn fraction(&mut self, digits: usize) -> Option<()> {
        if self.reading == Reading::Lenient {
            // There the letter stands for milliseconds.
            let (ms, _) = self.lenient_number(usize::MAX)?;
            return self.fields.set(Field::Nanosecond, ms.checked_mul(1_000_000)?);
        }
        if self.digits(digits) != digits {
            return None;
        }
        let fraction = self.take_number(digits)?;
        let missing = u32::try_from(9_usize.checked_sub(digits)?).ok()?;
        self.fields.set(Field::Nanosecond, fraction * 10_i64.pow(missing))
    }

    fn name(&mut self, field: Field, style: NameStyle) -> Option<()> {
        let styles: &[NameStyle] = match (self.reading, style) {
            (Reading::Lenient, _) => &[NameStyle::Long, NameStyle::Short],
            (_, NameStyle::Long) => &[NameStyle::Long],
            (_, NameStyle::Short) => &[NameStyle::Short],
            // One letter does not tell June from July.
            (_, NameStyle::Narrow) => return None,
        };
        let values = match field {
            Field::Month => 1..=12,
            Field::DayOfWeek => 1..=7,
            Field::Quarter => 1..=4,
            _ => 0..=1,
        };
        let (value, length) = styles.iter().find_map(|style| {
            values.clone().find_map(|value| {
                let name = format::name_of(field, value, *style)?;
                self.strip(&name).map(|_| (value, name.len()))
            })
        })?;
        self.rest = &self.rest[length..];
        self.fields.set(field, value)
    }

    fn offset(&mut self, form: OffsetForm, zero: &str, hour_digits_min: usize) -> Option<()> {
        if zero == "Z"
            && let Some(rest) = self.strip(zero)
        {
            self.rest = rest;
            return self.fields.set_offset(0);
        }
        let sign = match self.rest.chars().next()? {
            '+' => 1,
            '-' => -1,
            _ => return None,
        };
        self.rest = &self.rest[1..];
        let hours = self.part(Part::Always, "", hour_digits_min)?;
        let colon = if form.colon { ":" } else { "" };
        let minutes = self.part(form.minutes, colon, 2)?;
        let seconds = self.part(form.seconds, colon, 2)?;
        if hours > 18 || minutes > 59 || seconds > 59 {
            return None;
        }
        self.fields.set_offset(sign * (hours * 3_600 + minutes * 60 + seconds))
    }

    /// The digits of a distance behind a separator; 0 where they are missing and may be.
    fn part(&mut self, part: Part, separator: &str, digits_min: usize) -> Option<i32> {
        if part == Part::Never {
            return Some(0);
        }
        let mut attempt = self.clone();
        let value = attempt.literal(separator).and_then(|()| {
            let digits = attempt.digits(2);
            if digits >= digits_min { attempt.take_number(digits) } else { None }
        });
        match value {
            Some(value) => {
                *self = attempt;
                i32::try_from(value).ok()
            }
            None => (part == Part::Needed).then_some(0),
        }
    }

    /// The longest identifier of a zone at the beginning.
    fn zone_id(&mut self) -> Option<()> {
        let is_part = |sign: char| sign.is_ascii_alphanumeric() || "/_+-:".contains(sign);
        let end = self.rest.find(|sign| !is_part(sign)).unwrap_or(self.rest.len());
        let (zone, length) = (1..=end.min(ZONE_LENGTH_MAX))
            .rev()
            .find_map(|length| Some((Zone::parse(self.rest.get(..length)?)?, length)))?;
        self.rest = &self.rest[length..];
        self.fields.set_zone(zone)
    }
}

/// The year that two digits mean where patterns are read leniently. Java counts from 80 years ago; here the
/// years are the same every day, those of RFC 5280, so that a record is read again as it was read before.
fn year_of_two_digits(two_digits: i64) -> i64 {
    const FIRST_OF_LAST_CENTURY: i64 = 50;
    if two_digits < FIRST_OF_LAST_CENTURY { CENTURY + two_digits } else { CENTURY - 100 + two_digits }
}

/// The century that short years are in.
const CENTURY: i64 = 2_000;

/// Letters of the longest identifier of a zone that is looked for.
const ZONE_LENGTH_MAX: usize = 40;
