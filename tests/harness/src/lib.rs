//! What the tests of several crates share, each thing once: addresses of real services, the program as a child process,
//! receivers of deliveries, senders with signing code of their own, a TCP proxy that misbehaves, one that stops at a statement,
//! event logs in memory, the samples, events, sources and destinations.
//!
//! Only for tests: everything here panics where a test should fail.

pub mod acls;
#[cfg(feature = "postgres")]
pub mod contents;
pub mod crash;
#[cfg(feature = "postgres")]
mod database;
pub mod deliveries;
pub mod destinations;
pub mod directory;
pub mod event;
#[cfg(feature = "postgres")]
pub mod load;
pub mod memory_backlog;
pub mod memory_log;
pub mod postgres_server;
pub mod program;
pub mod proxy;
pub mod publish_log;
pub mod receiver;
pub mod samples;
pub mod sender;
pub mod spellings;
#[cfg(feature = "postgres")]
pub mod statements;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

#[cfg(feature = "postgres")]
pub use database::Database;

/// Returns an address that `./run test` sets.
pub fn service(name: &str) -> String {
    std::env::var_os(name)
        .and_then(|v| v.into_string().ok())
        .unwrap_or_else(|| panic!("{name} is not set: run `./run test`, or `eval \"$(./run services start)\"` first"))
}

/// The folder of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("this crate is two folders down")
        .to_path_buf()
}

/// Returns a name that no other test has.
pub fn unique(prefix: &str) -> String {
    format!("{prefix}-{}", uuid::Uuid::new_v4().simple())
}

/// A free port of this machine; another process may take it, which then fails loudly.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|l| l.local_addr())
        .expect("a free port")
        .port()
}

/// Asks until the answer is `Some`, for at most `patience`.
pub async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    patience: Duration,
    mut ask: impl FnMut() -> F,
) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "{what}: not within {patience:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until `holds`, for at most `patience` of the runtime's clock, which a test may have paused.
pub async fn until(what: &str, patience: Duration, mut holds: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + patience;
    while !holds() {
        assert!(
            tokio::time::Instant::now() < deadline,
            "{what}: not within {patience:?}"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
