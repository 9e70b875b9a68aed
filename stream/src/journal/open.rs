//! Opens the journal's folder: its lock, connections and tables.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use schemas::log::LogError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection, SqlitePool};

use super::failure::{Severity, describe, severity};
use super::layout::{FROM_1, TABLES, VERSION};

/// How long a second opener waits for the first to release the lock (a restart, a quick supervisor).
const LOCK_PATIENCE: Duration = Duration::from_secs(1);

/// How long a connection waits for the lock of another: only a checkpoint or a recovery can hold one.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Creates the folder and takes its lock, which the kernel releases when the process dies.
pub(super) async fn lock(path: &Path) -> Result<File, LogError> {
    let deadline = tokio::time::Instant::now() + LOCK_PATIENCE;
    loop {
        let folder = path.to_owned();
        let attempt = tokio::task::spawn_blocking(move || try_lock(&folder)).await;
        match attempt.map_err(|e| LogError::Unavailable(format!("journal `{}`: {e}", path.display())))?? {
            Some(lock) => return Ok(lock),
            None if tokio::time::Instant::now() >= deadline => {
                return Err(LogError::Misconfigured(format!(
                    "journal `{}` is in use by another process: stop that one, or name another folder in \
                     `event_log.journal.path`",
                    path.display()
                )));
            }
            None => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

fn try_lock(path: &Path) -> Result<Option<File>, LogError> {
    let unusable = |error: std::io::Error| {
        let path = path.display();
        if error.kind() == std::io::ErrorKind::StorageFull {
            return LogError::Unavailable(format!("journal `{path}`: {error}"));
        }
        LogError::Misconfigured(format!(
            "journal `{path}`: {error}: make the folder writable, or name another in `event_log.journal.path`"
        ))
    };
    make_folder(path).map_err(unusable)?;
    let lock = File::create(path.join("journal.lock")).map_err(unusable)?;
    match lock.try_lock() {
        Ok(()) => Ok(Some(lock)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(unusable(error)),
    }
}

/// Readable by this user only: the records are other people's messages.
fn make_folder(path: &Path) -> std::io::Result<()> {
    let mut folder = std::fs::DirBuilder::new();
    folder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
    folder.create(path)
}

fn file(path: &Path) -> PathBuf {
    path.join("journal.db")
}

/// Opens the one connection that writes; creates the tables if the file is new.
pub(super) async fn connect_writer(path: &Path) -> Result<SqliteConnection, LogError> {
    let mut connection = reconnect_writer(path).await.map_err(|e| cannot_open(path, &e))?;
    match check_version(&mut connection, path).await? {
        0 => lay_out(&mut connection, TABLES)
            .await
            .map_err(|e| cannot_open(path, &e))?,
        1 => lay_out(&mut connection, FROM_1)
            .await
            .map_err(|e| cannot_open(path, &e))?,
        _ => check_whole(&mut connection).await.map_err(|e| cannot_open(path, &e))?,
    }
    Ok(connection)
}

/// Opens the same connection again, to a file that was already checked.
pub(super) async fn reconnect_writer(path: &Path) -> Result<SqliteConnection, sqlx::Error> {
    SqliteConnectOptions::new()
        .filename(file(path))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        // Three records of 2.3 KB share a page of 8 KiB; with 4 KiB each has its own and half of it is empty (measured:
        // 1.8 bytes of file per byte of record instead of 1.2), with 16 KiB a commit of one record writes too much.
        .statement_cache_capacity(super::append::STATEMENTS)
        .page_size(8192)
        // After one huge transaction the write-ahead log shrinks again.
        .pragma("journal_size_limit", "67108864")
        .busy_timeout(BUSY_TIMEOUT)
        .disable_statement_logging()
        .connect()
        .await
}

/// Opens a connection that only reads.
pub(super) async fn connect_reader(path: &Path) -> Result<SqliteConnection, LogError> {
    if !tokio::fs::try_exists(file(path)).await.unwrap_or(false) {
        return Err(LogError::Misconfigured(format!(
            "there is no journal in `{}`: start `forebay dev`, which makes it, or name another folder with --data or `event_log.journal.path`",
            path.display()
        )));
    }
    let mut connection = reader_options(path)
        .connect()
        .await
        .map_err(|e| cannot_open(path, &e))?;
    match check_version(&mut connection, path).await? {
        0..VERSION => Err(LogError::Unavailable(format!(
            "journal `{}` is new or of an older version: the process that writes it brings it up to date at its start",
            path.display()
        ))),
        _ => Ok(connection),
    }
}

/// A pool whose connections are opened when readers need them.
pub(super) fn reader_pool(path: &Path) -> SqlitePool {
    SqlitePoolOptions::new()
        .max_connections(4)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .connect_lazy_with(reader_options(path))
}

fn reader_options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file(path))
        .read_only(true)
        .busy_timeout(BUSY_TIMEOUT)
        .disable_statement_logging()
}

/// Returns the version of the file's layout; 0 if the file is new.
async fn check_version(connection: &mut SqliteConnection, path: &Path) -> Result<i32, LogError> {
    let found: i32 = sqlx::query_scalar("PRAGMA user_version")
        .fetch_one(connection)
        .await
        .map_err(|e| cannot_open(path, &e))?;
    if (0..=VERSION).contains(&found) {
        Ok(found)
    } else {
        Err(LogError::Misconfigured(format!(
            "journal `{}` has layout {found}, this program reads layout {VERSION}: use the program that made it, or \
             name another folder in `event_log.journal.path`",
            path.display()
        )))
    }
}

async fn lay_out(connection: &mut SqliteConnection, statements: &'static str) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::raw_sql(statements).execute(&mut *transaction).await?;
    transaction.commit().await
}

/// Touches each table, so that a damaged file is noticed at start and not at the first webhook.
async fn check_whole(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::query(
        "SELECT (SELECT count(*) FROM topic_partition), (SELECT count(*) FROM progress), (SELECT max(id) FROM record)",
    )
    .fetch_one(connection)
    .await?;
    Ok(())
}

fn cannot_open(path: &Path, error: &sqlx::Error) -> LogError {
    let text = describe(path, error);
    match severity(error) {
        Severity::Passing => LogError::Unavailable(text),
        Severity::Lasting => {
            LogError::Misconfigured(format!("{text}: keep the folder aside and start with an empty one"))
        }
    }
}
