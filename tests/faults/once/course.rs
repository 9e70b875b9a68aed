//! One course: a database and topics of its own, the history in its parts, at most one fault, and what the database holds
//! at the end.

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use harness::contents::Contents;
use harness::program::{Role, run, stderr};
use harness::statements::{At, Caught, StatementProxy, Step, When};
use harness::{Database, unique};
use tokio::time::{sleep, timeout};
use url::Url;

use super::history::{History, REFUSED};
use super::site::Site;
use crate::deployment::port;
use crate::records::records;
use crate::services::Held;
use crate::verdict::tail;

/// When it was written, and of which topic: different each time.
const LEAVE_OUT: [&str; 3] = ["stored_time", "updated", "topic_id"];

/// The longest wait for a part to be settled: two sessions, the longest idle transaction that a stopped process leaves, and
/// the waits between attempts.
const PATIENCE: Duration = Duration::from_secs(90);

/// A stopped process has lost its partition to another one by then.
const OTHER_OWNER: Duration = Duration::from_secs(45);

/// The next owner has this long to write the same rows, or to wait for them in vain, before the stopped process goes on.
const OWNERS_TURN: Duration = Duration::from_secs(3);

/// How long statements may follow a COMMIT that are not waited for.
const AFTER_COMMIT: Duration = Duration::from_millis(300);

/// What happens at a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Act {
    /// The process is killed, and another one started.
    Kill(When),
    /// The connection is reset; the process lives.
    Cut(When),
    /// The server has done it, and the process gets an error in place of the answer.
    Lie,
    /// The process stands still for longer than its session, its partition gets another owner, and then it goes on.
    Sleep(When),
}

/// One fault: at the first such step in a part of the history.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) part: usize,
    pub(crate) step: Step,
    pub(crate) act: Act,
}

impl Fault {
    fn when(&self) -> When {
        match self.act {
            Act::Kill(when) | Act::Cut(when) | Act::Sleep(when) => when,
            Act::Lie => When::BeforeAnswer,
        }
    }

    /// Whether every course comes by: what follows from the history alone, and not from a clock.
    fn is_certain(&self) -> bool {
        self.step.within_transaction || self.step.statement == "BEGIN"
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at `{}` in part {}", self.act, label(&self.step), self.part)
    }
}

/// The beginning of a statement, up to its table.
pub(crate) fn label(step: &Step) -> String {
    let words: Vec<&str> = step.statement.split(' ').collect();
    let table = words
        .iter()
        .position(|word| matches!(*word, "INTO" | "FROM" | "UPDATE" | "TABLE"));
    let label = match table {
        Some(at) if at > 1 => format!("{} … {} {}", words[0], words[at], words.get(at + 1).unwrap_or(&"")),
        Some(at) => words[..words.len().min(at + 2)].join(" "),
        None => words[..words.len().min(8)].join(" "),
    };
    let alone = if step.within_transaction || step.statement == "BEGIN" {
        ""
    } else {
        " alone"
    };
    label.chars().take(70).chain(alone.chars()).collect()
}

/// What a course came to.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) contents: Contents,
    pub(crate) dead_letters: u64,
    /// Whether the fault happened.
    pub(crate) faulty: bool,
    /// Configurations and logs, to be removed if nothing is wrong.
    pub(crate) folder: PathBuf,
    /// The steps of each part, of a course without a fault.
    pub(crate) steps: Vec<Vec<Step>>,
}

pub(crate) struct Course<'s> {
    site: &'s Site,
    history: &'s History,
    prefix: String,
    folder: PathBuf,
    database: Database,
    proxy: StatementProxy,
    /// The last one is the one that should work; one before it may be a zombie.
    processes: Vec<Role>,
    faulty: bool,
}

impl<'s> Course<'s> {
    /// Makes the topics and the tables.
    pub(crate) async fn new(site: &'s Site, history: &'s History) -> Self {
        let prefix = unique("once");
        let database = Database::create_on(&site.postgres).await;
        let direct: Url = database.url.parse().expect("a URL");
        let proxy = StatementProxy::start(&direct).await;
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("faults")
            .join("once")
            .join(&prefix);
        std::fs::create_dir_all(&folder).expect("a folder");
        let course = Self {
            site,
            history,
            prefix,
            folder,
            database,
            proxy,
            processes: Vec::new(),
            faulty: false,
        };
        course.write("migrate", direct.as_str(), 0);
        let output = tokio::task::block_in_place(|| run(&["migrate", "--config", "migrate.yaml"], &course.folder));
        assert!(output.status.success(), "{}", stderr(&output));
        let constraint = format!("ALTER TABLE event ADD CONSTRAINT refused CHECK (subject <> '{REFUSED}')");
        sqlx::query(sqlx::AssertSqlSafe(constraint))
            .execute(&course.database.pool)
            .await
            .expect("a constraint");
        course
    }

    fn write(&self, name: &str, postgres: &str, admin: u16) {
        let text = format!(
            "logging: {{ format: json, filter: info }}\nadmin: {{ listen: \"127.0.0.1:{admin}\" }}\nevent_log:\n  kafka:\n    \
             brokers: \"{}\"\n    properties: {{ session.timeout.ms: \"6000\", heartbeat.interval.ms: \"1000\" }}\n  \
             topic_prefix: {}\n  partitions: 1\n  replication: 1\nprocessor: {{ retry_base_ms: 50, retry_max_ms: 500, \
             checkpoint_ms: 200 }}\nsinks:\n  postgres: {{ url: \"{postgres}\", max_connections: 2 }}\n",
            self.site.kafka, self.prefix
        );
        std::fs::write(self.folder.join(format!("{name}.yaml")), text).expect("written");
    }

