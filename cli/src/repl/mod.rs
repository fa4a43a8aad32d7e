//! The REPL: statements typed by people, answers laid out for them.
//!
//! [`shell`] runs text: it keeps the statements that concern the REPL alone ([`commands`],
//! [`variables`], [`output`]) to itself and sends the rest to a [`backend`], which is a server
//! ([`remote`], with [`other_door`] for what else may listen there) or an engine opened right here
//! ([`embedded`]). Answers are drawn ([`drawing`]) side by side ([`table`]) or as records ([`records`]).
//! [`editor`] is what a terminal adds: history, completion, colours. What statements mean is the engine's
//! business alone.

pub(crate) mod backend;
mod commands;
mod completer;
mod drawing;
mod editor;
mod embedded;
mod highlighter;
mod names;
mod other_door;
pub(crate) mod output;
mod records;
pub(crate) mod remote;
pub(crate) mod shell;
pub(crate) mod table;
mod terminal_size;
mod variables;

pub(crate) use drawing::Expanded;
pub(crate) use editor::converse;
pub(crate) use embedded::Embedded;
pub(crate) use remote::Remote;
pub(crate) use shell::Shell;
pub(crate) use terminal_size::terminal_size;
pub(crate) use variables::Definition;
