//! The real binary as a child process.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::free_port;
use crate::sender::Client;

/// Runs the program to its end.
pub fn run(args: &[&str], folder: &Path) -> Output {
    command(args, folder).output().expect("the program starts")
}

/// A command that runs the program in `folder`.
pub fn command(args: &[&str], folder: &Path) -> Command {
    // Cargo sets it for the integration tests of the package that the program belongs to.
    let program = std::env::var_os("CARGO_BIN_EXE_forebay").expect("a test of the package `forebay`, run by Cargo");
    let mut command = Command::new(program);
    command
        .args(args)
        .current_dir(folder)
        .env_remove("FOREBAY_CONFIG")
        .env_remove("NO_COLOR")
        .stdin(Stdio::null());
    command
}

/// Standard output as text.
pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Standard error as text.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Starts `forebay dev` on `<folder>/forebay.yaml`, which is `config` and the ports, and waits until it is ready;
/// returns the base URL of its ingest, too.
pub async fn dev(folder: &Path, client: &Client, config: &str) -> (Role, String) {
    let (port, admin) = (free_port(), free_port());
    let ports = format!("admin: {{ listen: \"127.0.0.1:{admin}\" }}\ningest: {{ listen: \"127.0.0.1:{port}\" }}\n");
    std::fs::write(folder.join("forebay.yaml"), format!("{config}{ports}")).expect("written");
    let mut role = Role::start(&["dev", "--verbose", "--config", "forebay.yaml"], folder, "dev", admin);
    role.ready(client).await;
    (role, format!("http://127.0.0.1:{port}"))
}

/// A role of the program that runs until it is stopped; killed on drop.
#[derive(Debug)]
pub struct Role {
    child: Child,
    /// The base URL of its admin port.
    pub admin: String,
    log: PathBuf,
}

impl Role {
    /// Starts `forebay <args> --config <folder>/<config>`, whose configuration has `admin.listen: <admin>`.
    pub fn start(args: &[&str], folder: &Path, name: &str, admin: u16) -> Self {
        Self::start_with(args, folder, name, admin, &[])
    }

    /// The same, with these variables in its environment.
    pub fn start_with(args: &[&str], folder: &Path, name: &str, admin: u16, variables: &[(&str, &str)]) -> Self {
        let log = folder.join(format!("{name}.log"));
        let file = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .expect("a log file");
        let child = command(args, folder)
            .envs(variables.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::from(file))
            .spawn()
            .expect("the program starts");
        Self {
            child,
            admin: format!("http://127.0.0.1:{admin}"),
            log,
        }
    }

    /// Waits until `/readyz` answers 200.
    pub async fn ready(&mut self, client: &Client) {
        let url = format!("{}/readyz", self.admin);
        for _ in 0..1200 {
            if client.get(&url).await.is_some_and(|(status, _)| status == 200) {
                return;
            }
            if let Some(status) = self.child.try_wait().expect("the child's state") {
                panic!("the program ended with {status}:\n{}", self.logs());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let last = client.get(&url).await;
        panic!("not ready within 60 s: {last:?}\n{}", self.logs());
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended by itself.
    pub fn alive(&mut self) -> bool {
        self.child.try_wait().expect("the child's state").is_none()
    }

    /// SIGKILL: nothing is flushed, nothing is stored.
    pub fn kill(&mut self) {
        self.child.kill().expect("a running child");
        self.child.wait().expect("its end");
    }

    /// Sends SIGTERM, and returns the exit code.
    pub async fn terminate(&mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .expect("kill(1)")
                .success()
        );
        self.ended(Duration::from_secs(30)).await
    }

    /// Waits for the end, and returns the exit code.
    pub async fn ended(&mut self, patience: Duration) -> Option<i32> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.child.try_wait().expect("the child's state") {
                return status.code();
            }
            assert!(Instant::now() < deadline, "the program ends: not within {patience:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Everything that it has logged.
    pub fn logs(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Returns the value of a metric summed over all its labels.
    pub async fn metric(&self, client: &Client, name: &str) -> f64 {
        let (_, text) = client
            .get(&format!("{}/metrics", self.admin))
            .await
            .expect("the admin port answers");
        text.lines()
            .filter(|l| l.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{'])))
            .filter_map(|l| l.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
