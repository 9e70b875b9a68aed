//! Customers, agents and bots.

use schemas::data::{Party, PartyKind, Text};

use crate::normalize::json::{Json, object};

object! {
    Named {
        id: Json = "id",
        kind: Json = "type",
        name: Json = "name",
        // The tenant's own id of a contact; the older API's name of it.
        external_id: Json = "external_id",
        user_id: Json = "user_id",
    }
}

impl<'a> Named<'a> {
    /// A person with an id.
    pub(super) fn party(&self) -> Option<Party<'a>> {
        known(self.id)?;
        self.author()
    }

    /// Said to be no one.
    pub(super) fn is_no_one(&self) -> bool {
        is_none(self.id) || self.kind.text().is_some_and(|kind| kind == "nobody_admin")
    }

    /// Whoever wrote something: at times no more is said than what they are.
    pub(super) fn author(&self) -> Option<Party<'a>> {
        let (id, kind) = (known(self.id), self.kind());
        if id.is_none() && kind.is_none() {
            return None;
        }
        let own = self.external_id.text().or_else(|| self.user_id.text());
        Some(Party {
            kind,
            name: self.name.text(),
            alternate_id: own.filter(|own| Some(own) != id.as_ref()),
            id,
            ..Party::default()
        })
    }

    fn kind(&self) -> Option<PartyKind> {
        Some(match &*self.kind.text()? {
            "user" | "lead" | "contact" | "visitor" => PartyKind::Contact,
            "admin" | "team" => PartyKind::Agent,
            "bot" | "operator" => PartyKind::Bot,
            _ => return None,
        })
    }
}

/// A person's id: 0 is no one.
pub(super) fn known(id: Json<'_>) -> Option<Text<'_>> {
    id.text().filter(|id| id != "0")
}

/// The id is said to be no one's: `null`, 0 or an empty text.
pub(super) fn is_none(id: Json<'_>) -> bool {
    id.is_emptied() || id.text().is_some_and(|id| id == "0")
}
