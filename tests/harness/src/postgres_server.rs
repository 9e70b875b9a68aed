//! Servers of PostgreSQL that a test may end, and PgBouncer. The services of `./run services` are everyone's: these are one test's own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::{free_port, service, unique};

/// How long a server may take to answer, or to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// A folder and a process in it; both go when it is dropped.
#[derive(Debug)]
struct Running {
    folder: PathBuf,
    child: Option<Child>,
}

impl Running {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(unique(name));
        std::fs::create_dir(&folder).expect("a folder");
        if is_root() {
            let owned = Command::new("chown").arg("postgres:").arg(&folder).status();
            assert!(owned.expect("chown runs").success());
        }
        Self { folder, child: None }
    }

    fn start(&mut self, mut command: Command) {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.join("log"))
            .expect("a log");
        let error = log.try_clone().expect("a log");
        self.child = Some(command.stdout(log).stderr(error).spawn().expect("it starts"));
    }

    fn signal(&mut self, signal: &str) {
        let Some(mut child) = self.child.take() else { return };
        let sent = Command::new("kill").arg(signal).arg(child.id().to_string()).status();
        assert!(sent.expect("kill runs").success());
        let deadline = Instant::now() + PATIENCE;
        while child.try_wait().expect("a child").is_none() {
            assert!(Instant::now() < deadline, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn await_port(&self, port: u16) {
        let deadline = Instant::now() + PATIENCE;
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            let log = || std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "nothing listens on {port}: {}", log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Its own children end when they notice.
            drop(child.kill());
            drop(child.wait());
        }
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().any(|line| line.starts_with("Uid:\t0\t"))
}

/// A command that runs as a user whom PostgreSQL accepts.
fn command(program: &Path) -> Command {
    let mut command = if is_root() {
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid=postgres", "--regid=postgres", "--init-groups"])
            .arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir("/").stdin(Stdio::null());
    command
}

/// PgBouncer before a server, with `pool_mode = transaction`.
#[derive(Debug)]
pub struct PgBouncer {
    running: Running,
    port: u16,
}

impl PgBouncer {
    /// Starts it before the server of `url`, for these users, with so many connections to the server. `settings` are further lines of
    /// its configuration.
    pub fn start(url: &url::Url, users: &[&str], connections: usize, settings: &str) -> Self {
        let running = Running::new("pgbouncer");
        let port = free_port();
        let users: Vec<String> = users.iter().map(|user| format!("\"{user}\" \"\"\n")).collect();
        std::fs::write(running.folder.join("users"), users.concat()).expect("written");
        let text = format!(
            "[databases]\n* = host={} port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = trust\n\
             auth_file = {}/users\npool_mode = transaction\ndefault_pool_size = {connections}\nmax_client_conn = 500\n\
             unix_socket_dir =\n{settings}\n",
            url.host_str().expect("a host"),
            url.port().unwrap_or(5432),
            running.folder.display()
        );
        std::fs::write(running.folder.join("pgbouncer.ini"), text).expect("written");
        let mut pooler = Self { running, port };
        pooler.start_again();
        pooler
    }

    /// Starts it once more, after [`kill`](Self::kill).
    pub fn start_again(&mut self) {
        let mut started = command(Path::new(&service("FOREBAY_TEST_PGBOUNCER")));
        started.arg(self.running.folder.join("pgbouncer.ini"));
        self.running.start(started);
        self.running.await_port(self.port);
    }

    /// Ends it with SIGKILL.
    pub fn kill(&mut self) {
        self.running.signal("-KILL");
    }

    /// The same database, through it.
    pub fn url(&self, url: &url::Url) -> url::Url {
        let mut through = url.clone();
        through.set_host(Some("127.0.0.1")).expect("a host");
        through.set_port(Some(self.port)).expect("a port");
        through
    }
}

/// A server with data of its own, in which everyone is trusted.
#[derive(Debug)]
pub struct PostgresServer {
    running: Running,
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
}

impl PostgresServer {
    /// A primary. A commit waits for a standby once there is one and it is named (see [`standby`](Self::standby)).
    pub fn primary() -> Self {
        let running = Running::new("primary");
        let mut initdb = command(&program("initdb"));
        initdb.arg("-D").arg(running.folder.join("data"));
        initdb.args([
            "-U",
            "postgres",
            "--auth=trust",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        ]);
        done(initdb);
        let mut server = Self {
            running,
            port: free_port(),
        };
        server.start(&[]);
        server
    }

    /// A standby that follows this server, which waits for it with each commit from then on: what was confirmed is in both.
    #[must_use]
    pub fn standby(&mut self) -> Self {
        let running = Running::new("standby");
        let mut copy = command(&program("pg_basebackup"));
        copy.arg("-D").arg(running.folder.join("data")).arg("-R");
        copy.args([
            "-h",
            "127.0.0.1",
            "-p",
            &self.port.to_string(),
            "-U",
            "postgres",
            "--no-sync",
            "-c",
            "fast",
        ]);
        done(copy);
        let mut standby = Self {
            running,
            port: free_port(),
        };
        standby.start(&[]);
        self.stop();
        self.start(&["-c", "synchronous_standby_names=*"]);
        standby
    }

    fn start(&mut self, settings: &[&str]) {
        let mut server = command(&program("postgres"));
        server.arg("-D").arg(self.running.folder.join("data"));
        server.args(["-p", &self.port.to_string(), "-c", "listen_addresses=127.0.0.1"]);
        server.args([
            "-c",
            "unix_socket_directories=",
            "-c",
            "fsync=off",
            "-c",
            "shared_buffers=32MB",
        ]);
        server.args(settings);
        self.running.start(server);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut ready = command(&program("pg_isready"));
            ready.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]);
            if ready.status().expect("pg_isready runs").success() {
                return;
            }
            assert!(Instant::now() < deadline, "the server does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn stop(&mut self) {
        self.running.signal("-INT");
    }

    /// Ends it at once, as a crash does.
    pub fn crash(&mut self) {
        self.running.signal("-QUIT");
    }

    /// Makes a primary of a standby.
    pub fn promote(&self) {
        let mut promote = command(&program("pg_ctl"));
        promote.arg("promote").arg("-D").arg(self.running.folder.join("data"));
        done(promote);
    }
}

fn program(name: &str) -> PathBuf {
    Path::new(&service("FOREBAY_TEST_POSTGRES_BIN")).join(name)
}

fn done(mut command: Command) {
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
