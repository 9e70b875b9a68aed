//! Who a customer is: by their phone's address (`wa_id`), by the id that is theirs with this business (`user_id`, since 2026), or
//! by both.
//!
//! The phone's address stands in front wherever the body says it, if only among the `contacts` beside a message, so that one
//! customer is one party in one chat whichever of the two a message is sent under; the user id is the other one.

use std::collections::BTreeMap;

use schemas::data::{Party, PartyKind, Text};

use crate::normalize::json::{Json, object};
use crate::normalize::phone::international;

object! {
    Contact { wa_id: Json = "wa_id", user_id: Json = "user_id", profile: Profile = "profile", }

    Profile { name: Json = "name", username: Json = "username", }
}

/// A customer, as far as a body says.
#[derive(Debug, Clone)]
pub(super) struct Who<'a> {
    /// The phone's address; else the user id.
    pub(super) id: Text<'a>,
    /// The user id, if the phone's address is known.
    pub(super) alternate_id: Option<Text<'a>>,
    pub(super) phone: Option<Text<'a>>,
    pub(super) name: Option<Text<'a>>,
}

impl<'a> Who<'a> {
    pub(super) fn contact(self) -> Party<'a> {
        Party {
            id: Some(self.id),
            kind: Some(PartyKind::Contact),
            name: self.name,
            phone: self.phone,
            alternate_id: self.alternate_id,
        }
    }
}

/// What `contacts` say of people, by each of their ids.
#[derive(Debug, Default)]
pub(super) struct People<'a> {
    known: BTreeMap<Text<'a>, Known<'a>>,
    /// The ids of the only one.
    only: Option<(Json<'a>, Json<'a>)>,
}

#[derive(Debug, Clone)]
struct Known<'a> {
    name: Option<Text<'a>>,
    wa_id: Option<Text<'a>>,
    user_id: Option<Text<'a>>,
}

impl<'a> People<'a> {
    pub(super) fn of(contacts: impl Iterator<Item = Json<'a>>) -> Self {
        let mut people = Self::default();
        for (at, contact) in contacts.map(Json::read::<Contact<'a>>).enumerate() {
            people.only = (at == 0).then_some((contact.wa_id, contact.user_id));
            let known = Known {
                name: contact
                    .profile
                    .name
                    .short()
                    .or_else(|| contact.profile.username.short()),
                wa_id: contact.wa_id.short(),
                user_id: contact.user_id.short(),
            };
            for id in [&known.wa_id, &known.user_id].into_iter().flatten() {
                people.known.insert(id.clone(), known.clone());
            }
        }
        people
    }

    /// The one of these ids.
    pub(super) fn find(&self, wa_id: Json<'a>, user_id: Json<'a>) -> Option<Who<'a>> {
        let (wa_id, user_id) = (wa_id.text(), user_id.text());
        let known = wa_id.as_ref().or(user_id.as_ref()).and_then(|id| self.known.get(id));
        let wa_id = wa_id.or_else(|| known?.wa_id.clone());
        let user_id = user_id
            .or_else(|| known?.user_id.clone())
            .filter(|user_id| Some(user_id) != wa_id.as_ref());
        let phone = wa_id.as_deref().and_then(number);
        let (id, alternate_id) = match (wa_id, user_id) {
            (Some(wa_id), user_id) => (wa_id, user_id),
            (None, user_id) => (user_id?, None),
        };
        Some(Who {
            id,
            alternate_id,
            phone,
            name: known.and_then(|known| known.name.clone()),
        })
    }

    /// The only one there is.
    pub(super) fn only(&self) -> Option<Who<'a>> {
        let (wa_id, user_id) = self.only?;
        self.find(wa_id, user_id)
    }
}

/// The number of a phone's address: with its country and without a plus.
pub(super) fn number<'a>(wa_id: &str) -> Option<Text<'a>> {
    international(wa_id).map(|number| Text::Owned(number.into_owned()))
}
