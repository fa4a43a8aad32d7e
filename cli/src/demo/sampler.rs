//! Readings of the machine as records for topics.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::cpu::{self, CoreTicks};
use super::disks::{self, Disk};
use super::memory::{self, Memory};
use super::network::{self, Interface};
use super::processes::{self, Process};

/// Processes told about in one sample: the busiest, then the largest. A machine may have thousands,
/// most of which do nothing.
const PROCESSES_MAX: usize = 25;

/// A record to be produced.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample {
    pub(super) topic: &'static str,
    pub(super) key: String,
    pub(super) value: Value,
}

/// What a moment's files say.
#[derive(Debug, Clone)]
struct Reading {
    at: Instant,
    cores: BTreeMap<String, CoreTicks>,
    memory: Option<Memory>,
    disks: BTreeMap<String, Disk>,
    interfaces: BTreeMap<String, Interface>,
    processes: Vec<Process>,
}

/// Reads the machine again and again; samples are what changed between two readings.
pub(super) struct Sampler {
    before: Reading,
    page_bytes: u64,
}

impl Sampler {
    /// Takes the first reading.
    pub(super) fn start() -> io::Result<Sampler> {
        let vector = std::fs::read("/proc/self/auxv").unwrap_or_default();
        let page_bytes = processes::page_bytes(&vector).unwrap_or(processes::USUAL_PAGE_BYTES);
        Ok(Sampler { before: read()?, page_bytes })
    }

    /// Reads again and tells what happened since the reading before.
    pub(super) fn sample(&mut self) -> io::Result<Vec<Sample>> {
        let now = read()?;
        let samples = samples(&self.before, &now, self.page_bytes);
        self.before = now;
        Ok(samples)
    }
}

fn read() -> io::Result<Reading> {
    let proc = Path::new("/proc");
    // A container may hide some files; what is not there is not told about. Without processor times
    // there is nothing to show.
    let optional = |name: &str| std::fs::read_to_string(proc.join(name)).unwrap_or_default();
    let stat = std::fs::read_to_string(proc.join("stat"))?;
    Ok(Reading {
        at: Instant::now(),
        cores: cpu::parse(&stat),
        memory: memory::parse(&optional("meminfo")),
        disks: disks::parse(&optional("diskstats")),
        interfaces: network::parse(&optional("net/dev")),
        processes: read_processes(proc)?,
    })
}

fn read_processes(proc: &Path) -> io::Result<Vec<Process>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(proc)? {
        let name = entry?.file_name();
        if name.to_str().is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit())) {
            // A process may end between the listing and the reading. Its name need not be UTF-8.
            let stat = std::fs::read(proc.join(&name).join("stat")).unwrap_or_default();
            found.extend(processes::parse(&String::from_utf8_lossy(&stat)));
        }
    }
    Ok(found)
}

fn samples(before: &Reading, now: &Reading, page_bytes: u64) -> Vec<Sample> {
    let mut samples = Vec::new();
    let mut elapsed_ticks = 0.0_f64;
    for (core, ticks) in &now.cores {
        let Some(earlier) = before.cores.get(core) else { continue };
        let Some(used) = cpu::between(*earlier, *ticks) else { continue };
        elapsed_ticks = elapsed_ticks.max(ticks.total.saturating_sub(earlier.total) as f64);
        let value = json!({
            "busy_percent": rounded(used.busy_percent),
            "user_percent": rounded(used.user_percent),
            "system_percent": rounded(used.system_percent),
            "waiting_percent": rounded(used.waiting_percent),
        });
        samples.push(Sample { topic: "demo_cpu", key: core.clone(), value });
        samples.push(reading("cpu_percent", core, used.busy_percent));
    }
    if let Some(memory) = now.memory {
        let value = json!({
            "total_bytes": memory.total_bytes,
            "available_bytes": memory.available_bytes,
            "used_percent": rounded(memory.used_percent()),
            "swap_used_percent": rounded(memory.swap_used_percent()),
        });
        samples.push(Sample { topic: "demo_memory", key: "memory".to_owned(), value });
        samples.push(reading("memory_percent", "memory", memory.used_percent()));
    }
    let elapsed = now.at.saturating_duration_since(before.at);
    for (device, disk) in &now.disks {
        let Some(earlier) = before.disks.get(device) else { continue };
        let done = disk.since(*earlier);
        let value = json!({
            "read_bytes": done.read_bytes,
            "written_bytes": done.written_bytes,
            "busy_ms": done.busy_ms,
        });
        samples.push(Sample { topic: "demo_disks", key: device.clone(), value });
        samples.push(reading("disk_percent", device, busy_percent(done.busy_ms, elapsed)));
    }
    for (name, interface) in &now.interfaces {
        let Some(earlier) = before.interfaces.get(name) else { continue };
        let passed = interface.since(*earlier);
        let value = json!({
            "received_bytes": passed.received_bytes,
            "sent_bytes": passed.sent_bytes,
            "errors": passed.errors,
        });
        samples.push(Sample { topic: "demo_network", key: name.clone(), value });
    }
    samples.extend(process_samples(before, now, elapsed_ticks, page_bytes));
    samples
}

