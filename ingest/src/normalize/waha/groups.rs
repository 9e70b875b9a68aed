//! Groups: `group.v2.*`, and the older `group.join` and `group.leave` of the browser engine.

use schemas::data::{
    Data, Group, GroupJoinRequest, GroupParticipants, JoinRequestAction, Participant, ParticipantsAction, Party,
    PartyKind, Text,
};
use schemas::time::Timestamp;

use super::{Body, address, addressed, party};
use crate::normalize::baileys::jid::{Addressed, phone};
use crate::normalize::baileys::{Fact, Mapped, Nothing};
use crate::normalize::json::{Json, object};

object! {
    Change {
        timestamp: Json = "timestamp",
        group: Info = "group",
        kind: Json = "type",
        participants: Json = "participants",
        engine: Engine = "_data",
        // Of a request to join.
        action: Json = "action",
        requester_id: Json = "requesterId",
        requester_pn: Json = "requesterPn",
        method: Json = "requestMethod",
    }

    Info {
        id: Json = "id",
        subject: Json = "subject",
        description: Json = "description",
        members_send: Json = "membersCanSendMessages",
        participants: Json = "participants",
    }

    Person { id: Json = "id", phone: Json = "pn", lid: Json = "lid", role: Json = "role", admin: Json = "admin", }

    /// Who did it, in the words of the engines.
    Engine { author: Json = "author", author_pn: Json = "authorPn", sender: Json = "Sender", sender_pn: Json = "SenderPN", }

    /// What the browser shows in the chat.
    Notification {
        timestamp: Json = "timestamp",
        chat: Json = "chatId",
        author: Json = "author",
        kind: Json = "type",
        recipients: Json = "recipientIds",
        // The other engines send the group itself.
        id: Json = "id",
        subject: Json = "subject",
        participants: Json = "participants",
    }
}

impl<'a> Body<'a> {
    /// We came into the group.
    pub(super) fn we_joined(&self) -> Mapped<'a> {
        self.group("group.v2.join", Data::GroupCreated)
    }

    pub(super) fn group_updated(&self) -> Mapped<'a> {
        self.group("group.v2.update", Data::GroupUpdated)
    }

    fn group(&self, event: &'static str, data: fn(Group<'a>) -> Data<'a>) -> Mapped<'a> {
        let change: Change<'a> = self.payload.read();
        let id = change.group.id()?;
        let info = &change.group;
        Ok(Fact {
            identity: self.own_identity(event),
            data: data(Group {
                id: id.clone(),
                subject: info.subject.text(),
                description: info.description.text(),
                announce: info.members_send.flag().map(|they_may| !they_may),
                participants: info.participants.elements().filter_map(person).collect(),
                actor: change.actor(),
                ..Group::default()
            }),
            time: change.timestamp.time().or_else(|| self.time()),
            happened: None,
            about: Some(id),
        })
    }

    pub(super) fn we_left(&self) -> Mapped<'a> {
        let change: Change<'a> = self.payload.read();
        let id = change.group.id()?;
        let we = self.we().unwrap_or_default();
        let Some(our_id) = we.id else {
            return Err(Nothing::about("no number of ours", Some(id)));
        };
        let participants = vec![Participant {
            id: our_id,
            phone: we.phone,
            alternate_id: we.alternate_id,
            admin: None,
        }];
        let actor = change.actor();
        let action = by_themselves("leave", actor.as_ref(), &participants);
        Ok(participants_of(
            id,
            action,
            participants,
            actor,
            change.timestamp.time().or_else(|| self.time()),
        ))
    }

    pub(super) fn participants(&self) -> Mapped<'a> {
        let change: Change<'a> = self.payload.read();
        let id = change.group.id()?;
        let nothing = |reason| Nothing::about(reason, Some(id.clone()));
        let participants: Vec<Participant<'a>> = change.participants.elements().filter_map(person).collect();
        if participants.is_empty() {
            return Err(nothing("no participants"));
        }
        let actor = change.actor();
        let action = match change.kind.text().as_deref() {
            Some("promote") => ParticipantsAction::Promoted,
            Some("demote") => ParticipantsAction::Demoted,
            Some(word @ ("join" | "leave")) => by_themselves(word, actor.as_ref(), &participants),
            _ => return Err(nothing("unknown type")),
        };
        Ok(participants_of(
            id,
            action,
            participants,
            actor,
            change.timestamp.time().or_else(|| self.time()),
        ))
    }

    /// `word` is what happened by the name of the event.
    pub(super) fn joined_or_left(&self, word: &'static str) -> Mapped<'a> {
        let notification: Notification<'a> = self.payload.read();
        let Some(id) = address(notification.chat).or_else(|| address(notification.id)) else {
            return Err(Nothing::because("no group id"));
        };
        let nothing = |reason| Nothing::about(reason, Some(id.clone()));
        if word == "join" && notification.subject.is_there() {
            return Ok(Fact {
                identity: self.own_identity("group.join"),
                data: Data::GroupCreated(Group {
                    id: id.clone(),
                    subject: notification.subject.text(),
                    participants: notification.participants.elements().filter_map(person).collect(),
                    ..Group::default()
                }),
                time: notification.timestamp.time().or_else(|| self.time()),
                happened: None,
                about: Some(id),
            });
        }
        let participants: Vec<Participant<'a>> = notification.recipients.elements().filter_map(person).collect();
        if participants.is_empty() {
            return Err(nothing("no participants"));
        }
        let actor = party([notification.author], PartyKind::Contact, None);
        let actor = actor.map(|actor| Party { kind: None, ..actor });
        let action = match notification.kind.text().as_deref() {
            Some("invite" | "linked_group_join") => ParticipantsAction::Joined,
            Some("leave") => ParticipantsAction::Left,
            _ => by_themselves(word, actor.as_ref(), &participants),
        };
        Ok(participants_of(
            id,
            action,
            participants,
            actor,
            notification.timestamp.time().or_else(|| self.time()),
        ))
    }

    pub(super) fn join_request(&self) -> Mapped<'a> {
        let change: Change<'a> = self.payload.read();
        let id = change.group.id()?;
        let nothing = |reason| Nothing::about(reason, Some(id.clone()));
        let action = match change.action.text().as_deref() {
            Some("created") => JoinRequestAction::Created,
            Some("rejected") => JoinRequestAction::Rejected,
            Some("revoked") => JoinRequestAction::Revoked,
            _ => return Err(nothing("unknown action")),
        };
        let addresses = [change.requester_id, change.requester_pn];
        let Some(requester) = addressed(addresses) else {
            return Err(nothing("no participant"));
        };
        Ok(Fact {
            identity: self.own_identity("group.join-request"),
            data: Data::GroupJoinRequest(GroupJoinRequest {
                id: id.clone(),
                action,
                participant: Participant {
                    id: requester.id,
                    phone: phone([change.requester_pn, change.requester_id]),
                    alternate_id: requester.alternate,
                    admin: None,
                },
                method: change.method.text(),
                actor: change.actor(),
            }),
            time: change.timestamp.time().or_else(|| self.time()),
            happened: None,
            about: Some(id),
        })
    }
}

