//! Agents, contacts and bots.

use std::borrow::Cow;

use schemas::data::{Party, PartyKind, Text};

use super::Named;
use crate::normalize::json::{Json, object};
use crate::normalize::phone;

object! {
    User {
        id: Json = "id",
        name: Json = "name",
        phone_number: Json = "phone_number",
        identifier: Json = "identifier",
        kind: Json = "type",
        group_type: Json = "group_type",
        account: Named = "account",
    }
}

impl<'a> User<'a> {
    /// Agents say `"type": "user"`, bots `"type": "agent_bot"`, contacts nothing or `"contact"`;
    /// of a change, the author may be a rule or an inbox.
    pub(super) fn party(&self, otherwise: Option<PartyKind>) -> Option<Party<'a>> {
        let kind = self.kind.text();
        let (id, name, phone) = (self.id.text(), self.name.text(), phone_of(self.phone_number));
        if kind.is_none() && id.is_none() && name.is_none() && phone.is_none() {
            return None;
        }
        let kind = match kind.as_deref() {
            Some("user") => Some(PartyKind::Agent),
            Some("contact") => Some(PartyKind::Contact),
            Some("agent_bot" | "captain_assistant") => Some(PartyKind::Bot),
            Some("automation_rule" | "inbox") => Some(PartyKind::System),
            _ => otherwise,
        };
        Some(Party {
            id,
            kind,
            name,
            phone,
            alternate_id: self.identifier.text(),
        })
    }
}

/// Chatwoot takes numbers in E.164 only; old versions took what was typed.
pub(super) fn phone_of(number: Json<'_>) -> Option<Text<'_>> {
    match number.text()? {
        Cow::Borrowed(text) => phone::as_written(text),
        Cow::Owned(text) => phone::as_written(&text).map(|number| number.into_owned().into()),
    }
}
