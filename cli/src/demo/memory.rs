//! Memory, from `/proc/meminfo`.

/// Memory of the machine, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Memory {
    pub(super) total_bytes: u64,
    /// What a program could get without swapping.
    pub(super) available_bytes: u64,
    pub(super) swap_total_bytes: u64,
    pub(super) swap_free_bytes: u64,
}

impl Memory {
    /// Share of memory in use.
    pub(super) fn used_percent(&self) -> f64 {
        percent(self.total_bytes.saturating_sub(self.available_bytes), self.total_bytes)
    }

    /// Share of swap in use; 0 without swap.
    pub(super) fn swap_used_percent(&self) -> f64 {
        percent(self.swap_total_bytes.saturating_sub(self.swap_free_bytes), self.swap_total_bytes)
    }
}

/// Reads the file; `None` if it does not tell how much memory there is.
pub(super) fn parse(text: &str) -> Option<Memory> {
    let mut memory = Memory::default();
    for line in text.lines() {
        let Some((name, value)) = line.split_once(':') else { continue };
        let field = match name {
            "MemTotal" => &mut memory.total_bytes,
            "MemAvailable" => &mut memory.available_bytes,
            "SwapTotal" => &mut memory.swap_total_bytes,
            "SwapFree" => &mut memory.swap_free_bytes,
            _ => continue,
        };
        let kibibytes: u64 = value.split_ascii_whitespace().next()?.parse().ok()?;
        *field = kibibytes.saturating_mul(1024);
    }
    (memory.total_bytes > 0).then_some(memory)
}

fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_bytes_and_shares_are_of_the_whole() {
        let text =
            "MemTotal:  1000 kB\nMemFree: 1 kB\nMemAvailable:   250 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n";
        let memory = parse(text).unwrap();
        assert_eq!(memory.total_bytes, 1_024_000);
        assert_eq!((memory.used_percent(), memory.swap_used_percent()), (75.0, 0.0));
    }

    #[test]
    fn a_text_without_the_size_of_memory_is_none() {
        assert_eq!(parse(""), None);
        assert_eq!(parse("MemTotal: much kB"), None);
    }
}
