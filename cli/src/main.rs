//! The executable: parse arguments, listen, translate.

mod args;
mod budget;
mod commands;
mod demo;
mod failure;
mod http;
mod kafka;
mod listener;
mod open_files;
mod postgres;
mod repl;
mod server;
mod telemetry;
mod testing;

use std::process::ExitCode;

use crate::args::{Arguments, Command};

fn main() -> ExitCode {
    let arguments = Arguments::read();
    open_files::raise_limit();
    let result = match arguments.command {
        Command::Serve(serve) => commands::serve::run(serve),
        Command::Sql(sql) => commands::sql::run(sql),
        Command::Demo(demo) => commands::demo::run(demo),
        Command::Test(test) => commands::test::run(test),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error.tell();
            ExitCode::FAILURE
        }
    }
}
