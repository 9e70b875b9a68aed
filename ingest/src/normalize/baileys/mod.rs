//! `WhatsApp` over baileys-api: `{"event": …, "data": …, "webhookVerifyToken": …}`, often many things in one call.
//!
//! The body names no line: that is the source. Each element of a list is an event of its own, and its raw part is that
//! element only; media that baileys-api sends along in `extra.media` is not kept.
//!
//! `messaging-history.set` has earlier messages, which are the same events as at their time.
//!
//! A change in a group comes twice, as its own event and as a message without content (a stub); edits and reactions come
//! twice too, as messages and as events. All of these have equal identities, so each is one event.

mod groups;
pub(super) mod jid;
pub(super) mod key;
mod line;
pub(super) mod messages;
mod stubs;
pub(super) mod updates;

use schemas::data::{Data, Text, Unmapped};
use schemas::preset::BAILEYS_TOKEN;
use schemas::time::Timestamp;

use super::json::{Json, object};
use super::{Adapter, Because, NewEvent, Normalized, Webhook, handshake};

pub(super) const ADAPTER: Adapter = Adapter {
    handshake: handshake::none,
    credential: Some(BAILEYS_TOKEN),
    map,
};

object! {
    Body { event: Json = "event", data: Json = "data", }

    History {
        messages: Json = "messages",
        chats: Json = "chats",
        contacts: Json = "contacts",
        mappings: Json = "lidPnMappings",
        past: Json = "pastParticipants",
        // The names of the groups.
        groups: Json = "groupNames",
    }
}

fn map<'a>(webhook: &Webhook<'a, '_>) -> Result<Normalized<'a>, Unmapped<'a>> {
    let body: Body<'a> = webhook.json()?.read();
    match body.event.short() {
        Some(event) => Ok(Normalized::Events(events(webhook, event, body.data, &Line::default()))),
        None => Err(Unmapped::because("no event name")),
    }
}

/// The line that events came over, where the source alone does not say it.
#[derive(Debug, Default)]
pub(super) struct Line<'a> {
    /// Stands in front of ordering keys, and among the parts of identities.
    pub(super) prefix: String,
    pub(super) channel_id: Option<Text<'a>>,
    pub(super) account: Option<Text<'a>>,
}

impl<'a> Line<'a> {
    /// One that the body names, as bridges do that serve several.
    pub(super) fn named(name: Json<'a>) -> Self {
        Self {
            prefix: name.short().map_or_else(String::new, |name| format!("{name}/")),
            channel_id: name.short(),
            account: name.short(),
        }
    }
}

/// What an event or an element of a list says.
pub(super) struct Fact<'a> {
    pub(super) data: Data<'a>,
    pub(super) identity: Vec<Text<'a>>,
    pub(super) time: Option<Timestamp>,
    /// When it happened, if not every event about the same says so.
    pub(super) happened: Option<Timestamp>,
    /// The chat, group or contact; none for the line itself.
    pub(super) about: Option<Text<'a>>,
}

/// Why there is nothing to say, and whose order it belongs to and when it was, if that is known.
pub(super) struct Nothing<'a> {
    pub(super) reason: &'static str,
    pub(super) about: Option<Text<'a>>,
    pub(super) time: Option<Timestamp>,
}

impl<'a> Nothing<'a> {
    pub(super) fn because(reason: &'static str) -> Self {
        Self::about(reason, None)
    }

    pub(super) fn about(reason: &'static str, about: Option<Text<'a>>) -> Self {
        Self {
            reason,
            about,
            time: None,
        }
    }

    pub(super) fn at(self, time: Option<Timestamp>) -> Self {
        Self {
            time: self.time.or(time),
            ..self
        }
    }
}

pub(super) type Mapped<'a> = Result<Fact<'a>, Nothing<'a>>;

