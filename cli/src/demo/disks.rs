//! Disks, from `/proc/diskstats`.

use std::collections::BTreeMap;

/// Bytes of a sector there, whatever the disk's own are.
const SECTOR_BYTES: u64 = 512;

/// What a disk has done since the machine started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Disk {
    pub(super) read_bytes: u64,
    pub(super) written_bytes: u64,
    pub(super) busy_ms: u64,
}

impl Disk {
    /// What it has done since an earlier reading.
    pub(super) fn since(self, before: Disk) -> Disk {
        Disk {
            read_bytes: self.read_bytes.saturating_sub(before.read_bytes),
            written_bytes: self.written_bytes.saturating_sub(before.written_bytes),
            busy_ms: self.busy_ms.saturating_sub(before.busy_ms),
        }
    }
}

/// Disks by name. Loop devices and RAM disks are left out, as are disks that have done nothing yet.
pub(super) fn parse(text: &str) -> BTreeMap<String, Disk> {
    text.lines().filter_map(parse_disk).collect()
}

fn parse_disk(line: &str) -> Option<(String, Disk)> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let name = *fields.get(2)?;
    if name.starts_with("loop") || name.starts_with("ram") {
        return None;
    }
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    let disk = Disk {
        read_bytes: number(5)?.saturating_mul(SECTOR_BYTES),
        written_bytes: number(9)?.saturating_mul(SECTOR_BYTES),
        busy_ms: number(12)?,
    };
    (disk.read_bytes > 0 || disk.written_bytes > 0).then(|| (name.to_owned(), disk))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sectors_become_bytes_and_idle_disks_are_left_out() {
        let text = "   7 0 loop0 5 0 5 0 0 0 0 0 0 0 0\n 254 0 vda 8 1 20 3 10 3 40 30 0 145 37 0 0\n \
                    253 0 zram0 0 0 0 0 0 0 0 0 0 0 0\n bad line\n";
        let disks = parse(text);
        assert_eq!(disks.len(), 1);
        assert_eq!(disks["vda"], Disk { read_bytes: 10_240, written_bytes: 20_480, busy_ms: 145 });
    }

    #[test]
    fn a_counter_that_began_again_counts_nothing() {
        let before = Disk { read_bytes: 100, written_bytes: 5, busy_ms: 7 };
        let now = Disk { read_bytes: 50, written_bytes: 9, busy_ms: 8 };
        assert_eq!(now.since(before), Disk { read_bytes: 0, written_bytes: 4, busy_ms: 1 });
    }
}
