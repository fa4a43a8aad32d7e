//! Panels beside or below each other, as a terminal has room for them.

use crate::repl::table::width;

/// Spaces between the two columns.
const GAP: usize = 2;

/// A terminal's room.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    pub(super) columns: usize,
    pub(super) lines: usize,
}

/// The lines of the left and of the right side by side; below each other where they are too wide. What
/// is too long for the room is left out at the end.
pub(super) fn arranged(left: &[String], right: &[String], room: Room) -> Vec<String> {
    let widest = |lines: &[String]| lines.iter().map(|line| width(line)).max().unwrap_or(0);
    let left_width = widest(left);
    let mut lines: Vec<String> = if left_width + GAP + widest(right) <= room.columns {
        let empty = String::new();
        (0..left.len().max(right.len()))
            .map(|index| {
                let (left, right) = (left.get(index).unwrap_or(&empty), right.get(index).unwrap_or(&empty));
                let padding = " ".repeat(left_width + GAP - width(left));
                format!("{left}{padding}{right}").trim_end().to_owned()
            })
            .collect()
    } else {
        left.iter().chain(right).cloned().collect()
    };
    lines.truncate(room.lines);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn what_fits_stands_side_by_side() {
        let arranged = arranged(&lines("a\nlong"), &lines("x\ny\nz"), Room { columns: 7, lines: 10 });
        assert_eq!(arranged, ["a     x", "long  y", "      z"]);
    }

    #[test]
    fn what_is_too_wide_stands_below_and_what_is_too_long_is_left_out() {
        let arranged = arranged(&lines("a\nlong"), &lines("x\ny\nz"), Room { columns: 6, lines: 4 });
        assert_eq!(arranged, ["a", "long", "x", "y"]);
    }
}
