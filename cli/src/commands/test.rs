//! `tidemill test`: cases of queries, run without a server.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::args::Test;
use crate::failure::CommandFailure;
use crate::telemetry;
use crate::testing::{
    CaseSource, Finished, KnownFailures, Selection, collect, junit, report, run_all, table, update,
};

/// What is logged while cases run: their errors are theirs to tell.
const LOG_FILTER: &str = "off";

/// Runs the cases, tells what became of them, and fails unless all is as it should be.
pub(crate) fn run(arguments: Test) -> Result<(), CommandFailure> {
    telemetry::start(Some(LOG_FILTER));
    let selection = Selection { filter: arguments.filter, tiers: arguments.tier };
    let known = arguments.known.as_deref().map(KnownFailures::read).transpose()?;
    let found = || found(&arguments.paths, &selection, arguments.strict);
    let sources = found()?;
    if sources.is_empty() {
        return Err(CommandFailure("no case was found, or none was selected".to_owned()));
    }
    let begun = Instant::now();
    let mut finished = run_all(sources);
    let written = |error: io::Error| CommandFailure(format!("could not write the results: {error}"));
    if arguments.update {
        let updated = update(&finished)?;
        tell_updated(&finished, &updated).map_err(written)?;
        // Whether a case passes now is told by running it.
        let again = found()?.into_iter().filter(|source| updated.contains(&source.id)).collect();
        for done in run_all(again) {
            finished.iter_mut().filter(|before| before.source.id == done.source.id).for_each(|before| {
                before.clone_from(&done);
            });
        }
    }
    let took = begun.elapsed();
    tell_failures(&finished, known.as_ref()).map_err(written)?;
    if let Some(path) = &arguments.report {
        let text = serde_json::to_string_pretty(&report(&finished));
        let text = text.map_err(|error| CommandFailure(format!("could not write the report: {error}")))?;
        write(path, &format!("{text}\n"))?;
    }
    if let Some(path) = &arguments.junit {
        write(path, &junit(&finished, known.as_ref()))?;
    }
    eprintln!("took {:.1} s", took.as_secs_f64());
    let verdict = verdict(&finished, known.as_ref(), selection.is_everything());
    // The numbers come last, also where both outputs are one log.
    let verdict = verdict.map_err(CommandFailure::tell);
    let mut out = io::stdout().lock();
    writeln!(out, "{}", table(&finished)).map_err(written)?;
    out.flush().map_err(written)?;
    verdict
}

/// The cases that the arguments lead to.
fn found(
    paths: &[PathBuf],
    selection: &Selection,
    is_strict: bool,
) -> Result<Vec<CaseSource>, CommandFailure> {
    let mut sources = collect(paths, selection)?;
    if is_strict {
        sources.iter_mut().for_each(CaseSource::be_strict);
    }
    Ok(sources)
}

/// Prints every case whose outputs were written anew, with where they differed before.
fn tell_updated(finished: &[Finished], updated: &BTreeSet<String>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for done in finished.iter().filter(|done| updated.contains(&done.source.id)) {
        tell(&mut out, "UPDATED", done)?;
    }
    out.flush()?;
    match updated.len() {
        0 => eprintln!("no case has other outputs than are expected"),
        1 => eprintln!("wrote the outputs of 1 case"),
        cases => eprintln!("wrote the outputs of {cases} cases"),
    }
    Ok(())
}

/// Prints every case that failed and is not known to, with where it differs.
fn tell_failures(finished: &[Finished], known: Option<&KnownFailures>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for done in finished {
        let Finished { source, verdict, .. } = done;
        // Where only what is new counts, nothing else is told.
        if known.is_some_and(|known| verdict.passed || known.contains(&source.id)) {
            continue;
        }
        tell(&mut out, if verdict.passed { "PASSED, BUT" } else { "FAILED" }, done)?;
    }
    out.flush()
}

/// Prints a case with what there is to say about it, if there is anything.
fn tell(out: &mut impl Write, word: &str, done: &Finished) -> io::Result<()> {
    let Some(reason) = &done.verdict.reason else { return Ok(()) };
    writeln!(out, "{word} {}{}", done.source.id, tier_of(&done.source))?;
    for line in reason.lines() {
        writeln!(out, "  {line}")?;
    }
    writeln!(out)
}

fn tier_of(source: &CaseSource) -> String {
    if source.tier.is_empty() { String::new() } else { format!(" ({})", source.tier) }
}

fn verdict(
    finished: &[Finished],
    known: Option<&KnownFailures>,
    is_everything: bool,
) -> Result<(), CommandFailure> {
    match known {
        Some(known) => {
            let disagreements = known.disagreements(finished, is_everything);
            if disagreements.is_empty() {
                return Ok(());
            }
            let count = disagreements.len();
            Err(CommandFailure(format!(
                "the list of known failures is not right in {count} cases:\n  {}",
                disagreements.join("\n  ")
            )))
        }
        None => match finished.iter().filter(|done| !done.verdict.passed).count() {
            0 => Ok(()),
            1 => Err(CommandFailure("a case failed".to_owned())),
            failed => Err(CommandFailure(format!("{failed} cases failed"))),
        },
    }
}

fn write(path: &Path, text: &str) -> Result<(), CommandFailure> {
    fs::write(path, text)
        .map_err(|error| CommandFailure(format!("could not write {}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory with a case: an order of 20 goes in, and large ones come out.
    fn case_directory(output: Option<&str>) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
        file(
            "statements.sql",
            "CREATE STREAM orders (amount INT) WITH (kafka_topic='orders', value_format='JSON');
             CREATE STREAM large AS SELECT * FROM orders WHERE amount > 10;",
        );
        file("input.json", r#"{"inputs": [{"topic": "orders", "value": {"AMOUNT": 20}}]}"#);
        output.into_iter().for_each(|text| file("output.json", text));
        directory
    }

    fn tested(directory: &tempfile::TempDir, update: bool) -> Result<(), CommandFailure> {
        run(Test {
            paths: vec![directory.path().to_owned()],
            filter: None,
            tier: Vec::new(),
            report: None,
            junit: None,
            known: None,
            strict: false,
            update,
        })
    }

    #[test]
    fn outputs_that_are_written_are_expected_from_then_on() {
        for output in [None, Some(r#"{"outputs": [{"topic": "LARGEE", "value": {"AMOUNT": 1}}]}"#)] {
            let directory = case_directory(output);
            assert!(tested(&directory, false).is_err(), "{output:?}");
            assert!(tested(&directory, true).is_ok(), "{output:?}");
            assert!(tested(&directory, false).is_ok(), "{output:?}");
            let written = fs::read_to_string(directory.path().join("output.json")).unwrap();
            assert!(written.contains("LARGE\"") && written.contains("20"), "{written}");
        }
    }

    #[test]
    fn a_case_that_fails_for_another_reason_than_its_outputs_stays_a_failure() {
        let directory = case_directory(Some(r#"{"outputs": []}"#));
        fs::write(directory.path().join("statements.sql"), "CREATE STREAM large AS SELECT 1 FROM nowhere;")
            .unwrap();
        assert!(tested(&directory, true).is_err());
        let output = fs::read_to_string(directory.path().join("output.json")).unwrap();
        assert_eq!(output, r#"{"outputs": []}"#);
    }
}
