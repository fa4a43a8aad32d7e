//! The size of the terminal that answers are shown in.

use std::io::{self, IsTerminal};

use rustyline::Editor;
use rustyline::history::DefaultHistory;

/// Columns and lines of the terminal that standard output is; `None` where it is none. Not to be asked while
/// statements are read from it: then the editor knows.
pub(crate) fn terminal_size() -> Option<(u16, u16)> {
    if !io::stdout().is_terminal() {
        return None;
    }
    Editor::<(), DefaultHistory>::new().ok()?.dimensions()
}
