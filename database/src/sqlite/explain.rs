//! What SQLite's errors mean: whose fault they are, where, and the way out.

use super::File;

/// Primary result codes (<https://www.sqlite.org/rescode.html>); the low byte of the extended ones.
mod code {
    pub(super) const BUSY: i32 = 5;
    pub(super) const LOCKED: i32 = 6;
    pub(super) const READONLY: i32 = 8;
    pub(super) const IOERR: i32 = 10;
    pub(super) const CORRUPT: i32 = 11;
    pub(super) const FULL: i32 = 13;
    pub(super) const CANTOPEN: i32 = 14;
    pub(super) const TOOBIG: i32 = 18;
    pub(super) const CONSTRAINT: i32 = 19;
    pub(super) const MISMATCH: i32 = 20;
    pub(super) const NOTADB: i32 = 26;
}

fn primary_code(error: &sqlx::Error) -> Option<i32> {
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
