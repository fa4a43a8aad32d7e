//! Processor time by core, from `/proc/stat`.

use std::collections::BTreeMap;

/// Time a core has spent since the machine started, in ticks of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CoreTicks {
    pub(super) user: u64,
    pub(super) system: u64,
    pub(super) waiting: u64,
    pub(super) total: u64,
}

/// How a core spent the time between two readings, in percent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct CoreUse {
    pub(super) busy_percent: f64,
    pub(super) user_percent: f64,
    pub(super) system_percent: f64,
    pub(super) waiting_percent: f64,
}

/// Cores by name: `cpu0`, `cpu1`, … The first line of the file, which sums them, is left out.
pub(super) fn parse(text: &str) -> BTreeMap<String, CoreTicks> {
    text.lines().filter_map(parse_core).collect()
}

fn parse_core(line: &str) -> Option<(String, CoreTicks)> {
    let mut fields = line.split_ascii_whitespace();
    let name = fields.next()?;
    if !name.strip_prefix("cpu")?.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    // user nice system idle iowait irq softirq steal; guest time, behind them, is part of user time.
    let ticks: Vec<u64> = fields.take(8).map_while(|field| field.parse().ok()).collect();
    let &[user, nice, system, idle, waiting, irq, softirq, steal] = ticks.as_slice() else { return None };
    let core = CoreTicks {
        user: user + nice,
        system: system + irq + softirq,
        waiting,
        total: user + nice + system + idle + waiting + irq + softirq + steal,
    };
    Some((name.to_owned(), core))
}

/// What a core did between two readings; `None` if no tick has passed.
pub(super) fn between(before: CoreTicks, now: CoreTicks) -> Option<CoreUse> {
    let total = now.total.checked_sub(before.total).filter(|ticks| *ticks > 0)?;
    let percent = |now: u64, before: u64| now.saturating_sub(before) as f64 * 100.0 / total as f64;
    let user_percent = percent(now.user, before.user);
    let system_percent = percent(now.system, before.system);
    Some(CoreUse {
        busy_percent: (user_percent + system_percent).min(100.0),
        user_percent,
        system_percent,
        waiting_percent: percent(now.waiting, before.waiting),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_read_and_their_sum_is_not() {
        let cores = parse("cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 10 2 5 80 1 1 1 0 0 0\nintr 5 0\ncpu1 x\n");
        assert_eq!(cores.len(), 1);
        assert_eq!(cores["cpu0"], CoreTicks { user: 12, system: 7, waiting: 1, total: 100 });
    }

    #[test]
    fn use_is_what_happened_between_two_readings() {
        let before = CoreTicks { user: 100, system: 100, waiting: 0, total: 1_000 };
        let now = CoreTicks { user: 130, system: 110, waiting: 5, total: 1_100 };
        let used = between(before, now).unwrap();
        assert_eq!((used.busy_percent, used.user_percent), (40.0, 30.0));
        assert_eq!((used.system_percent, used.waiting_percent), (10.0, 5.0));
        assert_eq!(between(now, now), None);
        assert_eq!(between(now, before), None);
    }
}
