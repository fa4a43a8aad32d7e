//! `tidemill test`: cases of queries, run without a server.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
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
    let mut sources = collect(&arguments.paths, &selection)?;
    if arguments.strict {
        sources.iter_mut().for_each(CaseSource::be_strict);
    }
    if sources.is_empty() {
        return Err(CommandFailure("no case was found, or none was selected".to_owned()));
    }
    let begun = Instant::now();
    let finished = run_all(sources);
    let took = begun.elapsed();
    let written = |error: io::Error| CommandFailure(format!("could not write the results: {error}"));
    tell_failures(&finished, known.as_ref()).map_err(written)?;
    if let Some(path) = &arguments.report {
        let text = serde_json::to_string_pretty(&report(&finished));
        let text = text.map_err(|error| CommandFailure(format!("could not write the report: {error}")))?;
        write(path, &format!("{text}\n"))?;
    }
    if let Some(path) = &arguments.junit {
        write(path, &junit(&finished, known.as_ref()))?;
    }
    if arguments.update {
        let cases = update(&finished)?;
        eprintln!("wrote the outputs of {cases} cases; they pass when they are run again");
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

/// Prints every case that failed and is not known to, with where it differs.
fn tell_failures(finished: &[Finished], known: Option<&KnownFailures>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for done in finished {
        let Finished { source, verdict, .. } = done;
        // Where only what is new counts, nothing else is told.
        if known.is_some_and(|known| verdict.passed || known.contains(&source.id)) {
            continue;
        }
        let Some(reason) = &verdict.reason else { continue };
        let word = if verdict.passed { "PASSED, BUT" } else { "FAILED" };
        writeln!(out, "{word} {}{}", source.id, tier_of(source))?;
        for line in reason.lines() {
            writeln!(out, "  {line}")?;
        }
        writeln!(out)?;
    }
    out.flush()
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
