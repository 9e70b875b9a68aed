//! The servers that a URL names, and which of them is wanted.

use std::fmt;

use sqlx::postgres::PgConnectOptions;

/// The servers, in the order of the URL; at least one.
#[derive(Clone)]
pub(super) struct Hosts {
    pub(super) all: Vec<PgConnectOptions>,
    pub(super) target: Target,
}

impl fmt::Debug for Hosts {
    /// Without the options, whose `Debug` shows the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Hosts").field(&self.place()).field(&self.target).finish()
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

/// Which server is wanted: `target_session_attrs`, as libpq defines it. That one takes writes is asked in any case, before each use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Target {
    /// One that takes writes.
    #[default]
    ReadWrite,
    /// One that is no standby.
    Primary,
    /// The first that answers.
    Any,
}

impl Target {
    pub(super) const NAMES: [&'static str; 3] = ["read-write", "primary", "any"];

    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "read-write" => Some(Self::ReadWrite),
            "primary" => Some(Self::Primary),
            "any" => Some(Self::Any),
            _ => None,
        }
    }

    pub(super) fn fits(self, is_read_only: bool, is_standby: bool) -> bool {
        match self {
            Self::ReadWrite => !is_read_only && !is_standby,
            Self::Primary => !is_standby,
            Self::Any => true,
        }
    }
}