impl<'a> Info<'a> {
    fn id(&self) -> Result<Text<'a>, Nothing<'a>> {
        address(self.id).ok_or(Nothing::because("no group id"))
    }
}

impl<'a> Change<'a> {
    fn actor(&self) -> Option<Party<'a>> {
        let engine = &self.engine;
        let author = party([engine.author, engine.author_pn], PartyKind::Contact, None);
        let actor = author.or_else(|| party([engine.sender, engine.sender_pn], PartyKind::Contact, None))?;
        // Whether they are one of us is not said.
        Some(Party { kind: None, ..actor })
    }
}

/// Distinguished by what it says: that we left comes as `group.v2.leave` and among the participants' events.
fn participants_of<'a>(
    id: Text<'a>,
    action: ParticipantsAction,
    participants: Vec<Participant<'a>>,
    actor: Option<Party<'a>>,
    at: Option<Timestamp>,
) -> Fact<'a> {
    let word = match action {
        ParticipantsAction::Added | ParticipantsAction::Joined => "join",
        ParticipantsAction::Removed | ParticipantsAction::Left => "leave",
        ParticipantsAction::Promoted => "promote",
        ParticipantsAction::Demoted => "demote",
        ParticipantsAction::Changed => "change",
    };
    let who = |one: &Participant<'a>| one.phone.clone().unwrap_or_else(|| one.id.clone());
    let mut everybody: Vec<Text<'a>> = participants.iter().map(who).collect();
    everybody.sort_unstable();
    let mut identity = vec!["group.participants".into(), id.clone(), word.into()];
    identity.append(&mut everybody);
    Fact {
        data: Data::GroupParticipantsUpdated(GroupParticipants {
            id: id.clone(),
            action,
            participants,
            actor,
        }),
        identity,
        time: at,
        happened: None,
        about: Some(id),
    }
}

/// Added or joined, removed or left: WAHA says only which of the two pairs, the rest depends on who did it.
fn by_themselves(word: &str, actor: Option<&Party<'_>>, participants: &[Participant<'_>]) -> ParticipantsAction {
    let by_another = actor.is_some_and(|actor| {
        let addresses = [actor.id.as_ref(), actor.alternate_id.as_ref()];
        let is_actor = |one: &Participant<'_>| {
            let theirs = [Some(&one.id), one.alternate_id.as_ref()];
            let same = theirs
                .into_iter()
                .flatten()
                .any(|address| addresses.contains(&Some(address)));
            same || (one.phone.is_some() && one.phone == actor.phone)
        };
        !participants.iter().all(is_actor)
    });
    match (word, by_another) {
        ("join", true) => ParticipantsAction::Added,
        ("join", false) => ParticipantsAction::Joined,
        (_, true) => ParticipantsAction::Removed,
        (_, false) => ParticipantsAction::Left,
    }
}

fn person(json: Json<'_>) -> Option<Participant<'_>> {
    let person = if json.is_object() {
        json.read()
    } else {
        Person {
            id: json,
            ..Person::default()
        }
    };
    let Addressed { id, alternate } = addressed([person.id, person.phone, person.lid])?;
    Some(Participant {
        id,
        alternate_id: alternate,
        phone: phone([person.phone, person.id]),
        admin: match person.role.text().or_else(|| person.admin.text()).as_deref() {
            Some("admin" | "superadmin") => Some(true),
            Some("participant") => Some(false),
            _ => None,
        },
    })
}
