//! The executable: parse arguments, listen, translate.

#[allow(dead_code, unused_imports, reason = "a door is used by the command that serves")]
mod kafka;

fn main() {}
