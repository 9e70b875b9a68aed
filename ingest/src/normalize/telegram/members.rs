//! Who is in a group, and who wants to be.

use schemas::data::{
    Data, GroupJoinRequest, GroupParticipants, JoinRequestAction, Participant, ParticipantsAction as Action,
};

use super::messages::Message;
use super::{Member, Update, User};
use crate::normalize::json::Json;

impl<'a> Message<'a> {
    /// The message that says that members came (`joined`), or that one left.
    pub(super) fn members(&self, joined: bool) -> Option<Data<'a>> {
        let members: Vec<User<'a>> = if joined {
            self.new_members.elements().map(Json::read).collect()
        } else {
            vec![User {
                id: self.left_member.id,
                ..User::default()
            }]
        };
        let participants: Vec<_> = members.iter().filter_map(User::participant).collect();
        let from = self.from.id.text();
        let by_themselves = participants.len() == 1 && from.is_some_and(|from| from == participants[0].id);
        if participants.is_empty() {
            return None;
        }
        Some(Data::GroupParticipantsUpdated(GroupParticipants {
            id: self.chat.id.text()?,
            action: came_or_went(joined, by_themselves),
            participants,
            actor: self.author(),
        }))
    }
}

impl<'a> Update<'a> {
    /// A member's standing before and after.
    pub(super) fn membership(&self) -> Option<Data<'a>> {
        let member = &self.new_member;
        let mut participant = member.user.participant()?;
        let status = member.status.text()?;
        participant.admin = Some(member.is_admin());
        let by_themselves = self.from.id.text().is_some_and(|from| from == participant.id);
        let old = &self.old_member;
        let action = match (old.is_inside(), member.is_inside()) {
            (false, true) | (true, false) if status != "kicked" => came_or_went(member.is_inside(), by_themselves),
            _ if status == "kicked" => Action::Removed,
            (true, true) if !old.is_admin() && member.is_admin() => Action::Promoted,
            (true, true) if old.is_admin() && !member.is_admin() => Action::Demoted,
            // Rights, a title; or a person outside who may come back.
            _ => Action::Changed,
        };
        Some(Data::GroupParticipantsUpdated(GroupParticipants {
            id: self.chat.id.text()?,
            action,
            participants: vec![participant],
            actor: self.from.party(),
        }))
    }

    pub(super) fn join_request(&self) -> Option<Data<'a>> {
        Some(Data::GroupJoinRequest(GroupJoinRequest {
            id: self.chat.id.text()?,
            action: JoinRequestAction::Created,
            participant: self.from.participant()?,
            method: self.invite_link.is_there().then(|| "invite_link".into()),
            actor: self.from.party(),
        }))
    }
}

fn came_or_went(came: bool, by_themselves: bool) -> Action {
    match (came, by_themselves) {
        (true, true) => Action::Joined,
        (true, false) => Action::Added,
        (false, true) => Action::Left,
        (false, false) => Action::Removed,
    }
}

impl Member<'_> {
    fn is_inside(&self) -> bool {
        match self.status.text().as_deref() {
            Some("creator" | "administrator" | "member") => true,
            // May not write; may be in the group or not.
            Some("restricted") => self.inside.flag() != Some(false),
            _ => false,
        }
    }

    fn is_admin(&self) -> bool {
        matches!(self.status.text().as_deref(), Some("creator" | "administrator"))
    }
}

impl<'a> User<'a> {
    fn participant(&self) -> Option<Participant<'a>> {
        Some(Participant {
            id: self.id.text()?,
            ..Participant::default()
        })
    }
}
