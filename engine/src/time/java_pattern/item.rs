//! What a pattern consists of.

/// A piece of a pattern.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Item {
    /// Text that stands as it is.
    Literal(String),
    /// A field as a number.
    Number(NumberItem),
    /// The last two digits of a year from 2000 to 2099.
    ShortYear {
        /// Which of the years.
        field: Field,
    },
    /// The fraction of a second in so many digits.
    Fraction(usize),
    /// A field as a name.
    Name {
        /// Month, day of the week, half of the day, era or quarter.
        field: Field,
        /// How it is written.
        style: NameStyle,
    },
    /// The distance from UTC.
    Offset {
        /// How it is written.
        form: OffsetForm,
        /// What is written where there is none.
        zero: &'static str,
    },
    /// The distance from UTC as `GMT+8`, or `GMT+08:00` in its long form.
    LocalizedOffset {
        /// Whether in its long form.
        long: bool,
    },
    /// The zone's identifier.
    ZoneId,
    /// The zone's name.
    ZoneName {
        /// Whether in its long form.
        long: bool,
    },
    /// A part that may be missing.
    Optional(Vec<Item>),
    /// A field with blanks before it, up to a number of characters.
    Padded {
        /// How many characters it has with the blanks.
        width: usize,
        /// The field.
        item: Box<Item>,
    },
}

/// A field as a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct NumberItem {
    pub field: Field,
    pub digits_min: usize,
    pub digits_max: usize,
    pub sign: SignStyle,
    /// Digits that the numbers right behind it take.
    pub reserved: usize,
}

/// Which signs a number may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum SignStyle {
    /// None.
    Never,
    /// A minus.
    Negative,
    /// A minus, and a plus where it has more digits than the least.
    WhenLong,
}

/// How a name is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NameStyle {
    Short,
    Long,
    Narrow,
}

/// How a distance from UTC is written: with a colon or without, and which parts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct OffsetForm {
    pub colon: bool,
    pub minutes: Part,
    pub seconds: Part,
}

/// Whether a part of a distance is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Part {
    Never,
    /// Where it is not 0.
    Needed,
    Always,
}

/// A field of a date or a time of day.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Field {
    Era,
    YearOfEra,
    Year,
    Quarter,
    Month,
    DayOfMonth,
    DayOfYear,
    DayOfWeek,
    /// The year that a week belongs to.
    WeekYear,
    WeekOfYear,
    WeekOfMonth,
    /// 1 to 7, from Sunday.
    LocalDayOfWeek,
    /// 1 to 7, from whichever day the month begins with.
    AlignedDayOfWeek,
    HalfOfDay,
    /// 0 to 23.
    Hour,
    /// 1 to 24.
    ClockHour,
    /// 0 to 11.
    HourOfHalf,
    /// 1 to 12.
    ClockHourOfHalf,
    Minute,
    Second,
    Nanosecond,
    MillisecondOfDay,
    NanosecondOfDay,
}

/// Digits of the longest number.
const DIGITS_MAX: usize = 19;

/// Depth of brackets in brackets, which recursion follows.
const DEPTH_MAX: usize = 16;

/// Reads a pattern.
///
/// # Errors
/// What is wrong with it, to stand behind its name.
pub(super) fn read(pattern: &str) -> Result<Vec<Item>, String> {
    // The innermost open bracket is last.
    let mut open: Vec<Vec<Item>> = vec![Vec::new()];
    let mut rest = pattern.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\'' => {
                let text = quoted(&mut rest).ok_or("has an open quote")?;
                push_literal(&mut open, &text);
            }
            '[' if open.len() > DEPTH_MAX => return Err(format!("has more than {DEPTH_MAX} open brackets")),
            '[' => open.push(Vec::new()),
            ']' => match (open.pop(), open.last_mut()) {
                (Some(part), Some(around)) => around.push(Item::Optional(part)),
                _ => return Err("closes a bracket that is not open".to_owned()),
            },
            '{' | '}' | '#' => return Err(format!("has a {character}, which Java reserves")),
            'p' => {
                let width = 1 + repetitions('p', &mut rest);
                let letter =
                    rest.next_if(char::is_ascii_alphabetic).ok_or("has a p with no letter behind it")?;
                let item = Box::new(field_item(letter, &mut rest)?);
                push(&mut open, Item::Padded { width, item });
            }
            letter if letter.is_ascii_alphabetic() => {
                let item = field_item(letter, &mut rest)?;
                push(&mut open, item);
            }
            other => push_literal(&mut open, other.encode_utf8(&mut [0; 4])),
        }
    }
    // As in Java, brackets need not be closed at the end.
    while open.len() > 1 {
        if let (Some(part), Some(around)) = (open.pop(), open.last_mut()) {
            around.push(Item::Optional(part));
        }
    }
    let mut items = open.pop().unwrap_or_default();
    reserve(&mut items);
    Ok(items)
}

