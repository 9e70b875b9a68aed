//! The contact family.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Text;

/// A customer, as known after the event: `contact.created`, `contact.updated`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Contact<'a> {
    /// The platform's id of the contact.
    pub id: Text<'a>,
    /// Their name as shown.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Text<'a>>,
    /// Their phone number in the form of E.164: a plus and digits. Absent where it is not known to be one.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<Text<'a>>,
    /// Their mail address.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Text<'a>>,
    /// The tenant's or the network's own id of them.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub identifier: Option<Text<'a>>,
    /// The other id under which the network knows them: WhatsApp's hidden id of a contact who is called by their phone's
    /// address, or the reverse.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub alternate_id: Option<Text<'a>>,
    /// The line, inbox or connection that they are reached over.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub channel_id: Option<Text<'a>>,
    /// True when the contact stands for a group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<bool>,
    /// True when they may not write to us.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked: Option<bool>,
    /// The names of what changed, in the platform's words.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<Text<'a>>,
}
