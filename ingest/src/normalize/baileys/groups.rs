//! The group events: `group-participants.update`, `groups.upsert`, `groups.update`, `group.join-request`.

use schemas::data::{
    Data, Group, GroupJoinRequest, GroupParticipants, JoinRequestAction, Participant, ParticipantsAction, Party, Text,
};

use super::jid::{jid, party, phone};
use super::{Fact, Line, Mapped, Nothing};
use crate::normalize::digest;
use crate::normalize::json::{Json, object};

object! {
    GroupChange {
        id: Json = "id",
        author: Json = "author",
        author_pn: Json = "authorPn",
        action: Json = "action",
        participants: Json = "participants",
        // Of a request to join.
        participant: Json = "participant",
        participant_pn: Json = "participantPn",
        method: Json = "method",
        // Of the group itself.
        subject: Json = "subject",
        description: Json = "desc",
        announce: Json = "announce",
        restrict: Json = "restrict",
        owner: Json = "owner",
        owner_pn: Json = "ownerPn",
    }

    Person { id: Json = "id", jid: Json = "jid", lid: Json = "lid", phone: Json = "phoneNumber", admin: Json = "admin", }
}

/// Has neither id nor time: told apart by what it says, in whatever order it names the participants.
pub(super) fn participants<'a>(_line: &Line<'a>, data: Json<'a>) -> Mapped<'a> {
    let change: GroupChange<'a> = data.read();
    let group = change.group()?;
    let nothing = |reason| Nothing {
        reason,
        about: Some(group.clone()),
    };
    let people: Vec<(Participant<'a>, bool)> = change
        .participants
        .elements()
        .filter_map(|json| person(json, &change))
        .collect();
    if people.is_empty() {
        return Err(nothing("no participants"));
    }
    let word = change.action.text().unwrap_or_default();
    let by_themselves = people.iter().all(|(_, is_author)| *is_author);
    let action = match &*word {
        "add" if by_themselves || change.author.text().is_none() => ParticipantsAction::Joined,
        "add" => ParticipantsAction::Added,
        "remove" if by_themselves => ParticipantsAction::Left,
        "remove" => ParticipantsAction::Removed,
        "promote" => ParticipantsAction::Promoted,
        "demote" => ParticipantsAction::Demoted,
        "modify" => ParticipantsAction::Changed,
        _ => return Err(nothing("unknown action")),
    };
    let participants: Vec<Participant<'a>> = people.into_iter().map(|(participant, _)| participant).collect();
    let mut ids: Vec<Text<'a>> = participants.iter().map(|participant| participant.id.clone()).collect();
    ids.sort_unstable();
    let mut identity = vec![
        "group-participants.update".into(),
        group.clone(),
        word,
        jid(change.author).unwrap_or_default(),
    ];
    identity.append(&mut ids);
    Ok(Fact {
        data: Data::GroupParticipantsUpdated(GroupParticipants {
            id: group.clone(),
            action,
            participants,
            actor: change.actor(),
        }),
        identity,
        time: None,
        about: Some(group),
    })
}

/// Not at the time of `creation`: it may be we who came into an old group.
pub(super) fn upsert<'a>(_line: &Line<'a>, json: Json<'a>) -> Mapped<'a> {
    group_event(json, "groups.upsert", Data::GroupCreated)
}

pub(super) fn update<'a>(_line: &Line<'a>, json: Json<'a>) -> Mapped<'a> {
    group_event(json, "groups.update", Data::GroupUpdated)
}

fn group_event<'a>(json: Json<'a>, event: &'static str, data: fn(Group<'a>) -> Data<'a>) -> Mapped<'a> {
    let change: GroupChange<'a> = json.read();
    let id = change.group()?;
    Ok(Fact {
        identity: vec![event.into(), id.clone(), digest(json.raw()).into()],
        data: data(Group {
            id: id.clone(),
            subject: change.subject.text(),
            description: change.description.text(),
            owner: party([change.owner, change.owner_pn, Json::default()], None, None),
            announce: change.announce.flag(),
            restrict: change.restrict.flag(),
            participants: change
                .participants
                .elements()
                .filter_map(|json| person(json, &change))
                .map(|(participant, _)| participant)
                .collect(),
            actor: change.actor(),
        }),
        time: None,
        about: Some(id),
    })
}

pub(super) fn join_request<'a>(_line: &Line<'a>, data: Json<'a>) -> Mapped<'a> {
    let change: GroupChange<'a> = data.read();
    let group = change.group()?;
    let nothing = |reason| Nothing {
        reason,
        about: Some(group.clone()),
    };
    let word = change.action.text().unwrap_or_default();
    let action = match &*word {
        "created" => JoinRequestAction::Created,
        "revoked" => JoinRequestAction::Revoked,
        "rejected" => JoinRequestAction::Rejected,
        "approved" => JoinRequestAction::Approved,
        _ => return Err(nothing("unknown action")),
    };
    let Some((mut participant, _)) = person(change.participant, &change) else {
        return Err(nothing("no participant"));
    };
    participant.phone = participant.phone.or_else(|| phone([change.participant_pn]));
    let identity = vec![
        "group.join-request".into(),
        group.clone(),
        participant.id.clone(),
        word,
        change.method.text().unwrap_or_default(),
        jid(change.author).unwrap_or_default(),
    ];
    Ok(Fact {
        data: Data::GroupJoinRequest(GroupJoinRequest {
            id: group.clone(),
            action,
            participant,
            method: change.method.text(),
            actor: change.actor(),
        }),
        identity,
        time: None,
        about: Some(group),
    })
}

impl<'a> GroupChange<'a> {
    fn group(&self) -> Result<Text<'a>, Nothing<'a>> {
        jid(self.id).ok_or(Nothing::because("no group id"))
    }

    fn actor(&self) -> Option<Party<'a>> {
        party([self.author, self.author_pn, Json::default()], None, None)
    }

    fn is_author(&self, addresses: [Json<'a>; 4]) -> bool {
        let authors = [jid(self.author), jid(self.author_pn)];
        addresses
            .into_iter()
            .filter_map(jid)
            .any(|address| authors.iter().flatten().any(|author| *author == address))
    }
}

/// A participant, and whether it is they who made the change. Newer versions send objects, older ones addresses.
fn person<'a>(json: Json<'a>, change: &GroupChange<'a>) -> Option<(Participant<'a>, bool)> {
    let person = if json.is_object() {
        json.read()
    } else {
        Person {
            id: json,
            ..Person::default()
        }
    };
    let addresses = [person.id, person.jid, person.lid, person.phone];
    let participant = Participant {
        id: addresses.into_iter().find_map(jid)?,
        phone: phone([person.phone, person.id, person.jid]),
        admin: match person.admin.text().as_deref() {
            Some("admin" | "superadmin") => Some(true),
            _ if person.admin.raw() == "null" => Some(false),
            _ => person.admin.flag(),
        },
    };
    Some((participant, change.is_author(addresses)))
}
