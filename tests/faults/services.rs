//! This test program's own Kafka and PostgreSQL, which its cases kill, stop and start again. They are removed when the
//! program has ended, however it ended.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use harness::repository;

/// The services of one process of this test program.
#[derive(Debug)]
pub(crate) struct Services {
    folder: PathBuf,
    /// Removes the services when its standard input ends, that is when this process ends.
    _guard: Child,
}

/// A single broker, and a cluster of three.
pub(crate) const ONE: &str = "kafka";
pub(crate) const THREE: [&str; 3] = ["kafka3/1", "kafka3/2", "kafka3/3"];
pub(crate) const POSTGRES: &str = "postgres";

impl Services {
    /// Returns the services, the same for all cases.
    pub(crate) fn of_this_program() -> &'static Self {
        static SERVICES: OnceLock<Services> = OnceLock::new();
        SERVICES.get_or_init(|| {
            let name = format!("faults-services-{}", std::process::id());
            let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
            let guard = Command::new("setsid")
                .args([
                    "sh",
                    "-c",
                    "cat >/dev/null; \"$1\" clean --dir \"$2\" && rm -rf \"$2\"",
                    "guard",
                ])
                .arg(script())
                .arg(&folder)
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("setsid(1)");
            Self { folder, _guard: guard }
        })
    }

    /// Starts the services that are not running. Returns the variables that the script prints, without `FOREBAY_TEST_`.
    pub(crate) fn start(&self, services: &[&str]) -> BTreeMap<String, String> {
        let output = Command::new(script())
            .args(["start", "--dir"])
            .arg(&self.folder)
            .args(services)
            .stdin(Stdio::null())
            .output()
            .expect("the services script runs");
        assert!(
            output.status.success(),
            "{services:?} do not start: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter_map(|line| line.strip_prefix("export FOREBAY_TEST_")?.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    pub(crate) fn pid(&self, service: &str) -> u32 {
        let file = self.folder.join(service).join("pid");
        let text = std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let pid = text.split_whitespace().next().and_then(|pid| pid.parse().ok());
        pid.expect("a pid")
    }

    /// Kills services, all at the same moment. They have ended when this returns.
    pub(crate) fn kill(&self, services: &[&str]) {
        let pids: Vec<u32> = services.iter().map(|service| self.pid(service)).collect();
        kill(&pids);
    }

    /// Ends PostgreSQL and all its processes without a checkpoint (`pg_ctl stop -m immediate`).
    pub(crate) fn stop_postgres_immediately(&self) {
        let pid = self.pid(POSTGRES);
        signal(&[pid], "QUIT");
        wait_for_end(pid);
    }

    /// Stops all processes of a service until the returned value is dropped.
    pub(crate) fn hold(&self, service: &str) -> Held {
        let parent = self.pid(service);
        let mut pids = vec![parent];
        pids.extend(children(parent));
        Held::new(pids)
    }
}

/// Kills processes. They have ended when this returns.
pub(crate) fn kill(pids: &[u32]) {
    signal(pids, "KILL");
    for pid in pids {
        wait_for_end(*pid);
    }
}

fn script() -> PathBuf {
    repository().join("deploy/local/services")
}

/// Stopped processes; they continue when this is dropped.
#[derive(Debug)]
pub(crate) struct Held(Vec<u32>);

impl Held {
    pub(crate) fn new(pids: Vec<u32>) -> Self {
        signal(&pids, "STOP");
        Self(pids)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        signal(&self.0, "CONT");
    }
}

/// Sends a signal; a process that has ended meanwhile is no error.
fn signal(pids: &[u32], name: &str) {
    let status = Command::new("kill")
        .arg(format!("-{name}"))
        .args(pids.iter().map(u32::to_string))
        .stderr(Stdio::null())
        .status();
    status.expect("kill(1)");
}

/// Returns the state of a process and its parent; `None` if it has ended.
fn state(pid: u32) -> Option<(char, u32)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    let state = fields.next()?.chars().next()?;
    Some((state, fields.next()?.parse().ok()?))
}

fn children(parent: u32) -> Vec<u32> {
    std::fs::read_dir("/proc")
        .expect("a system with /proc")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| state(*pid).is_some_and(|(_, of)| of == parent))
        .collect()
}

fn wait_for_end(pid: u32) {
    for _ in 0..600 {
        if state(pid).is_none_or(|(state, _)| state == 'Z') {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("process {pid} did not end within 30 s");
}
