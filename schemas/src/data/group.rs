//! The group family.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Party, Text};

/// A group: `group.created`, `group.updated`. On an update only what changed is present.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Group<'a> {
    /// The platform's id of the group.
    pub id: Text<'a>,
    /// The group's name, which its members see.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Text<'a>>,
    /// The group's description, which its members see.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Text<'a>>,
    /// Who made it.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Party<'a>>,
    /// Only admins may write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub announce: Option<bool>,
    /// Only admins may change the settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restrict: Option<bool>,
    /// Who is in it, where the platform says.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub participants: Vec<Participant<'a>>,
    /// Who made the change.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Party<'a>>,
}

/// `group.participants.updated`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GroupParticipants<'a> {
    /// The platform's id of the group.
    pub id: Text<'a>,
    /// What happened to the participants.
    pub action: ParticipantsAction,
    /// Those it happened to.
    #[serde(borrow)]
    pub participants: Vec<Participant<'a>>,
    /// Who did it; absent where no one did (joined by a link).
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Party<'a>>,
}

/// What happened to the participants of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ParticipantsAction {
    /// Added by another party.
    Added,
    /// Removed by another party.
    Removed,
    /// They became admins.
    Promoted,
    /// They are admins no longer.
    Demoted,
    /// They came by themselves, for example by a link.
    Joined,
    /// They went by themselves.
    Left,
    /// Something about them changed, for example their number.
    Changed,
}

/// A member of a group, and their role in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Participant<'a> {
    /// The platform's id of them.
    pub id: Text<'a>,
    /// Their phone number in the form of E.164, where the platform says.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<Text<'a>>,
    /// The other id under which the network knows them.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub alternate_id: Option<Text<'a>>,
    /// Whether they are an admin, where the platform says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin: Option<bool>,
}

/// `group.join_request`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GroupJoinRequest<'a> {
    /// The platform's id of the group.
    pub id: Text<'a>,
    /// What became of the request.
    pub action: JoinRequestAction,
    /// Who wants to join.
    #[serde(borrow)]
    pub participant: Participant<'a>,
    /// How they came to the group: `invite_link`, …
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub method: Option<Text<'a>>,
    /// Who acted.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Party<'a>>,
}

/// What became of a request to join.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JoinRequestAction {
    /// It was made.
    Created,
    /// It was taken back.
    Revoked,
    /// It was refused.
    Rejected,
    /// It was granted.
    Approved,
}
