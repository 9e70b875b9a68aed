//! What makes an event's identity, for every platform and event: the tables in `schemas/identity`, held to the adapters.
//!
//! Every leaf of every sample is changed, one at a time. What changes an event's id must be named in the table; what is named
//! must change the id in at least one sample; all else is the state that the body shows, and must leave the id alone. So two
//! different happenings that differ in a named member cannot share an id, and a body that was built later, and shows another
//! state, still is the same event.

mod leaf;
mod table;

use std::collections::BTreeSet;

use ingest::normalize::{NewEvent, Normalized, normalize};
use schemas::data::{Data, ParticipantsAction};
use schemas::platform::Platform;

use crate::{Sample, samples_of, source};
use leaf::{Leaf, leaves};
use table::{Entry, Table, matches};

/// What the ids are made of: identity and time of each event.
fn ids(events: &[NewEvent<'_>]) -> BTreeSet<String> {
    events
        .iter()
        .map(|event| format!("{:?} {:?}", event.identity, event.time))
        .collect()
}

fn with_events<T>(sample: &Sample, read: impl FnOnce(&[NewEvent<'_>]) -> T) -> Option<T> {
    match normalize(&source(sample.platform), &sample.headers, &sample.body) {
        Normalized::Events(events) => Some(read(&events)),
        Normalized::Reply(_) => None,
    }
}

/// The samples that make events, with the leaves of each.
fn samples(platform: Platform) -> Vec<(Sample, Vec<Leaf>)> {
    samples_of(platform)
        .into_iter()
        .filter(|sample| with_events(sample, |_| ()).is_some())
        .map(|sample| {
            let leaves = leaves(&sample);
            (sample, leaves)
        })
        .collect()
}

/// What is wrong with the table of a platform, a line each.
fn problems(platform: Platform) -> Vec<String> {
    let table = match Table::of(platform) {
        Ok(table) => table,
        Err(error) => return vec![error],
    };
    let mut wrong = Vec::new();
    let mut shown: Vec<BTreeSet<&str>> = vec![BTreeSet::new(); table.events.len()];
    let mut used = BTreeSet::new();
    for (sample, leaves) in samples(platform) {
        let Some(number) = table.entry_of(&sample.name) else {
            wrong.push(format!("{platform} {}: no entry names this sample", sample.name));
            continue;
        };
        used.insert(number);
        let entry = &table.events[number];
        let plain = leaf::plain(&sample);
        let before = with_events(&plain, ids);
        for leaf in leaves {
            let after = with_events(&leaf.changed, ids);
            let named: Vec<&str> = entry.named().filter(|pattern| matches(pattern, &leaf.path)).collect();
            let changes = before != after;
            if changes && named.is_empty() {
                wrong.push(format!(
                    "{platform} {}: `{}` changes the id and is not named",
                    sample.name, leaf.path
                ));
            }
            if changes {
                shown[number].extend(named);
            }
        }
    }
    for (number, entry) in table.events.iter().enumerate() {
        if !used.contains(&number) {
            wrong.push(format!("{platform} {}: no sample is of this entry", entry.event));
        }
        let idle = entry.named().filter(|pattern| !shown[number].contains(pattern));
        wrong.extend(idle.map(|pattern| format!("{platform} {}: `{pattern}` is named and changes no id", entry.event)));
        wrong.extend(
            entry
                .words_missing()
                .map(|word| format!("{platform} {}: no `{word}`", entry.event)),
        );
    }
    wrong
}

#[test]
fn the_identity_of_every_event_is_what_its_table_says() {
    let wrong: Vec<String> = Platform::ALL.into_iter().flat_map(problems).collect();
    assert!(
        wrong.is_empty(),
        "{} in schemas/identity:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// The members of our own data that say what happened: two events that differ in one are two happenings.
fn happening(data: &Data<'_>) -> Option<String> {
    Some(match data {
        Data::MessageCreated(message) => format!("written {}", message.id),
        Data::MessageDeleted(deletion) => format!("deleted {:?}", deletion.id),
        Data::MessageStatus(status) => format!(
            "status {} {:?} {:?}",
            status.id,
            status.status,
            status.recipient.as_ref().map(|party| &party.id)
        ),
        Data::MessageReaction(reaction) => format!(
            "reaction {} {:?} {:?}",
            reaction.id,
            reaction.emoji,
            reaction.from.as_ref().map(|party| &party.id)
        ),
        Data::GroupParticipantsUpdated(change) => format!(
            "participants {} {} {:?}",
            change.id,
            // Whether by themselves or by another is a matter of who did it.
            match change.action {
                ParticipantsAction::Added | ParticipantsAction::Joined => "in",
                ParticipantsAction::Removed | ParticipantsAction::Left => "out",
                ParticipantsAction::Promoted => "promoted",
                ParticipantsAction::Demoted => "demoted",
                ParticipantsAction::Changed => "changed",
            },
            change.participants.iter().map(|one| &one.id).collect::<Vec<_>>()
        ),
        Data::GroupJoinRequest(request) => {
            format!("request {} {:?} {}", request.id, request.action, request.participant.id)
        }
        // What a closed ticket was before is not reported to every hook, and is no part of the closing.
        Data::TicketClosed(ticket) => format!("ticket {} {:?}", ticket.id, ticket.changed),
        Data::TicketCreated(ticket)
        | Data::TicketUpdated(ticket)
        | Data::TicketTransferred(ticket)
        | Data::TicketReopened(ticket) => {
            format!("ticket {} {:?} {:?}", ticket.id, ticket.previous_status, ticket.changed)
        }
        _ => return None,
    })
}

/// However a body is changed: if another thing happened by our own reading of it, it is another event. Not tried where the
/// platform numbers what happens.
#[test]
fn what_happened_is_never_shared_by_two_ids() {
    let mut wrong = Vec::new();
    for platform in Platform::ALL {
        let table = Table::of(platform).ok();
        for (sample, leaves) in samples(platform) {
            // That the number is in the identity is held by the other test.
            let entry = table
                .as_ref()
                .and_then(|table| Some(&table.events[table.entry_of(&sample.name)?]));
            if entry.is_some_and(|entry| entry.numbered.is_some()) {
                continue;
            }
            let described = |events: &[NewEvent<'_>]| {
                let types: Vec<_> = events.iter().map(|event| event.data.event_type()).collect();
                let happenings: Vec<_> = events.iter().filter_map(|event| happening(&event.data)).collect();
                (types, happenings, ids(events))
            };
            let plain = leaf::plain(&sample);
            let before = with_events(&plain, described);
            for leaf in leaves {
                let after = with_events(&leaf.changed, described);
                // A body that becomes an event of another type was no body of the platform.
                if let (Some((types, happened, ids)), Some((other_types, other, other_ids))) = (&before, &after)
                    && types == other_types
                    && happened != other
                    && ids == other_ids
                {
                    wrong.push(format!(
                        "{platform} {}: with another `{}` it is the same event, though {happened:?} became {other:?}",
                        sample.name, leaf.path
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

impl Entry {
    fn named(&self) -> impl Iterator<Item = &str> {
        self.identity.iter().chain(&self.time).map(String::as_str)
    }

    fn words_missing(&self) -> impl Iterator<Item = &'static str> {
        let words = [
            ("identity", self.identity.is_empty()),
            (
                "identity with `numbered` in it",
                self.numbered
                    .as_ref()
                    .is_some_and(|number| !self.identity.contains(number)),
            ),
            ("different", self.different.trim().is_empty()),
            ("repeats", self.repeats.trim().is_empty()),
        ];
        words.into_iter().filter(|(_, missing)| *missing).map(|(word, _)| word)
    }
}
