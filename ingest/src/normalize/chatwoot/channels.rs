//! Which network a conversation runs over, and what that calls the chat.

use schemas::data::Text;

use crate::normalize::json::{Json, object};

object! {
    Inbox { id: Json = "id", channel_type: Json = "channel_type", medium: Json = "medium", }

    /// The contact's place in the inbox; its id is the channel's, without what marks a group.
    ContactInbox { source_id: Json = "source_id", }

    ConversationKind { kind: Json = "type", }
}

/// What a body says of the channel: `Channel::Whatsapp` and the like.
pub(super) struct Channel<'a> {
    /// In the order in which they count.
    pub(super) kinds: [Json<'a>; 2],
    pub(super) medium: Json<'a>,
    pub(super) source_id: Json<'a>,
    /// Of the conversation's `additional_attributes`.
    pub(super) conversation_kind: Json<'a>,
}

impl<'a> Channel<'a> {
    pub(super) fn network(&self) -> Option<Text<'a>> {
        let kind = self.kinds.into_iter().find_map(Json::short)?;
        let word = match kind.strip_prefix("Channel::").unwrap_or(&kind) {
            // Pages brought Instagram with them before it had a channel of its own.
            "FacebookPage" if self.conversation_kind.text().as_deref() == Some("instagram_direct_message") => {
                "instagram"
            }
            "FacebookPage" => "facebook",
            "TwitterProfile" => "twitter",
            "WebWidget" => "web",
            "TwilioSms" if self.is_whatsapp_by_twilio() => "whatsapp",
            "TwilioSms" => "sms",
            "Whatsapp" => "whatsapp",
            "Api" => "api",
            other => return Some(other.to_lowercase().into()),
        };
        Some(word.into())
    }

    fn is_whatsapp_by_twilio(&self) -> bool {
        let medium = self.medium.text();
        let place = self.source_id.text();
        medium.as_deref() == Some("whatsapp") || place.is_some_and(|place| place.starts_with("whatsapp:"))
    }
}

/// WhatsApp's id of a group, if one of these is one.
pub(super) fn group_id(ids: [Json<'_>; 2]) -> Option<Text<'_>> {
    ids.into_iter().filter_map(Json::text).find(|id| id.ends_with("@g.us"))
}

/// The fork says so; otherwise a WhatsApp group can be known by its id.
pub(super) fn is_group(group_types: [Json<'_>; 2], ids: [Json<'_>; 2]) -> Option<bool> {
    let said = group_types.into_iter().find_map(Json::text).map(|kind| kind == "group");
    said.or_else(|| group_id(ids).map(|_| true))
}
