//! What happens to groups (Meta, "Webhooks for Groups API"): each element of `groups` is one change, at its `timestamp`.
//!
//! A change that we asked for has the id of the request, and may have failed, in whole or for some; who joins by a link, leaves
//! or asks to join has none. A group that is deleted or suspended is kept in its order: no event of ours says so.

use schemas::data::{
    Data, Group, GroupJoinRequest, GroupParticipants, JoinRequestAction, Participant, ParticipantsAction, Party,
    PartyKind, Text,
};

use super::people::Who;
use super::{Line, Mapped, Nothing, nothing};
use crate::normalize::json::{Json, object};

object! {
    Change {
        group_id: Json = "group_id",
        kind: Json = "type",
        timestamp: Json = "timestamp",
        request_id: Json = "request_id",
        errors: Json = "errors",
        // A new group.
        subject: Json = "subject",
        description: Json = "description",
        // People.
        added: Json = "added_participants",
        removed: Json = "removed_participants",
        initiated_by: Json = "initiated_by",
        reason: Json = "reason",
        join_request_id: Json = "join_request_id",
        wa_id: Json = "wa_id",
        user_id: Json = "user_id",
        // Settings.
        new_subject: Setting = "group_subject",
        new_description: Setting = "group_description",
        picture: Setting = "profile_picture",
    }

    Person { wa_id: Json = "wa_id", user_id: Json = "user_id", input: Json = "input", }

    Setting { text: Json = "text", hash: Json = "sha256", successful: Json = "update_successful", }
}

impl<'a> Line<'a, '_, '_> {
    pub(super) fn group_change(&self, json: Json<'a>) -> Mapped<'a> {
        let change: Change<'a> = json.read();
        let Some(group) = change.group_id.text() else {
            return nothing("no group");
        };
        let Some(kind) = change.kind.text() else {
            return Err(Nothing {
                reason: "no type of change",
                conversation: Some(group),
                time: change.timestamp.time(),
            });
        };
        let asked = [change.request_id, change.join_request_id]
            .into_iter()
            .find_map(Json::text);
        let mut identity = vec!["group".into(), kind.clone(), group.clone(), asked.unwrap_or_default()];
        let data = match &*kind {
            "group_create" => change.created(&group),
            "group_settings_update" => {
                identity.extend(change.settings());
                change.changed(&group)
            }
            "group_participants_add" => {
                let people = self.participants(change.added);
                identity.extend(ids(&people));
                // By a link, whether or not a person had to let them in.
                let action = if change.reason.text().as_deref() == Some("invite_link") {
                    ParticipantsAction::Joined
                } else {
                    ParticipantsAction::Added
                };
                moved(&group, action, people, None)
            }
            "group_participants_remove" => {
                let people = self.participants(change.removed);
                identity.extend(ids(&people));
                if change.initiated_by.text().as_deref() == Some("participant") {
                    moved(&group, ParticipantsAction::Left, people, None)
                } else {
                    moved(&group, ParticipantsAction::Removed, people, self.us())
                }
            }
            "group_join_request_created" => self.asked(&change, &group, JoinRequestAction::Created, &mut identity),
            "group_join_request_revoked" => self.asked(&change, &group, JoinRequestAction::Revoked, &mut identity),
            _ => Err("no mapping for this change of a group"),
        };
        Ok(match data {
            Ok(data) => self.event(data, identity, change.timestamp, group, json),
            Err(reason) => self.notice(reason, identity, change.timestamp, &group, json),
        })
    }

    fn participants(&self, list: Json<'a>) -> Vec<Participant<'a>> {
        let person = |json: Json<'a>| {
            let Person { wa_id, user_id, input } = json.read();
            // As we named them when we asked: a number, however written, or a user id.
            let who = self.people.find(wa_id, user_id).or_else(|| {
                let who = self.people.find(input, Json::default())?;
                let address = who.phone.as_deref().and_then(|phone| phone.strip_prefix('+'));
                Some(Who {
                    id: address.map_or(who.id, |address| address.to_owned().into()),
                    ..who
                })
            });
            who.map(participant)
        };
        list.elements().filter_map(person).collect()
    }

    fn asked(
        &self,
        change: &Change<'a>,
        group: &Text<'a>,
        action: JoinRequestAction,
        identity: &mut Vec<Text<'a>>,
    ) -> Result<Data<'a>, &'static str> {
        let who = self
            .people
            .find(change.wa_id, change.user_id)
            .ok_or("no one who asks")?;
        identity.push(who.id.clone());
        Ok(Data::GroupJoinRequest(GroupJoinRequest {
            id: group.clone(),
            action,
            participant: participant(who.clone()),
            method: change.reason.text(),
            actor: Some(who.contact()),
        }))
    }

    fn us(&self) -> Option<Party<'a>> {
        Some(Party {
            kind: Some(PartyKind::Agent),
            ..self.ours()?
        })
    }
}

impl<'a> Change<'a> {
    fn created(&self, group: &Text<'a>) -> Result<Data<'a>, &'static str> {
        if self.errors.is_there() {
            return Err("a group that could not be made");
        }
        Ok(Data::GroupCreated(Group {
            id: group.clone(),
            subject: self.subject.text(),
            description: self.description.text(),
            ..Group::default()
        }))
    }

    /// What was asked for.
    fn settings(&self) -> [Text<'a>; 3] {
        let values = [self.new_subject.text, self.new_description.text, self.picture.hash];
        values.map(|value| value.text().unwrap_or_default())
    }

    /// What of it was done.
    fn changed(&self, group: &Text<'a>) -> Result<Data<'a>, &'static str> {
        let done = |setting: &Setting<'a>| setting.successful.flag() == Some(true);
        let parts = [&self.new_subject, &self.new_description, &self.picture];
        if !parts.into_iter().any(done) {
            return Err("settings of a group that could not be changed");
        }
        let text = |setting: &Setting<'a>| setting.text.text().filter(|_| done(setting));
        Ok(Data::GroupUpdated(Group {
            id: group.clone(),
            subject: text(&self.new_subject),
            description: text(&self.new_description),
            ..Group::default()
        }))
    }
}

fn participant(who: Who<'_>) -> Participant<'_> {
    Participant {
        id: who.id,
        phone: who.phone,
        alternate_id: who.alternate_id,
        admin: None,
    }
}

/// In one order, whatever they are sent in.
fn ids<'a>(people: &[Participant<'a>]) -> Vec<Text<'a>> {
    let mut ids: Vec<_> = people.iter().map(|person| person.id.clone()).collect();
    ids.sort();
    ids
}

fn moved<'a>(
    group: &Text<'a>,
    action: ParticipantsAction,
    participants: Vec<Participant<'a>>,
    actor: Option<Party<'a>>,
) -> Result<Data<'a>, &'static str> {
    if participants.is_empty() {
        return Err("nobody came or went");
    }
    Ok(Data::GroupParticipantsUpdated(GroupParticipants {
        id: group.clone(),
        action,
        participants,
        actor,
    }))
}
