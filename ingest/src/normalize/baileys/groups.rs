//! The group events: `group-participants.update`, `groups.upsert`, `groups.update`, `group.join-request`.
//!
//! They have no ids and no times. Each is distinguished by what it says, in such a way that the message without content
//! about the same change (see `stubs`) says the same: people are named by their phone number where that is known.

use schemas::data::{
    Data, Group, GroupJoinRequest, GroupParticipants, JoinRequestAction, Participant, ParticipantsAction, Party, Text,
};

use super::jid::{Addressed, addressed, jid, party, phone};
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

    Person {
        id: Json = "id",
        jid: Json = "jid",
        lid: Json = "lid",
        phone: Json = "phoneNumber",
        pn: Json = "pn",
        admin: Json = "admin",
    }
}

/// Who made a change: one person under several addresses, or no one.
pub(super) struct Author<'a>(pub(super) [Json<'a>; 3]);

/// A person whom a change happened to.
pub(super) struct Member<'a> {
    pub(super) participant: Participant<'a>,
    is_author: bool,
}

pub(super) fn participants<'a>(_line: &Line<'a>, data: Json<'a>) -> Mapped<'a> {
    let change: GroupChange<'a> = data.read();
    let author = change.author();
    let members = change.participants.elements().filter_map(|json| member(json, &author));
    changed_participants(
        change.group()?,
        &change.action.text().unwrap_or_default(),
        members.collect(),
        &author,
    )
}

/// `word` is Baileys' own for what happened.
pub(super) fn changed_participants<'a>(
    group: Text<'a>,
    word: &str,
    members: Vec<Member<'a>>,
    author: &Author<'a>,
) -> Mapped<'a> {
    let nothing = |reason| Nothing::about(reason, Some(group.clone()));
    if members.is_empty() {
        return Err(nothing("no participants"));
    }
    let by_themselves = members.iter().all(|member| member.is_author);
    let (word, action) = match word {
        "add" if by_themselves || author.name().is_empty() => ("add", ParticipantsAction::Joined),
        "add" => ("add", ParticipantsAction::Added),
        "remove" if by_themselves => ("remove", ParticipantsAction::Left),
        "remove" => ("remove", ParticipantsAction::Removed),
        "promote" => ("promote", ParticipantsAction::Promoted),
        "demote" => ("demote", ParticipantsAction::Demoted),
        "modify" => ("modify", ParticipantsAction::Changed),
        _ => return Err(nothing("unknown action")),
    };
    let participants: Vec<Participant<'a>> = members.into_iter().map(|member| member.participant).collect();
    let mut names: Vec<Text<'a>> = participants.iter().map(name).collect();
    names.sort_unstable();
    let mut identity = vec![
        "group-participants.update".into(),
        group.clone(),
        word.into(),
        author.name(),
    ];
    identity.append(&mut names);
    Ok(Fact {
        data: Data::GroupParticipantsUpdated(GroupParticipants {
            id: group.clone(),
            action,
            participants,
            actor: author.party(),
        }),
        identity,
        time: None,
        happened: None,
        about: Some(group),
    })
}

/// Not at the time of `creation`: it may be we who came into an old group.
pub(super) fn upsert<'a>(_line: &Line<'a>, json: Json<'a>) -> Mapped<'a> {
    let change: GroupChange<'a> = json.read();
    let id = change.group()?;
    let identity = vec!["groups.upsert".into(), id.clone(), digest(json.raw()).into()];
    Ok(fact(Data::GroupCreated(change.into_group(id.clone())), identity, id))
}

pub(super) fn update<'a>(_line: &Line<'a>, json: Json<'a>) -> Mapped<'a> {
    let change: GroupChange<'a> = json.read();
    let id = change.group()?;
    let identity = match only_change(json) {
        Some((name, value)) => identity_of_update(&id, name, value, &change.author()),
        None => vec!["groups.update".into(), id.clone(), digest(json.raw()).into()],
    };
    Ok(fact(Data::GroupUpdated(change.into_group(id.clone())), identity, id))
}

/// What distinguishes the change of one thing about a group.
pub(super) fn identity_of_update<'a>(
    group: &Text<'a>,
    name: Text<'a>,
    value: Text<'a>,
    author: &Author<'a>,
) -> Vec<Text<'a>> {
    vec!["groups.update".into(), group.clone(), name, value, author.name()]
}

/// The one thing that an update is about, if it is about one and says nothing else.
fn only_change(json: Json<'_>) -> Option<(Text<'_>, Text<'_>)> {
    let mut changes = json
        .members()
        .into_iter()
        .filter(|(name, _)| !matches!(&**name, "id" | "author" | "authorPn" | "authorUsername"));
    let (name, value) = changes.next().filter(|_| changes.next().is_none())?;
    let value = match &*name {
        "subject" | "desc" | "inviteCode" => value.text()?,
        "announce" | "restrict" | "memberAddMode" | "joinApprovalMode" => flag_text(value.flag()?),
        _ => return None,
    };
    Some((name, value))
}

pub(super) fn flag_text(flag: bool) -> Text<'static> {
    if flag { "true".into() } else { "false".into() }
}

