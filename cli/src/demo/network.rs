//! Network interfaces, from `/proc/net/dev`.

use std::collections::BTreeMap;

/// What has passed an interface since it came up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Interface {
    pub(super) received_bytes: u64,
    pub(super) sent_bytes: u64,
    pub(super) errors: u64,
}

impl Interface {
    /// What has passed since an earlier reading.
    pub(super) fn since(self, before: Interface) -> Interface {
        Interface {
            received_bytes: self.received_bytes.saturating_sub(before.received_bytes),
            sent_bytes: self.sent_bytes.saturating_sub(before.sent_bytes),
            errors: self.errors.saturating_sub(before.errors),
        }
    }
}

/// Interfaces by name.
pub(super) fn parse(text: &str) -> BTreeMap<String, Interface> {
    text.lines().filter_map(parse_interface).collect()
}

fn parse_interface(line: &str) -> Option<(String, Interface)> {
    // A number may follow the colon without a space.
    let (name, counters) = line.split_once(':')?;
    let counters: Vec<u64> =
        counters.split_ascii_whitespace().map_while(|counter| counter.parse().ok()).collect();
    let counter = |index: usize| counters.get(index).copied();
    let interface = Interface {
        received_bytes: counter(0)?,
        sent_bytes: counter(8)?,
        errors: counter(2)?.saturating_add(counter(10)?),
    };
    Some((name.trim().to_owned(), interface))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_are_read_below_the_two_lines_of_headings() {
        let text = "Inter-|   Receive        |  Transmit\n face |bytes packets|bytes\n    \
                    lo:3193 29 1 0 0 0 0 0 4000 29 2 0 0 0 0 0\n  eth0: 5 1\n";
        let interfaces = parse(text);
        assert_eq!(interfaces.len(), 1);
        assert_eq!(interfaces["lo"], Interface { received_bytes: 3193, sent_bytes: 4000, errors: 3 });
    }

    #[test]
    fn what_has_passed_is_a_difference() {
        let before = Interface { received_bytes: 10, sent_bytes: 10, errors: 0 };
        let now = Interface { received_bytes: 25, sent_bytes: 10, errors: 1 };
        assert_eq!(now.since(before), Interface { received_bytes: 15, sent_bytes: 0, errors: 1 });
    }
}
