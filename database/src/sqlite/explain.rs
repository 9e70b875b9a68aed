//! What SQLite's errors mean: whose fault they are, where, and the way out.

use super::File;

/// Primary result codes (<https://www.sqlite.org/rescode.html>); the low byte of the extended ones.
pub mod code {
    /// The statement is wrong, or names what is not there.
    pub const ERROR: i32 = 1;
    /// The file is locked by another connection.
    pub const BUSY: i32 = 5;
    /// A table is locked by the same connection.
    pub const LOCKED: i32 = 6;
    /// The file cannot be written.
    pub const READONLY: i32 = 8;
    /// The system failed to read or write.
    pub const IOERR: i32 = 10;
    /// The file is damaged.
    pub const CORRUPT: i32 = 11;
    /// The disk, or the limit, is full.
    pub const FULL: i32 = 13;
    /// The file cannot be opened.
    pub const CANTOPEN: i32 = 14;
    /// A value is larger than SQLite takes.
    pub const TOOBIG: i32 = 18;
    /// A constraint is violated.
    pub const CONSTRAINT: i32 = 19;
    /// A value is of another type.
    pub const MISMATCH: i32 = 20;
    /// The file is no database.
    pub const NOTADB: i32 = 26;
}

/// Returns the primary result code of an error of SQLite.
pub fn primary_code(error: &sqlx::Error) -> Option<i32> {
    let extended: i32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(extended & 0xff)
}

/// Why SQLite refuses a row for what it is; `None` for every other error.
pub fn refusal(error: &sqlx::Error) -> Option<String> {
    let message = error.as_database_error()?.message();
    matches!(primary_code(error)?, code::TOOBIG | code::CONSTRAINT | code::MISMATCH)
        .then(|| format!("SQLite refuses the row: {message}"))
}

impl File {
    /// What happened to the file, and the way out.
    pub fn explain(&self, error: &sqlx::Error) -> String {
        let (path, section) = (self.path.display(), self.section);
        let Some(code) = primary_code(error) else {
            return match error {
                sqlx::Error::PoolTimedOut => format!("`{path}` is busy with earlier batches"),
                error => format!("`{path}`: {error}"),
            };
        };
        let message = error.as_database_error().map_or("", |e| e.message());
        match (code, self.max_size_bytes) {
            (code::FULL, Some(bytes)) => format!(
                "`{path}` cannot grow ({message}): its disk is full, or it has reached `{section}.max_size_bytes` ({bytes}); \
                 make room or raise the limit"
            ),
            (code::FULL, None) => format!("the disk of `{path}` is full ({message}): make room"),
            (code::IOERR, _) => format!("reading or writing `{path}` fails ({message}): is its disk full or failing?"),
            (code::BUSY | code::LOCKED, _) => format!("another process is writing to `{path}` ({message}): stop it"),
            (code::READONLY, _) => format!("`{path}` cannot be written ({message}): check its permissions"),
            (code::CANTOPEN, _) => {
                format!("`{path}` cannot be opened ({message}): check `{section}.path` and permissions")
            }
            (code::CORRUPT | code::NOTADB, _) => {
                format!(
                    "`{path}` is damaged or not a SQLite database ({message}): move it away, or correct `{section}.path`"
                )
            }
            _ => format!("`{path}`: {message} (SQLite code {code})"),
        }
    }
}