fn process_samples(before: &Reading, now: &Reading, elapsed_ticks: f64, page_bytes: u64) -> Vec<Sample> {
    let earlier: HashMap<u32, u64> =
        before.processes.iter().map(|process| (process.pid, process.ticks)).collect();
    let mut busy: Vec<(f64, &Process)> = now
        .processes
        .iter()
        .filter_map(|process| {
            let before = earlier.get(&process.pid)?;
            Some((processes::cpu_percent(*before, process.ticks, elapsed_ticks), process))
        })
        .collect();
    busy.sort_by(|(left_percent, left), (right_percent, right)| {
        right_percent.total_cmp(left_percent).then(right.resident_pages.cmp(&left.resident_pages))
    });
    busy.into_iter()
        .take(PROCESSES_MAX)
        .map(|(cpu_percent, process)| {
            let value = json!({
                "name": process.name,
                "cpu_percent": rounded(cpu_percent),
                "resident_bytes": process.resident_pages.saturating_mul(page_bytes),
                "threads": process.threads,
            });
            Sample { topic: "demo_processes", key: process.pid.to_string(), value }
        })
        .collect()
}

/// A gauge of any kind, for the alerts.
fn reading(metric: &str, device: &str, value: f64) -> Sample {
    let value = json!({ "device": device, "measured": rounded(value) });
    Sample { topic: "demo_readings", key: metric.to_owned(), value }
}

fn busy_percent(busy_ms: u64, elapsed: Duration) -> f64 {
    let elapsed_ms = elapsed.as_secs_f64() * 1_000.0;
    if elapsed_ms <= 0.0 { 0.0 } else { (busy_ms as f64 * 100.0 / elapsed_ms).min(100.0) }
}

/// To a tenth: more digits would tell of the clock's ticks, not of the machine.
fn rounded(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(instant: Instant, ticks: u64, read_bytes: u64, process_ticks: u64) -> Reading {
        let core = CoreTicks { user: ticks / 2, system: 0, waiting: 0, total: ticks };
        let process = |pid: u32, ticks: u64| Process {
            pid,
            name: format!("p{pid}"),
            ticks,
            threads: 1,
            resident_pages: u64::from(pid),
        };
        Reading {
            at: instant,
            cores: [("cpu0".to_owned(), core)].into(),
            memory: None,
            disks: [("vda".to_owned(), Disk { read_bytes, written_bytes: 0, busy_ms: 0 })].into(),
            interfaces: BTreeMap::new(),
            processes: (1..=40).map(|pid| process(pid, if pid == 3 { process_ticks } else { 0 })).collect(),
        }
    }

    #[test]
    fn samples_are_what_happened_between_two_readings() {
        let start = Instant::now();
        let samples = samples(&at(start, 100, 0, 0), &at(start + Duration::from_secs(1), 200, 512, 50), 4096);
        let of = |topic: &str| samples.iter().filter(|sample| sample.topic == topic).collect::<Vec<_>>();
        assert_eq!(of("demo_cpu")[0].value["busy_percent"], json!(50.0));
        assert_eq!(of("demo_disks")[0].value["read_bytes"], json!(512));
        let processes = of("demo_processes");
        assert_eq!(processes.len(), PROCESSES_MAX);
        assert_eq!((processes[0].key.as_str(), &processes[0].value["cpu_percent"]), ("3", &json!(50.0)));
        assert_eq!(processes[1].key, "40");
        assert_eq!(processes[1].value["resident_bytes"], json!(40 * 4096));
    }

    #[test]
    fn what_was_not_there_before_is_told_about_from_the_next_sample_on() {
        let start = Instant::now();
        let mut before = at(start, 100, 0, 0);
        before.cores.clear();
        before.disks.clear();
        before.processes.clear();
        assert!(samples(&before, &at(start, 200, 512, 50), 4096).is_empty());
    }

    #[test]
    fn a_disk_is_never_busier_than_always() {
        assert_eq!(busy_percent(300, Duration::from_millis(250)), 100.0);
        assert_eq!(busy_percent(50, Duration::from_millis(250)), 20.0);
        assert_eq!(busy_percent(50, Duration::ZERO), 0.0);
    }
}
