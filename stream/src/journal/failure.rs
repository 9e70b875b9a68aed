//! What an error of SQLite means for the journal.

use std::path::Path;

/// Whether the journal may go on after an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Severity {
    /// A full disk, a lock, an I/O error of one write: nothing of the transaction is kept, the next may succeed.
    Passing,
    /// The disk has lost something that it had taken, or the file is damaged. After a failed fsync the kernel may have
    /// dropped the pages and say "synced" the next time, so only a restart helps, which reads what is actually stored.
    Lasting,
}

/// Classifies an error. The codes are SQLite's extended result codes (<https://www.sqlite.org/rescode.html>).
pub(super) fn severity(error: &sqlx::Error) -> Severity {
    const CORRUPT: i32 = 11;
    const NOT_A_DATABASE: i32 = 26;
    const IOERR_FSYNC: i32 = 1034;
    const IOERR_DIR_FSYNC: i32 = 1290;
    let Some(code) = code(error) else {
        return Severity::Passing;
    };
    match code {
        IOERR_FSYNC | IOERR_DIR_FSYNC => Severity::Lasting,
        _ if matches!(code & 0xff, CORRUPT | NOT_A_DATABASE) => Severity::Lasting,
        _ => Severity::Passing,
    }
}

/// The text of the error, with the journal's path.
pub(super) fn describe(path: &Path, error: &sqlx::Error) -> String {
    format!("journal `{}`: {}", path.display(), cause(error))
}

/// `SQLITE_FULL`: the disk or the user's quota has no room.
const FULL: i32 = 13;

/// The text of the error, with the remedy where it is always the same.
pub(super) fn cause(error: &sqlx::Error) -> String {
    match (error.as_database_error(), code(error)) {
        (Some(cause), Some(FULL)) => format!("{} (SQLite code {FULL}); make room on the disk", cause.message()),
        (Some(cause), Some(code)) => format!("{} (SQLite code {code})", cause.message()),
        _ => error.to_string(),
    }
}

fn code(error: &sqlx::Error) -> Option<i32> {
    error.as_database_error()?.code()?.parse().ok()
}
