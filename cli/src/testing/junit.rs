//! What became of the cases, for build servers: JUnit's XML.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use super::pool::Finished;

/// The report; cases of a tier, or of a directory's three files, are a suite.
pub(crate) fn junit(finished: &[Finished]) -> String {
    let mut suites: BTreeMap<&str, Vec<&Finished>> = BTreeMap::new();
    for done in finished {
        let tier = done.source.tier.as_str();
        suites.entry(if tier.is_empty() { "tidemill" } else { tier }).or_default().push(done);
    }
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for (name, cases) in suites {
        let failures = cases.iter().filter(|done| !done.verdict.passed).count();
        let time: Duration = cases.iter().map(|done| done.duration).sum();
        let _ = writeln!(
            xml,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failures}\" time=\"{}\">",
            escaped(name),
            cases.len(),
            seconds(time)
        );
        for done in cases {
            let _ = write!(
                xml,
                "    <testcase classname=\"{}\" name=\"{}\" time=\"{}\"",
                escaped(name),
                escaped(&done.source.id),
                seconds(done.duration)
            );
            if done.verdict.passed {
                xml.push_str("/>\n");
                continue;
            }
            let message = done.verdict.summary().unwrap_or_default();
            let reason = done.verdict.reason.as_deref().unwrap_or_default();
            let _ = writeln!(
                xml,
                ">\n      <failure message=\"{}\">{}</failure>\n    </testcase>",
                escaped(&message),
                escaped(reason)
            );
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn seconds(duration: Duration) -> String {
    format!("{:.3}", duration.as_secs_f64())
}

/// A text as it may stand in an attribute or an element. Control characters that XML cannot have at all
/// become a replacement character.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push_str("&#10;"),
            '\t' => escaped.push(character),
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
        let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  \
            <testsuite name=\"T1\" tests=\"1\" failures=\"0\" time=\"1.500\">\n    \
            <testcase classname=\"T1\" name=\"c\" time=\"1.500\"/>\n  </testsuite>\n  \
            <testsuite name=\"tidemill\" tests=\"2\" failures=\"1\" time=\"3.000\">\n    \
            <testcase classname=\"tidemill\" name=\"a\" time=\"1.500\"/>\n    \
            <testcase classname=\"tidemill\" name=\"b&lt;1&gt;\" time=\"1.500\">\n      \
            <failure message=\"&quot;x&quot; &amp; y; more\u{fffd}\">\
            &quot;x&quot; &amp; y&#10;  more\u{fffd}</failure>\n    </testcase>\n  </testsuite>\n</testsuites>\n";
        assert_eq!(junit(&cases), expected);
    }
}
