//! Channels, who is in them, and the people of the workspace.

use schemas::data::{
    Contact, Data, Group, GroupParticipants, Participant, ParticipantsAction, Party, Presence, PresenceOf, Text,
};

use super::{Event, Mapped, conversation, fact, id_of};
use crate::normalize::json::{Json, object};
use crate::normalize::phone;

object! {
    Channel { name: Json = "name", creator: Json = "creator", }

    User { id: Json = "id", name: Json = "name", real_name: Json = "real_name", profile: Profile = "profile", }

    Profile {
        display_name: Json = "display_name",
        real_name: Json = "real_name",
        email: Json = "email",
        phone: Json = "phone",
    }
}

impl<'a> Event<'a> {
    pub(super) fn member(&self, kind: &str) -> Mapped<'a> {
        let id = self.channel().ok_or("no channel")?;
        let member = Participant {
            id: id_of(self.user).ok_or("no user")?,
            ..Participant::default()
        };
        let change = GroupParticipants {
            id: id.clone(),
            action: if kind == "member_joined_channel" {
                ParticipantsAction::Joined
            } else {
                ParticipantsAction::Left
            },
            participants: vec![member],
            actor: self.inviter.text().map(party),
        };
        Ok(fact(Data::GroupParticipantsUpdated(change), id))
    }

    pub(super) fn group(&self, kind: &str) -> Mapped<'a> {
        let id = self.channel().ok_or("no channel")?;
        let channel: Channel<'a> = self.channel.read();
        let group = Group {
            id: id.clone(),
            subject: channel.name.text(),
            owner: channel.creator.text().map(party),
            actor: id_of(self.user).map(party),
            ..Group::default()
        };
        let data = match kind {
            "channel_created" => Data::GroupCreated(group),
            _ => Data::GroupUpdated(group),
        };
        Ok(fact(data, id))
    }

    pub(super) fn contact(&self) -> Result<(Contact<'a>, Text<'a>), &'static str> {
        let User {
            id,
            name,
            real_name,
            profile,
        } = self.user.read();
        let id = id.text().ok_or("no user")?;
        let names = [profile.display_name, profile.real_name, real_name, name];
        let contact = Contact {
            id: id.clone(),
            name: names.into_iter().find_map(Json::text),
            // People write their numbers into their profiles as they like.
            phone: phone::of_json(profile.phone),
            email: profile.email.text(),
            identifier: name.text(),
            ..Contact::default()
        };
        Ok((contact, id))
    }

    /// Of one user, or of several at once.
    pub(super) fn presence(&self) -> Mapped<'a> {
        let state: Text<'a> = match self.presence.text() {
            Some(word) => match &*word {
                "active" => "available".into(),
                "away" => "unavailable".into(),
                _ => word,
            },
            None => return Err("no presence"),
        };
        let users = self.users.elements().filter_map(Json::text).chain(id_of(self.user));
        let parties: Vec<_> = users
            .map(|id| PresenceOf {
                id,
                state: state.clone(),
            })
            .collect();
        let id = parties.first().map(|party| party.id.clone()).ok_or("no user")?;
        let presence = Presence {
            conversation: conversation(id.clone(), None),
            parties,
        };
        Ok(fact(Data::PresenceUpdated(presence), id))
    }
}

fn party(id: Text<'_>) -> Party<'_> {
    Party {
        id: Some(id),
        ..Party::default()
    }
}