/// How often a letter is repeated, which is taken.
fn repetitions(letter: char, rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> usize {
    std::iter::from_fn(|| rest.next_if_eq(&letter)).count()
}

/// The item of a letter and its repetitions.
fn field_item(letter: char, rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Item, String> {
    let count = 1 + repetitions(letter, rest);
    item(letter, count).ok_or_else(|| {
        let run: String = std::iter::repeat_n(letter, count).collect();
        format!("has '{run}', which is not understood")
    })
}

fn push(open: &mut [Vec<Item>], item: Item) {
    if let Some(items) = open.last_mut() {
        items.push(item);
    }
}

/// Takes text to its closing quote; two quotes are one.
fn quoted(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<String> {
    let mut text = String::new();
    loop {
        match rest.next()? {
            '\'' if rest.next_if_eq(&'\'').is_some() => text.push('\''),
            '\'' => break,
            other => text.push(other),
        }
    }
    Some(if text.is_empty() { "'".to_owned() } else { text })
}

fn push_literal(open: &mut [Vec<Item>], text: &str) {
    let Some(items) = open.last_mut() else { return };
    match items.last_mut() {
        Some(Item::Literal(literal)) => literal.push_str(text),
        _ => items.push(Item::Literal(text.to_owned())),
    }
}

/// Tells numbers how many digits those right behind them take.
fn reserve(items: &mut [Item]) {
    let mut reserved = 0;
    for item in items.iter_mut().rev() {
        match item {
            Item::Number(number) if number.digits_min == number.digits_max => reserved += number.digits_max,
            Item::Number(number) => {
                number.reserved = reserved;
                reserved = 0;
            }
            Item::ShortYear { .. } => reserved += SHORT_YEAR_DIGITS,
            Item::Fraction(digits) => reserved += *digits,
            Item::Optional(items) => {
                reserve(items);
                reserved = 0;
            }
            _ => reserved = 0,
        }
    }
}

/// Digits of a short year.
pub(super) const SHORT_YEAR_DIGITS: usize = 2;

/// A letter repeated so many times.
fn item(letter: char, count: usize) -> Option<Item> {
    let number = |field, digits_min, digits_max, sign| {
        Some(Item::Number(NumberItem { field, digits_min, digits_max, sign, reserved: 0 }))
    };
    // One letter is a number as long as it is, two are two digits.
    let short = |field| match count {
        1 => number(field, 1, DIGITS_MAX, SignStyle::Negative),
        2 => number(field, 2, 2, SignStyle::Never),
        _ => None,
    };
    let name = |field, short: usize| {
        let style = match count {
            4 => NameStyle::Long,
            5 => NameStyle::Narrow,
            other if other <= short => NameStyle::Short,
            _ => return None,
        };
        Some(Item::Name { field, style })
    };
    let year = |field| match count {
        2 => Some(Item::ShortYear { field }),
        1 | 3 => number(field, count, DIGITS_MAX, SignStyle::Negative),
        4..=DIGITS_MAX => number(field, count, DIGITS_MAX, SignStyle::WhenLong),
        _ => None,
    };
    let long_number =
        |field| (count <= DIGITS_MAX).then(|| number(field, count, DIGITS_MAX, SignStyle::Never))?;
    match letter {
        'G' => name(Field::Era, 3),
        'y' => year(Field::YearOfEra),
        'u' => year(Field::Year),
        'Q' | 'q' if count <= 2 => short(Field::Quarter),
        'Q' | 'q' => name(Field::Quarter, 3),
        'M' | 'L' if count <= 2 => short(Field::Month),
        'M' | 'L' => name(Field::Month, 3),
        'd' => short(Field::DayOfMonth),
        'D' if count == 1 => short(Field::DayOfYear),
        'D' if count <= 3 => number(Field::DayOfYear, count, 3, SignStyle::Never),
        'E' => name(Field::DayOfWeek, 3),
        'Y' => year(Field::WeekYear),
        'w' if count <= 2 => number(Field::WeekOfYear, count, 2, SignStyle::Never),
        'W' if count == 1 => number(Field::WeekOfMonth, 1, 1, SignStyle::Never),
        'e' if count <= 2 => number(Field::LocalDayOfWeek, count, count, SignStyle::Never),
        'c' if count == 1 => number(Field::LocalDayOfWeek, 1, 1, SignStyle::Never),
        'e' | 'c' if count >= 3 => name(Field::DayOfWeek, 3),
        'F' if count == 1 => number(Field::AlignedDayOfWeek, 1, DIGITS_MAX, SignStyle::Negative),
        'a' if count == 1 => Some(Item::Name { field: Field::HalfOfDay, style: NameStyle::Short }),
        'H' => short(Field::Hour),
        'k' => short(Field::ClockHour),
        'K' => short(Field::HourOfHalf),
        'h' => short(Field::ClockHourOfHalf),
        'm' => short(Field::Minute),
        's' => short(Field::Second),
        'S' if count <= 9 => Some(Item::Fraction(count)),
        'A' => long_number(Field::MillisecondOfDay),
        'n' => long_number(Field::Nanosecond),
        'N' => long_number(Field::NanosecondOfDay),
        'V' if count == 2 => Some(Item::ZoneId),
        'z' if count <= 4 => Some(Item::ZoneName { long: count == 4 }),
        'O' if matches!(count, 1 | 4) => Some(Item::LocalizedOffset { long: count == 4 }),
        'X' => Some(Item::Offset { form: offset_form(count)?, zero: "Z" }),
        'x' => {
            let zero = match count {
                1 => "+00",
                2 | 4 => "+0000",
                _ => "+00:00",
            };
            Some(Item::Offset { form: offset_form(count)?, zero })
        }
        'Z' => match count {
            1..=3 => Some(Item::Offset { form: offset_form(2)?, zero: "+0000" }),
            4 => Some(Item::LocalizedOffset { long: true }),
            5 => Some(Item::Offset { form: offset_form(5)?, zero: "Z" }),
            _ => None,
        },
        _ => None,
    }
}

/// How so many letters write a distance.
fn offset_form(count: usize) -> Option<OffsetForm> {
    let (colon, minutes, seconds) = match count {
        1 => (false, Part::Needed, Part::Never),
        2 => (false, Part::Always, Part::Never),
        3 => (true, Part::Always, Part::Never),
        4 => (false, Part::Always, Part::Needed),
        5 => (true, Part::Always, Part::Needed),
        _ => return None,
    };
    Some(OffsetForm { colon, minutes, seconds })
}
