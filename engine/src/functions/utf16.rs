//! Lengths and positions in texts, as Java counts them.
//!
//! They count units of UTF-16: a character beyond U+FFFF counts as two. Where a text is cut within such a
//! character, a question mark stands for the half of it, as Java writes one.

use super::arguments::Buffer;

/// What is written for half a character.
pub(super) const HALF: char = '?';

/// A place between two units of a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    /// The byte behind which it is; where it is within a character, the one before the character.
    pub at: usize,
    /// Whether it is between the halves of a character.
    pub is_within: bool,
}

/// How many units a text has.
pub(super) fn length(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().map(char::len_utf16).sum() }
}

/// The place behind so many units, or behind all.
pub(super) fn place(text: &str, units: usize) -> Place {
    if text.is_ascii() {
        return Place { at: units.min(text.len()), is_within: false };
    }
    let mut before = 0;
    for (at, character) in text.char_indices() {
        let behind = before + character.len_utf16();
        if behind > units {
            return Place { at, is_within: before < units };
        }
        before = behind;
    }
    Place { at: text.len(), is_within: false }
}

/// Appends the units from one place up to another, or to the end.
pub(super) fn push_part(text: &str, from: usize, to: usize, out: &mut Buffer) -> Option<()> {
    if from >= to {
        return Some(());
    }
    let (mut from, to) = (place(text, from), place(text, to));
    if from.is_within {
        out.push(HALF)?;
        from.at += text[from.at..].chars().next().map_or(0, char::len_utf8);
    }
    out.push_str(&text[from.at..to.at])?;
    if to.is_within { out.push(HALF) } else { Some(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(text: &str, from: usize, to: usize) -> String {
        let mut out = Buffer::default();
        push_part(text, from, to, &mut out).expect("room");
        String::from_utf8(out.as_slice().to_vec()).expect("text")
    }

    #[test]
    fn characters_beyond_the_first_plane_have_two_units() {
        assert_eq!(["", "äb", "a🌊b"].map(length), [0, 2, 4]);
        let places = [0, 1, 2, 3, 4, 9].map(|units| place("a🌊b", units));
        assert_eq!(places.map(|place| place.at), [0, 1, 1, 5, 6, 6]);
        assert_eq!(places.map(|place| place.is_within), [false, false, true, false, false, false]);
    }

    #[test]
    fn a_half_is_a_question_mark() {
        assert_eq!(part("a🌊b", 0, 3), "a🌊");
        assert_eq!(part("a🌊b", 0, 2), "a?");
        assert_eq!(part("a🌊b", 2, 4), "?b");
        assert_eq!(part("a🌊🌊b", 2, 4), "??");
        assert_eq!(part("a🌊b", 2, 2), "");
        assert_eq!(part("abc", 1, usize::MAX), "bc");
    }
}
