//! What became of the cases, for build servers: JUnit's XML.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use super::known_failures::KnownFailures;
use super::pool::Finished;

/// What became of a case, as these servers tell it.
enum Outcome<'d> {
    Passed,
    Failed(&'d Finished),
    /// It passes although it is known to fail.
    Unexpected,
    /// It is known to fail, for this reason.
    Skipped(&'d str),
}

impl Outcome<'_> {
    fn of<'d>(done: &'d Finished, known: Option<&'d KnownFailures>) -> Outcome<'d> {
        match (done.verdict.passed, known.and_then(|known| known.reason(&done.source.id))) {
            (true, None) => Outcome::Passed,
            (true, Some(_)) => Outcome::Unexpected,
            (false, Some(reason)) => Outcome::Skipped(reason),
            (false, None) => Outcome::Failed(done),
        }
    }
}

/// How many of which there are, and the time they took.
#[derive(Default)]
struct Counts {
    tests: usize,
    failures: usize,
    skipped: usize,
    time: Duration,
}

impl Counts {
    fn of<'d>(cases: impl IntoIterator<Item = &'d Finished>, known: Option<&KnownFailures>) -> Counts {
        let mut counts = Counts::default();
        for done in cases {
            counts.tests += 1;
            counts.time += done.duration;
            match Outcome::of(done, known) {
                Outcome::Passed => {}
                Outcome::Failed(_) | Outcome::Unexpected => counts.failures += 1,
                Outcome::Skipped(_) => counts.skipped += 1,
            }
        }
        counts
    }

    fn attributes(&self) -> String {
        let Counts { tests, failures, skipped, time } = self;
        let time = seconds(*time);
        format!(
            "tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\" time=\"{time}\""
        )
    }
}

/// The report; cases of a tier, or of a directory's three files, are a suite.
pub(crate) fn junit(finished: &[Finished], known: Option<&KnownFailures>) -> String {
    let mut suites: BTreeMap<&str, Vec<&Finished>> = BTreeMap::new();
    for done in finished {
        let tier = done.source.tier.as_str();
        suites.entry(if tier.is_empty() { "tidemill" } else { tier }).or_default().push(done);
    }
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to a String cannot fail.
    let _ = writeln!(xml, "<testsuites name=\"tidemill test\" {}>", Counts::of(finished, known).attributes());
    for (name, cases) in suites {
        let counts = Counts::of(cases.iter().copied(), known);
        let _ = writeln!(xml, "  <testsuite name=\"{}\" {}>", escaped(name), counts.attributes());
        for done in cases {
            let _ = write!(
                xml,
                "    <testcase classname=\"{}\" name=\"{}\" time=\"{}\"",
                escaped(name),
                escaped(&done.source.id),
                seconds(done.duration)
            );
            xml.push_str(&match Outcome::of(done, known) {
                Outcome::Passed => "/>\n".to_owned(),
                Outcome::Failed(done) => within(&failure(
                    &done.verdict.summary().unwrap_or_default(),
                    done.verdict.reason.as_deref().unwrap_or_default(),
                )),
                Outcome::Unexpected => {
                    within(&failure("it passes and is known to fail: take it off the list", ""))
                }
                Outcome::Skipped(reason) => within(&format!(
                    "<skipped message=\"{}\"/>",
                    escaped(&format!("known to fail: {reason}"))
                )),
            });
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn failure(message: &str, text: &str) -> String {
    format!("<failure message=\"{}\" type=\"difference\">{}</failure>", escaped(message), escaped(text))
}

/// The rest of a case's element, with this in it.
fn within(element: &str) -> String {
    format!(">\n      {element}\n    </testcase>\n")
}

fn seconds(duration: Duration) -> String {
    format!("{:.3}", duration.as_secs_f64())
}

/// A text as it may stand in an attribute or an element. White space that an attribute would turn into
/// spaces is written as a number; control characters that XML cannot have at all become a replacement
/// character.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push_str("&#10;"),
            '\r' => escaped.push_str("&#13;"),
            '\t' => escaped.push_str("&#9;"),
            character if character.is_control() || matches!(character, '\u{fffe}' | '\u{ffff}') => {
                escaped.push(char::REPLACEMENT_CHARACTER);
            }
            character => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::testing::verdict::Verdict;
    use crate::testing::{CaseSource, Place};

    fn finished(id: &str, tier: &str, verdict: Verdict) -> Finished {
        let case = Err(String::new());
        let place = Place::Directory(PathBuf::new());
        let source = CaseSource { place, id: id.to_owned(), tier: tier.to_owned(), case };
        Finished { source, verdict, duration: Duration::from_millis(1_500) }
    }

    #[test]
    fn a_failure_stands_in_its_case_with_its_text_escaped() {
        let cases = [
            finished("a", "", Verdict::passed()),
            finished("b<1>", "", Verdict::failed("\"x\" & y\n  more\u{1}")),
            finished("c", "T1", Verdict::passed()),
        ];
        let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
            <testsuites name=\"tidemill test\" tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"0\" time=\"4.500\">\n  \
            <testsuite name=\"T1\" tests=\"1\" failures=\"0\" errors=\"0\" skipped=\"0\" time=\"1.500\">\n    \
            <testcase classname=\"T1\" name=\"c\" time=\"1.500\"/>\n  </testsuite>\n  \
            <testsuite name=\"tidemill\" tests=\"2\" failures=\"1\" errors=\"0\" skipped=\"0\" time=\"3.000\">\n    \
            <testcase classname=\"tidemill\" name=\"a\" time=\"1.500\"/>\n    \
            <testcase classname=\"tidemill\" name=\"b&lt;1&gt;\" time=\"1.500\">\n      \
            <failure message=\"&quot;x&quot; &amp; y; more\u{fffd}\" type=\"difference\">\
            &quot;x&quot; &amp; y&#10;  more\u{fffd}</failure>\n    </testcase>\n  </testsuite>\n</testsuites>\n";
        assert_eq!(junit(&cases, None), expected);
    }

    #[test]
    fn what_is_known_to_fail_is_skipped_until_it_passes() {
        let directory = tempfile::tempdir().unwrap();
        let list = directory.path().join("known.txt");
        std::fs::write(&list, "a\tnot <yet>\nb\tnor this\n").unwrap();
        let known = KnownFailures::read(&list).unwrap();
        let cases = [finished("a", "", Verdict::failed("as ever")), finished("b", "", Verdict::passed())];
        let xml = junit(&cases, Some(&known));
        assert!(xml.contains("tests=\"2\" failures=\"1\" errors=\"0\" skipped=\"1\""), "{xml}");
        assert!(xml.contains("<skipped message=\"known to fail: not &lt;yet&gt;\"/>"), "{xml}");
        assert!(xml.contains("take it off the list") && !xml.contains("as ever"), "{xml}");
    }

    #[test]
    fn white_space_of_an_attribute_is_kept() {
        assert_eq!(escaped("a\tb\r\nc\u{b}d\u{ffff}"), "a&#9;b&#13;&#10;c\u{fffd}d\u{fffd}");
    }
}
