//! Processes, from `/proc/PID/stat`.

/// What a process has used since it started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: u32,
    pub(super) name: String,
    /// Processor time, in ticks of the clock.
    pub(super) ticks: u64,
    pub(super) threads: u64,
    pub(super) resident_pages: u64,
}

/// Reads the file of one process.
pub(super) fn parse(text: &str) -> Option<Process> {
    // A program can choose its name, parentheses and spaces included: the last one closes it.
    let (pid, rest) = text.split_once(" (")?;
    let (name, rest) = rest.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    // The field behind the name is the third of the file's.
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    Some(Process {
        pid: pid.trim().parse().ok()?,
        name: name.to_owned(),
        ticks: number(14)?.saturating_add(number(15)?),
        threads: number(20)?,
        resident_pages: number(24)?,
    })
}

/// The size of a page where the kernel does not tell.
pub(super) const USUAL_PAGE_BYTES: u64 = 4096;

/// `AT_PAGESZ` of the auxiliary vector, see getauxval(3).
const PAGE_SIZE_ENTRY: u64 = 6;

/// The size of a page, from the content of `/proc/self/auxv`: pairs of words, a name and its value.
pub(super) fn page_bytes(vector: &[u8]) -> Option<u64> {
    let (words, _) = vector.as_chunks::<8>();
    let (pairs, _) = words.as_chunks::<2>();
    let size = pairs.iter().find(|pair| u64::from_ne_bytes(pair[0]) == PAGE_SIZE_ENTRY)?;
    Some(u64::from_ne_bytes(size[1])).filter(|size| *size > 0)
}

/// Share of one core's time between two readings, in percent.
pub(super) fn cpu_percent(before_ticks: u64, now_ticks: u64, elapsed_ticks: f64) -> f64 {
    if elapsed_ticks <= 0.0 {
        0.0
    } else {
        now_ticks.saturating_sub(before_ticks) as f64 * 100.0 / elapsed_ticks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "3629 (we (ird) x) R 3621 3621 23547 0 -1 4194304 103 0 0 0 70 30 0 0 20 0 4 0 868176 \
                        2998272 421 18446744073709551615 0 0";

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let expected =
            Process { pid: 3629, name: "we (ird) x".to_owned(), ticks: 100, threads: 4, resident_pages: 421 };
        assert_eq!(parse(STAT), Some(expected));
    }

    #[test]
    fn a_file_that_ends_early_is_none() {
        assert_eq!(parse(""), None);
        assert_eq!(parse("1 (a) R 0 0"), None);
    }

    #[test]
    fn the_size_of_a_page_is_in_the_auxiliary_vector() {
        let vector: Vec<u8> =
            [3_u64, 64, 6, 16384, 0, 0].iter().flat_map(|word| word.to_ne_bytes()).collect();
        assert_eq!(page_bytes(&vector), Some(16384));
        assert_eq!(page_bytes(&vector[..24]), None);
    }

    #[test]
    fn a_core_kept_busy_is_a_hundred_percent() {
        assert_eq!(cpu_percent(100, 150, 50.0), 100.0);
        assert_eq!(cpu_percent(100, 90, 50.0), 0.0);
        assert_eq!(cpu_percent(0, 1, 0.0), 0.0);
    }
}
