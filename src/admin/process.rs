//! What every process shows of itself: `forebay_build_info`, and the `process_*` metrics in the names that Prometheus' own
//! client libraries use. Read from `/proc`; where that is missing (other systems than Linux), they are absent.

use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::{Resource, getrlimit};

/// Adds them to the registry.
pub(crate) fn register(registry: &mut Registry) {
    let mut labels = vec![("version", env!("CARGO_PKG_VERSION"))];
    labels.extend(option_env!("FOREBAY_BUILT_FROM").map(|commit| ("commit", commit)));
    registry.register(
        "forebay_build",
        "The program's version, and the commit that it was built from",
        Info::new(labels),
    );
    registry.register_collector(Box::new(Process));
}

/// Asked anew for every answer.
#[derive(Debug)]
struct Process;

/// The figures of `/proc/self/stat`, see proc(5).
struct Stat {
    cpu_seconds: f64,
    resident_bytes: u64,
    virtual_bytes: u64,
    threads: i64,
    /// Since the system's start.
    start_seconds: f64,
}

impl Stat {
    fn read() -> Option<Self> {
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        // The name of the program, in parentheses, may have spaces in it; fields are counted after it.
        let (_, fields) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        let seconds = |ticks: u64| precise(ticks) / precise(clock_ticks_per_second());
        Some(Self {
            cpu_seconds: seconds(field(14)? + field(15)?),
            threads: i64::try_from(field(20)?).ok()?,
            start_seconds: seconds(field(22)?),
            virtual_bytes: field(23)?,
            resident_bytes: field(24)? * u64::try_from(page_size()).ok()?,
        })
    }
}

/// When the system started, in seconds since the epoch.
fn system_start() -> Option<u64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.parse().ok()
}

#[expect(clippy::cast_precision_loss, reason = "metrics are floating-point numbers")]
fn precise(number: u64) -> f64 {
    number as f64
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let mut metric = |name: &str, help: &str, metric: &dyn Encode| metric.encode(&mut encoder, name, help);
        if let Some(stat) = Stat::read() {
            let help = "Processor time used, user and system, in seconds";
            metric("process_cpu_seconds", help, &ConstCounter::new(stat.cpu_seconds))?;
            let help = "Memory that is resident, in bytes";
            metric(
                "process_resident_memory_bytes",
                help,
                &ConstGauge::new(precise(stat.resident_bytes)),
            )?;
            let help = "Memory that is addressable, in bytes";
            metric(
                "process_virtual_memory_bytes",
                help,
                &ConstGauge::new(precise(stat.virtual_bytes)),
            )?;
            metric(
                "process_threads",
                "Threads of the process",
                &ConstGauge::new(stat.threads),
            )?;
            if let Some(start) = system_start() {
                let help = "When the process started, in seconds since the epoch";
                let start = precise(start) + stat.start_seconds;
                metric("process_start_time_seconds", help, &ConstGauge::new(start))?;
            }
        }
        if let Ok(open) = fs::read_dir("/proc/self/fd") {
            // One of them is the one that reads the folder.
            let open = i64::try_from(open.count()).unwrap_or(i64::MAX) - 1;
            metric(
                "process_open_fds",
                "File descriptors that are open",
                &ConstGauge::new(open),
            )?;
        }
        if let Some(limit) = getrlimit(Resource::Nofile).current {
            let help = "How many file descriptors may be open";
            metric("process_max_fds", help, &ConstGauge::new(precise(limit)))?;
        }
        Ok(())
    }
}

/// A metric that can be written without labels.
trait Encode {
    fn encode(&self, encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str) -> Result<(), std::fmt::Error>;
}

impl<M: EncodeMetric> Encode for M {
    fn encode(&self, encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str) -> Result<(), std::fmt::Error> {
        let metric = encoder.encode_descriptor(name, help, None, self.metric_type())?;
        EncodeMetric::encode(self, metric)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_shows_what_it_uses() {
        let mut registry = Registry::default();
        register(&mut registry);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).expect("text");
        let value = |name: &str| -> f64 {
            let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
            line.unwrap_or_else(|| panic!("{name} is not in\n{text}"))
                .parse()
                .expect("a number")
        };
        assert!(value("process_resident_memory_bytes") > 1_000_000.0, "{text}");
        assert!(
            value("process_open_fds") >= 3.0 && value("process_max_fds") >= value("process_open_fds"),
            "{text}"
        );
        assert!(
            value("process_cpu_seconds_total") >= 0.0 && value("process_threads") >= 1.0,
            "{text}"
        );
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .expect("after 1970");
        let age = now.as_secs_f64() - value("process_start_time_seconds");
        assert!((-2.0..3600.0).contains(&age), "{age}");
        let commit = option_env!("FOREBAY_BUILT_FROM").map_or(String::new(), |commit| format!(",commit=\"{commit}\""));
        assert!(
            text.contains(&format!(
                "forebay_build_info{{version=\"{}\"{commit}}} 1",
                env!("CARGO_PKG_VERSION")
            )),
            "{text}"
        );
    }
}
