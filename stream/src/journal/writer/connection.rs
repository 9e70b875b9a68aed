//! The one connection that writes, and its replacement after an error.

use sqlx::{Connection, SqliteConnection};

use super::Writer;
use crate::journal::open;

impl Writer {
    /// Takes the connection, opened again after an error; [`give_back`](Self::give_back) returns it with the result of
    /// its use.
    pub(super) async fn take_connection(&mut self) -> Result<SqliteConnection, String> {
        if let Some(why) = self.shared.lasting_problem() {
            return Err(why);
        }
        if let Some(connection) = self.connection.take() {
            return Ok(connection);
        }
        let connected = async {
            let mut connection = open::reconnect_writer(self.shared.path()).await?;
            self.shared.catalog.refresh(&mut connection).await?;
            Ok(connection)
        };
        connected.await.map_err(|e| self.shared.set_failed(&e))
    }

    /// Returns the connection. After an error it is not used again: whether its transaction is still open depends on
    /// the error.
    pub(super) async fn give_back<T>(
        &mut self,
        connection: SqliteConnection,
        result: Result<T, sqlx::Error>,
    ) -> Result<T, String> {
        match result {
            Ok(value) => {
                self.connection = Some(connection);
                Ok(value)
            }
            Err(error) => {
                let why = self.shared.set_failed(&error);
                // Closing rolls back. It can fail only for the same reason as the write.
                connection.close().await.ok();
                Err(why)
            }
        }
    }
}
