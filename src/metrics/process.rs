//! The `process_*` metrics that every Prometheus client offers, read from Linux's `/proc/self` when somebody asks.
//! Elsewhere, or where a line of it cannot be read, the metric is absent: nothing is guessed.

use std::fmt;
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// What `/proc` counts CPU time and start time in: `USER_HZ`, 100 a second on every architecture that Kubernetes runs on.
const TICKS_A_SECOND: f64 = 100.0;

#[derive(Debug)]
pub(super) struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let stat = fs::read_to_string("/proc/self/stat").ok();
        let stat = stat.as_deref();
        if let Some(seconds) = stat.and_then(cpu_seconds) {
            let help = "User and system CPU time spent.";
            let metric = encoder.encode_descriptor("process_cpu_seconds", help, None, MetricType::Counter)?;
            ConstCounter::new(seconds).encode(metric)?;
        }
        let mut gauge = |name: &str, help: &str, value: Option<f64>| -> fmt::Result {
            let Some(value) = value else { return Ok(()) };
            ConstGauge::new(value).encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)
        };
        let uptime = fs::read_to_string("/proc/uptime").ok();
        let started = stat.zip(uptime.as_deref()).and_then(|(stat, uptime)| start_time_seconds(stat, uptime));
        gauge("process_start_time_seconds", "Start time since the Unix epoch.", started)?;
        let status = fs::read_to_string("/proc/self/status").ok();
        let resident = status.as_deref().and_then(resident_memory_bytes);
        gauge("process_resident_memory_bytes", "Resident memory size.", resident)?;
        gauge("process_open_fds", "Open file descriptors.", open_file_descriptors())
    }
}

/// The numbered field of `/proc/self/stat` (`proc_pid_stat(5)`, from 3). The second field is the program's name in parentheses and may
/// hold anything, so counting starts behind the last parenthesis.
fn field(stat: &str, number: usize) -> Option<f64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_ascii_whitespace().nth(number - 3)?.parse().ok()
}

fn cpu_seconds(stat: &str) -> Option<f64> {
    let (user, system) = (field(stat, 14)?, field(stat, 15)?);
    Some((user + system) / TICKS_A_SECOND)
}

fn start_time_seconds(stat: &str, uptime: &str) -> Option<f64> {
    let started_after_boot = field(stat, 22)? / TICKS_A_SECOND;
    let up: f64 = uptime.split_ascii_whitespace().next()?.parse().ok()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs_f64();
    Some((now - up + started_after_boot).round())
}

fn resident_memory_bytes(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024.0)
}

fn open_file_descriptors() -> Option<f64> {
    let open = fs::read_dir("/proc/self/fd").ok()?.count();
    // Reading the folder holds one descriptor itself.
    u32::try_from(open.checked_sub(1)?).ok().map(f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str =
        "4242 (a) odd (name) S 1 4242 4242 0 -1 4194560 900 0 0 0 150 50 0 0 20 0 3 0 2000 1000 250 0";

    #[test]
    fn times_are_read_behind_a_program_name_with_parentheses() {
        assert_eq!(cpu_seconds(STAT), Some(2.0));

        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
        let started = start_time_seconds(STAT, "120.00 200.00\n").unwrap();
        assert!((started - (now - 100.0)).abs() <= 1.0, "started at {started}, now is {now}");
    }

    #[test]
    fn memory_is_read_in_bytes() {
        assert_eq!(resident_memory_bytes("VmPeak:\t  9 kB\nVmRSS:\t    2048 kB\n"), Some(2_097_152.0));
    }

    #[test]
    fn what_cannot_be_read_is_absent_and_not_zero() {
        assert_eq!(cpu_seconds("garbage"), None);
        assert_eq!(cpu_seconds("1 (x) S 1"), None);
        assert_eq!(start_time_seconds(STAT, ""), None);
        assert_eq!(resident_memory_bytes("VmRSS: lots"), None);
    }
}
