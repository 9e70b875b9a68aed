//! Agents, contacts and bots.

use schemas::data::{Party, PartyKind};

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
        // Chatwoot takes numbers in E.164 only; old versions took what was typed.
        let phone = phone::of_json(self.phone_number);
        let (id, name) = (self.id.text(), self.name.text());
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
