//! The connection family: the line between the platform and the messaging network.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Text;

/// `connection.updated`. Only what the platform reported; several of these together make the state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Connection<'a> {
    /// The platform's id of the line, where it says.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Text<'a>>,
    /// How the line stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<ConnectionState>,
    /// Whether we are shown as online.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub online: Option<bool>,
    /// A code waits to be scanned. The code itself is a credential and stays out of the normalized part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pairing: Option<bool>,
    /// The number of the lease: events of a lower one are out of date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<i64>,
    /// Why it closed or failed, in the platform's words.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text<'a>>,
}

/// How a line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionState {
    /// Coming up.
    Connecting,
    /// Up.
    Open,
    /// Down.
    Closed,
}