pub(super) fn join_request<'a>(_line: &Line<'a>, data: Json<'a>) -> Mapped<'a> {
    let change: GroupChange<'a> = data.read();
    let group = change.group()?;
    let author = change.author();
    let Some(Member { mut participant, .. }) = member(change.participant, &author) else {
        return Err(Nothing::about("no participant", Some(group)));
    };
    if let Some(known) =
        addressed([change.participant, change.participant_pn]).filter(|_| !change.participant.is_object())
    {
        (participant.id, participant.alternate_id) = (known.id, known.alternate);
    }
    participant.phone = participant.phone.or_else(|| phone([change.participant_pn]));
    let word = change.action.text().unwrap_or_default();
    requested(group, participant, word, change.method.text(), &author)
}

pub(super) fn requested<'a>(
    group: Text<'a>,
    participant: Participant<'a>,
    word: Text<'a>,
    method: Option<Text<'a>>,
    author: &Author<'a>,
) -> Mapped<'a> {
    let action = match &*word {
        "created" => JoinRequestAction::Created,
        "revoked" => JoinRequestAction::Revoked,
        "rejected" => JoinRequestAction::Rejected,
        "approved" => JoinRequestAction::Approved,
        _ => {
            return Err(Nothing::about("unknown action", Some(group)));
        }
    };
    let identity = vec![
        "group.join-request".into(),
        group.clone(),
        name(&participant),
        word,
        method.clone().unwrap_or_default(),
        author.name(),
    ];
    let data = Data::GroupJoinRequest(GroupJoinRequest {
        id: group.clone(),
        action,
        participant,
        method,
        actor: author.party(),
    });
    Ok(fact(data, identity, group))
}

pub(super) fn fact<'a>(data: Data<'a>, identity: Vec<Text<'a>>, group: Text<'a>) -> Fact<'a> {
    Fact {
        data,
        identity,
        time: None,
        happened: None,
        about: Some(group),
    }
}

impl<'a> GroupChange<'a> {
    fn group(&self) -> Result<Text<'a>, Nothing<'a>> {
        jid(self.id).ok_or(Nothing::because("no group id"))
    }

    fn author(&self) -> Author<'a> {
        Author([self.author, self.author_pn, Json::default()])
    }

    fn into_group(self, id: Text<'a>) -> Group<'a> {
        let author = self.author();
        let members = self.participants.elements().filter_map(|json| member(json, &author));
        Group {
            id,
            subject: self.subject.text(),
            description: self.description.text(),
            owner: party([self.owner, self.owner_pn, Json::default()], None, None),
            announce: self.announce.flag(),
            restrict: self.restrict.flag(),
            participants: members.map(|member| member.participant).collect(),
            actor: author.party(),
        }
    }
}

impl<'a> Author<'a> {
    pub(super) fn party(&self) -> Option<Party<'a>> {
        party(self.0, None, None)
    }

    /// What they are distinguished by; empty for no one.
    fn name(&self) -> Text<'a> {
        phone(self.0)
            .or_else(|| self.0.into_iter().find_map(jid))
            .unwrap_or_default()
    }

    fn is_one_of(&self, addresses: [Json<'_>; 5]) -> bool {
        let authors = self.0.map(jid);
        let mut known = addresses.into_iter().filter_map(jid);
        known.any(|address| authors.iter().flatten().any(|author| *author == address))
    }
}

/// What a participant is distinguished by. An event that knows the phone number and one that knows the hidden id only do
/// not meet; both kinds come from the same place and know the same.
fn name<'a>(participant: &Participant<'a>) -> Text<'a> {
    participant.phone.clone().unwrap_or_else(|| participant.id.clone())
}

/// A participant, and whether it is they who made the change. Newer versions send objects, older ones addresses.
pub(super) fn member<'a>(json: Json<'a>, author: &Author<'_>) -> Option<Member<'a>> {
    let person = if json.is_object() {
        json.read()
    } else {
        Person {
            id: json,
            ..Person::default()
        }
    };
    let addresses = [person.id, person.jid, person.lid, person.phone, person.pn];
    let Addressed { id, alternate } = addressed(addresses)?;
    let participant = Participant {
        id,
        alternate_id: alternate,
        phone: phone([person.phone, person.pn, person.id, person.jid]),
        admin: match person.admin.text().as_deref() {
            Some("admin" | "superadmin") => Some(true),
            _ if person.admin.raw() == "null" => Some(false),
            _ => person.admin.flag(),
        },
    };
    Some(Member {
        participant,
        is_author: author.is_one_of(addresses),
    })
}

impl Member<'_> {
    /// The same without the text that it was read from.
    pub(super) fn into_owned<'a>(self) -> Member<'a> {
        let Participant {
            id,
            phone,
            alternate_id,
            admin,
        } = self.participant;
        Member {
            participant: Participant {
                id: id.into_owned().into(),
                phone: phone.map(|phone| phone.into_owned().into()),
                alternate_id: alternate_id.map(|id| id.into_owned().into()),
                admin,
            },
            is_author: self.is_author,
        }
    }
}
