//! The group family: tells of the group and of its members.
//!
//! `group.created` and `group.updated` list all members, where they list any: who is not listed has gone, which
//! [`roster_version`](crate::state::tables::Group) says of all of them at once.

use schemas::data::{Group, GroupParticipants, Participant, ParticipantsAction};
use serde::Deserialize;

use super::{Told, id, text};
use crate::state::State;

#[derive(Deserialize)]
struct Member<T> {
    group: T,
}

pub(super) fn told(state: &mut State, event: &Told<'_>) -> Option<()> {
    let Member { group } = event.read::<Member<Group<'_>>>()?;
    let version = event.version();
    let row = state.groups.entry(event.key(&[&group.id])?).or_default();
    row.platform.say(Some(event.platform()));
    row.created_time
        .say((event.event_type == "group.created").then_some(event.time));
    row.last_time.say(Some(event.time));
    row.roster_version
        .say((!group.participants.is_empty()).then_some(version));
    row.owner_id.say(group.owner.and_then(|owner| id(owner.id)));
    if let Some(subject) = text(group.subject) {
        row.subject.say(version, subject);
    }
    if let Some(description) = text(group.description) {
        row.description.say(version, description);
    }
    if let Some(announce) = group.announce {
        row.announce.say(version, announce);
    }
    if let Some(restrict) = group.restrict {
        row.restrict.say(version, restrict);
    }
    members(state, event, &group.id, group.participants, |told| (true, told))
}

pub(super) fn participants(state: &mut State, event: &Told<'_>) -> Option<()> {
    let Member { group } = event.read::<Member<GroupParticipants<'_>>>()?;
    let row = state.groups.entry(event.key(&[&group.id])?).or_default();
    row.platform.say(Some(event.platform()));
    row.last_time.say(Some(event.time));
    let action = group.action;
    members(state, event, &group.id, group.participants, |told| match action {
        // Nobody enters as an admin: without this, one who left and came back would still be one.
        ParticipantsAction::Added | ParticipantsAction::Joined => (true, Some(told.unwrap_or(false))),
        ParticipantsAction::Promoted => (true, Some(true)),
        ParticipantsAction::Demoted => (true, Some(false)),
        ParticipantsAction::Removed | ParticipantsAction::Left => (false, Some(false)),
        ParticipantsAction::Changed => (true, None),
    })
}

/// Says of each whether they are in the group and whether they are an admin, given what is told of the latter. All of them are taken,
/// also where one cannot be.
fn members(
    state: &mut State,
    event: &Told<'_>,
    group: &str,
    participants: Vec<Participant<'_>>,
    standing: impl Fn(Option<bool>) -> (bool, Option<bool>),
) -> Option<()> {
    let version = event.version();
    let mut all = Some(());
    for participant in participants {
        let Some(key) = event.key(&[group, &participant.id]) else {
            all = None;
            continue;
        };
        let row = state.group_members.entry(key).or_default();
        let (present, admin) = standing(participant.admin);
        row.platform.say(Some(event.platform()));
        row.alternate_id.say(id(participant.alternate_id));
        row.present.say(version, present);
        if let Some(admin) = admin {
            row.admin.say(version, admin);
        }
        if let Some(phone) = id(participant.phone) {
            row.phone.say(version, phone);
        }
    }
    all
}