/// The events of a body, whoever wrapped it.
pub(super) fn events<'a>(
    webhook: &Webhook<'a, '_>,
    event: Text<'a>,
    data: Json<'a>,
    line: &Line<'a>,
) -> Vec<NewEvent<'a>> {
    let scope = Scope { webhook, event, line };
    match &*scope.event {
        "messages.upsert" => scope.each(messages::list_of_upsert(data), messages::upsert),
        "messages.update" => scope.each(data, updates::update),
        "message-receipt.update" => scope.each(data, updates::receipt),
        "messages.delete" => match updates::list_of_delete(data) {
            Some(keys) => scope.each(keys, updates::delete),
            None => vec![scope.whole(updates::delete_all(line, data))],
        },
        "messages.reaction" => scope.each(data, updates::reaction),
        "group-participants.update" => vec![scope.whole(groups::participants(line, data))],
        "groups.upsert" => scope.each(data, groups::upsert),
        "groups.update" => scope.each(data, groups::update),
        "group.join-request" => vec![scope.whole(groups::join_request(line, data))],
        "connection.update" => vec![scope.whole(line::connection(line, data))],
        "presence.update" => vec![scope.whole(line::presence(line, data))],
        "contacts.upsert" => scope.each(data, line::contact_created),
        "contacts.update" => scope.each(data, line::contact_updated),
        "messaging-history.set" => scope.history(data),
        _ => vec![scope.whole(Err(line::other(data)))],
    }
}

/// Makes events of facts.
pub(super) struct Scope<'a, 's, 'h> {
    pub(super) webhook: &'s Webhook<'a, 'h>,
    pub(super) event: Text<'a>,
    pub(super) line: &'s Line<'a>,
}

impl<'a> Scope<'a, '_, '_> {
    /// One event for each element of a list, with that element as its raw part.
    pub(super) fn each(&self, list: Json<'a>, map: impl Fn(&Line<'a>, Json<'a>) -> Mapped<'a>) -> Vec<NewEvent<'a>> {
        let one = |element| match map(self.line, element) {
            Ok(fact) => NewEvent {
                raw: self.webhook.part(element),
                ..self.known(fact)
            },
            Err(nothing) => {
                let key = nothing.about.as_deref().map(|about| self.ordering_key(Some(about)));
                NewEvent {
                    account: self.line.account.clone(),
                    time: nothing.time,
                    ..self.webhook.unmapped_part(self.reason(&nothing), element, key)
                }
            }
        };
        list.elements().map(one).collect()
    }

    /// What was written before the line was up, or while it was down: each message is the event that it would have been at its
    /// time. What stands beside the messages (chats, contacts, names of groups) is kept, a list each.
    fn history(&self, data: Json<'a>) -> Vec<NewEvent<'a>> {
        let history: History<'a> = data.read();
        let mut events = self.each(history.messages, messages::upsert);
        let beside = [
            history.chats,
            history.contacts,
            history.mappings,
            history.past,
            history.groups,
        ];
        for list in beside.into_iter().filter(|list| list.elements().next().is_some()) {
            let reason = self.reason(&Nothing::because("what a history says beside its messages"));
            events.push(NewEvent {
                account: self.line.account.clone(),
                ..self.webhook.unmapped_part(reason, list, None)
            });
        }
        if events.is_empty() {
            events.push(self.whole(Err(Nothing::because("an empty history"))));
        }
        events
    }

    /// One event for the whole body.
    pub(super) fn whole(&self, mapped: Mapped<'a>) -> NewEvent<'a> {
        match mapped {
            Ok(fact) => NewEvent {
                raw: self.webhook.whole(),
                ..self.known(fact)
            },
            Err(nothing) => {
                let event = NewEvent {
                    account: self.line.account.clone(),
                    time: nothing.time,
                    ..self.webhook.unmapped(self.reason(&nothing))
                };
                match nothing.about.as_deref() {
                    Some(about) => NewEvent {
                        ordering_key: self.ordering_key(Some(about)),
                        ..event
                    },
                    None => event,
                }
            }
        }
    }

    fn reason(&self, nothing: &Nothing<'a>) -> Unmapped<'a> {
        Unmapped::because(nothing.reason).of(Some(self.event.clone()))
    }

    fn known(&self, fact: Fact<'a>) -> NewEvent<'a> {
        let mut identity = fact.identity;
        if !self.line.prefix.is_empty() {
            identity.insert(0, self.line.prefix.clone().into());
        }
        NewEvent {
            data: fact.data,
            identity,
            time: fact.time,
            happened: fact.happened,
            ordering_key: self.ordering_key(fact.about.as_deref()),
            account: self.line.account.clone(),
            subject: fact.about,
            // Set by the caller, which knows how much of the body it is.
            raw: schemas::event::Raw::Json("null".into()),
        }
    }

    fn ordering_key(&self, about: Option<&str>) -> String {
        format!("{}{}", self.line.prefix, about.unwrap_or("connection"))
    }
}