    /// Starts one more process.
    fn start(&mut self) {
        let name = format!("process-{}", self.processes.len());
        let (admin, direct) = (port(), self.database.url.parse().expect("a URL"));
        self.write(&name, self.proxy.url(&direct).as_str(), admin);
        let role = Role::start(
            &["process", "--config", &format!("{name}.yaml")],
            &self.folder,
            &name,
            admin,
        );
        self.processes.push(role);
    }

    /// Runs the whole history.
    pub(crate) async fn run(mut self, fault: Option<&Fault>) -> Result<Finished, String> {
        let (topic, history) = (format!("{}.events", self.prefix), self.history);
        let mut steps = Vec::new();
        let mut end = 0;
        for (number, part) in history.parts.iter().enumerate() {
            let fault = fault.filter(|fault| fault.part == number);
            let trap = fault.map(|fault| self.proxy.trap(At::Step(fault.step.clone()), fault.when()));
            self.site.publish(&topic, part).await;
            if self.processes.is_empty() {
                self.start();
            }
            end += i64::try_from(part.len()).expect("small");
            if let (Some(fault), Some(trap)) = (fault, trap) {
                let caught = tokio::select! {
                    biased;
                    Ok(caught) = trap => Some(caught),
                    settled = self.settled(end) => settled.map(|()| None)?,
                };
                match caught {
                    Some(caught) => self.act(fault, caught, end).await?,
                    None if fault.is_certain() => return Err(format!("never reached\n{}", self.logs())),
                    None => self.proxy.open(),
                }
            }
            self.settled(end).await?;
            steps.push(self.proxy.take_steps());
        }
        self.finish(steps).await
    }

    async fn act(&mut self, fault: &Fault, caught: Caught, end: i64) -> Result<(), String> {
        self.faulty = true;
        let process = self.processes.last_mut().expect("one");
        match fault.act {
            Act::Kill(_) => {
                process.kill();
                caught.cut();
                self.start();
            }
            Act::Cut(_) => caught.cut(),
            Act::Lie => caught.fail(),
            Act::Sleep(_) => {
                let held = Held::new(vec![process.pid()]);
                let asked = self.proxy.count_executed("sink_position");
                self.start();
                // The first thing that an owner asks for.
                let owned = async {
                    while self.proxy.count_executed("sink_position") == asked {
                        sleep(Duration::from_millis(50)).await;
                    }
                };
                let owned = timeout(OTHER_OWNER, owned).await;
                drop(timeout(OWNERS_TURN, self.settled(end)).await);
                drop(held);
                caught.go_on();
                owned.map_err(|_| format!("the partition got no other owner\n{}", self.logs()))?;
            }
        }
        Ok(())
    }

    /// Waits until the sink's own progress is at the end of what was published.
    async fn settled(&self, end: i64) -> Result<(), String> {
        let reached = async {
            loop {
                let next: Option<i64> = sqlx::query_scalar("SELECT next_offset FROM sink_position")
                    .fetch_optional(&self.database.pool)
                    .await
                    .unwrap_or_default();
                if next == Some(end) {
                    return;
                }
                sleep(Duration::from_millis(100)).await;
            }
        };
        if timeout(PATIENCE, reached).await.is_err() {
            return Err(format!("not settled up to {end} within {PATIENCE:?}\n{}", self.logs()));
        }
        // What the sink does after the transaction of a batch belongs to its part, too.
        sleep(AFTER_COMMIT).await;
        Ok(())
    }

    /// Ends the processes as an operator does, and reads what there is.
    async fn finish(mut self, steps: Vec<Vec<Step>>) -> Result<Finished, String> {
        let logs = self.logs();
        if logs.contains("panicked") {
            return Err(format!("a process panicked\n{logs}"));
        }
        for process in &mut self.processes {
            // Those that were killed have ended.
            if process.alive() && process.terminate().await != Some(0) {
                return Err(format!("a process does not drain\n{logs}"));
            }
        }
        let (brokers, letters) = (self.site.kafka.clone(), format!("{}.dead-letters", self.prefix));
        let dead_letters = tokio::task::block_in_place(|| records(&brokers, &letters));
        let contents = Contents::read(&self.database.pool, &LEAVE_OUT, &self.prefix).await;
        self.database.drop().await;
        Ok(Finished {
            contents,
            dead_letters: dead_letters.ok_or("the topic of the dead letters does not answer")?,
            faulty: self.faulty,
            folder: self.folder.clone(),
            steps,
        })
    }

    fn logs(&self) -> String {
        let logs = self.processes.iter().map(|process| tail(&process.logs()));
        logs.collect::<Vec<_>>().join("\n--\n")
    }
}

/// The steps that executed a statement, each once, in their order.
pub(crate) fn executed(steps: &[Step]) -> Vec<&Step> {
    let mut seen = HashSet::new();
    let executed = steps.iter().filter(|step| step.executed && !step.statement.is_empty());
    executed.filter(|step| seen.insert(*step)).collect()
}
