//! Where answers go: standard output, and the file of SPOOL beside it. What is told about them goes to
//! standard error, so that a program that reads the answers reads nothing else.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::failure::CommandFailure;

/// Standard output and perhaps a file.
#[derive(Default)]
pub(crate) struct Output {
    spool: Option<Spool>,
}

struct Spool {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Output {
    /// Writes a text and the end of its line. Rows that come live are to be seen at once, so nothing
    /// is kept back.
    pub(crate) fn line(&mut self, text: &str) -> io::Result<()> {
        let mut standard = io::stdout().lock();
        standard.write_all(text.as_bytes())?;
        standard.write_all(b"\n")?;
        standard.flush()?;
        self.spool(text)
    }

    /// Writes what is told beside the answers.
    pub(crate) fn notice(&mut self, text: &str) -> io::Result<()> {
        // Nobody has to read what is said in passing.
        let _ = writeln!(io::stderr(), "NOTICE: {text}");
        self.spool(&format!("NOTICE: {text}"))
    }

    /// Writes a statement to the file only: the terminal shows it already.
    pub(crate) fn echo(&mut self, statement: &str) -> io::Result<()> {
        self.spool(&format!("tidemill> {statement};"))
    }

    /// Begins to write to a file too, which is emptied first.
    pub(crate) fn start_spool(&mut self, path: &Path) -> io::Result<()> {
        self.end_spool()?;
        self.spool = Some(Spool { path: path.to_owned(), file: BufWriter::new(File::create(path)?) });
        Ok(())
    }

    /// Ends the file; tells which it was.
    pub(crate) fn end_spool(&mut self) -> io::Result<Option<PathBuf>> {
        match self.spool.take() {
            Some(mut spool) => spool.file.flush().map(|()| Some(spool.path)),
            None => Ok(None),
        }
    }

    fn spool(&mut self, text: &str) -> io::Result<()> {
        let Some(spool) = &mut self.spool else { return Ok(()) };
        let written = writeln!(spool.file, "{text}").and_then(|()| spool.file.flush());
        written.map_err(|error| {
            io::Error::new(error.kind(), format!("could not write to {}: {error}", spool.path.display()))
        })
    }
}

/// Why an answer was not written. Where nobody reads any more there is nothing to tell: `head` has its lines.
pub(crate) fn unwritten(error: &io::Error) -> CommandFailure {
    match error.kind() {
        io::ErrorKind::BrokenPipe => CommandFailure(String::new()),
        _ => CommandFailure(format!("could not write the answer: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spooled_is_in_the_file_until_it_ends() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("answers.txt");
        let mut output = Output::default();
        output.echo("SELECT 0").unwrap();
        output.start_spool(&path).unwrap();
        output.echo("SELECT 1").unwrap();
        output.line(" 1").unwrap();
        assert_eq!(output.end_spool().unwrap(), Some(path.clone()));
        output.line("after").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "tidemill> SELECT 1;\n 1\n");
        assert_eq!(output.end_spool().unwrap(), None);
    }
}
