//! The servers that a URL names.

use std::fmt;

use sqlx::postgres::PgConnectOptions;

/// The servers, in the order of the URL; at least one.
#[derive(Clone)]
pub(super) struct Hosts {
    pub(super) all: Vec<PgConnectOptions>,
}

impl fmt::Debug for Hosts {
    /// Without the options, whose `Debug` shows the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Hosts").field(&self.place()).finish()
    }
}

impl Hosts {
    /// Where they are, for messages: `h1:5432,h2:5432`.
    pub(super) fn place(&self) -> String {
        self.all.iter().map(place).collect::<Vec<_>>().join(",")
    }

    /// Whether the URL, or the environment, has options with which a session begins.
    pub(super) fn have_options(&self) -> bool {
        self.all.iter().any(|host| host.get_options().is_some())
    }
}

/// Where a server is, for messages.
pub(super) fn place(host: &PgConnectOptions) -> String {
    match host.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", host.get_host(), host.get_port()),
    }
}
