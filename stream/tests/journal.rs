//! The journal: the conformance suite, and what only a log on local disk has to prove.

#[macro_use]
mod conformance;
mod local;

use std::process::Command;

use schemas::BoxFuture;
use schemas::log::EventLog;
use schemas::record::{Offset, Partition};
use stream::journal::{Config, Journal};

use local::CHILD_PATH;

/// A journal in a folder of its own.
struct JournalHarness {
    config: Config,
    journal: Option<Journal>,
    /// Removes the folder at the end.
    _folder: tempfile::TempDir,
}

impl JournalHarness {
    fn journal(&self) -> &Journal {
        self.journal.as_ref().expect("an open journal")
    }

    async fn release(&mut self) {
        if let Some(journal) = self.journal.take() {
            journal.close().await.expect("a clean close");
        }
    }
}

impl conformance::Harness for JournalHarness {
    fn log(&self) -> &dyn EventLog {
        self.journal()
    }

    fn restart(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.release().await;
            self.journal = Some(Journal::open(&self.config).await.expect("a journal"));
        })
    }

    fn trim<'a>(&'a mut self, partition: &'a Partition, before: Offset) -> BoxFuture<'a, ()> {
        Box::pin(async move { self.journal().trim(partition, before).await.expect("trimmed") })
    }

    fn max_record_bytes(&self) -> u32 {
        1 << 20
    }

    fn child(&mut self) -> BoxFuture<'_, Command> {
        Box::pin(async {
            self.release().await;
            let mut command = Command::new(std::env::current_exe().expect("this program"));
            command
                .args(["--exact", "killed_writer", "--nocapture"])
                .env(CHILD_PATH, &self.config.path);
            command
        })
    }
}

async fn open() -> JournalHarness {
    let folder = tempfile::tempdir().expect("a folder");
    let config = Config {
        path: folder.path().join("journal"),
        ..Config::default()
    };
    let journal = Journal::open(&config).await.expect("a new journal");
    JournalHarness {
        config,
        journal: Some(journal),
        _folder: folder,
    }
}

async fn open_in_child() -> Journal {
    let path = std::env::var_os(CHILD_PATH).expect("set by the test that starts this");
    let config = Config {
        path: path.into(),
        ..Config::default()
    };
    Journal::open(&config).await.expect("the journal of the test")
}

conformance_suite!(open(), open_in_child());
