//! The pods of a release: who is ready, with which image, how often restarted; and their processes and control groups as
//! the machine sees them, since the node has no metrics server.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::Value;

use crate::command::{kubectl, run};

/// A pod of a role, not of a Job.
#[derive(Debug, Clone)]
pub(crate) struct Pod {
    pub(crate) name: String,
    /// `ingest`, `worker-postgres`, …
    pub(crate) component: String,
    pub(crate) image: String,
    pub(crate) ready: bool,
    /// It was told to end.
    pub(crate) leaving: bool,
    pub(crate) restarts: u64,
    /// Why its container ended the last time.
    pub(crate) ended_by: String,
    container: String,
}

/// Returns the pods of the roles, in the order of their names.
pub(crate) fn of(namespace: &str) -> Vec<Pod> {
    let list = kubectl(&[
        "-n",
        namespace,
        "get",
        "pods",
        "-l",
        "app.kubernetes.io/instance=forebay",
        "-o",
        "json",
    ])
    .json();
    let items = list["items"].as_array().cloned().unwrap_or_default();
    items.iter().filter_map(pod).collect()
}

fn pod(item: &Value) -> Option<Pod> {
    let component = item["metadata"]["labels"]["app.kubernetes.io/component"].as_str()?;
    if component != "ingest" && !component.starts_with("worker-") {
        return None;
    }
    let status = &item["status"]["containerStatuses"][0];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let container = text(&status["containerID"]);
    Some(Pod {
        name: text(&item["metadata"]["name"]),
        component: component.to_owned(),
        image: text(&item["spec"]["containers"][0]["image"]),
        ready: status["ready"].as_bool().unwrap_or(false),
        leaving: item["metadata"]["deletionTimestamp"].is_string(),
        restarts: status["restartCount"].as_u64().unwrap_or(0),
        ended_by: text(&status["lastState"]["terminated"]["reason"]),
        container: container.rsplit('/').next().unwrap_or_default().to_owned(),
    })
}

/// Returns the names of the pods that stay, by component.
pub(crate) fn names(namespace: &str) -> BTreeMap<String, Vec<String>> {
    let mut names = BTreeMap::<String, Vec<String>>::new();
    for pod in of(namespace).into_iter().filter(|pod| !pod.leaving) {
        names.entry(pod.component).or_default().push(pod.name);
    }
    names
}

/// Returns the components whose pods are others than before.
pub(crate) fn rolled(before: &BTreeMap<String, Vec<String>>, after: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let is_rolled = |(component, names): &(&String, &Vec<String>)| {
        let now = after.get(*component).cloned().unwrap_or_default();
        !names.iter().all(|name| now.contains(name))
    };
    before
        .iter()
        .filter(is_rolled)
        .map(|(component, _)| component.clone())
        .collect()
}

impl Pod {
    /// Kills its processes: nothing is flushed, nothing is stored.
    pub(crate) fn kill(&self) {
        let pids = self.figure(&["cgroup.procs"]).expect("a control group");
        let pids: Vec<&str> = pids.split_whitespace().collect();
        assert!(!pids.is_empty(), "{} has no process", self.name);
        run("kill", &[&["-KILL"], &pids[..]].concat(), "").expected();
    }

    /// The most memory that its processes have had in RAM, and the CPU time in microseconds that they have used.
    pub(crate) fn usage(&self) -> Option<Usage> {
        let pids = self.figure(&["cgroup.procs"])?;
        let mut resident = 0;
        for pid in pids.split_whitespace() {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
            resident += line.trim().trim_end_matches(" kB").parse::<u64>().ok()? * 1024;
        }
        // Version 1 counts nanoseconds.
        let cpu = if let Some(nanoseconds) = self.figure(&["cpuacct.usage"]) {
            nanoseconds.trim().parse::<u64>().ok()? / 1000
        } else {
            let stat = self.figure(&["cpu.stat"])?;
            let line = stat.lines().find_map(|line| line.strip_prefix("usage_usec "))?;
            line.parse().ok()?
        };
        let group = self
            .figure(&["memory.peak", "memory.max_usage_in_bytes"])?
            .trim()
            .parse()
            .ok()?;
        Some(Usage {
            resident,
            group,
            cpu,
            at: Instant::now(),
        })
    }

    /// Returns the content of the first of these files in the control groups of the container.
    fn figure(&self, files: &[&str]) -> Option<String> {
        let mut folders = Vec::new();
        find(Path::new("/sys/fs/cgroup"), &self.container, 7, &mut folders);
        let found = files
            .iter()
            .flat_map(|file| folders.iter().map(move |folder| folder.join(file)));
        found
            .filter_map(|file| fs::read_to_string(file).ok())
            .find(|text| !text.is_empty())
    }
}

/// Finds the folders of that name, one for each hierarchy of control groups.
fn find(folder: &Path, name: &str, depth: usize, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        if entry.file_name() == name {
            found.push(entry.path());
        } else if depth > 0 {
            find(&entry.path(), name, depth - 1, found);
        }
    }
}

/// What a pod has used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    /// Bytes of its processes, at the most.
    pub(crate) resident: u64,
    /// Bytes of its control group, at the most: with the pages of files, which the kernel takes back when it needs them.
    pub(crate) group: u64,
    cpu: u64,
    at: Instant,
}

impl Usage {
    /// Returns thousandths of a core since `before`.
    pub(crate) fn millicores_since(&self, before: &Self) -> f64 {
        let used = u32::try_from(self.cpu.saturating_sub(before.cpu)).unwrap_or(u32::MAX);
        f64::from(used) / 1000.0 / (self.at - before.at).as_secs_f64()
    }
}

/// Returns what each pod that is ready has used, by its name.
pub(crate) fn usages(namespace: &str) -> BTreeMap<String, (Pod, Usage)> {
    let ready = of(namespace).into_iter().filter(|pod| pod.ready && !pod.leaving);
    ready
        .filter_map(|pod| Some((pod.name.clone(), (pod.clone(), pod.usage()?))))
        .collect()
}
