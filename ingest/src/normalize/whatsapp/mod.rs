//! `WhatsApp`'s own message, the protobuf `Message` as JSON, for every platform that passes it on: what it says, or what it
//! does to another message. Source: `Message` in `WAProto.proto` of the Baileys library and in `waE2E` of whatsmeow.
//!
//! A message has one member that counts. [`members`] is the table of all of them: envelopes with another message inside,
//! contents, and notices, which say nothing themselves. Programs in JavaScript and in Go spell members differently
//! (`stanzaId`, `stanzaID`), and in Go what is one of several stands a level deeper (`Header.ImageMessage`); both are read.
//!
//! A member that the table does not have is an envelope if a message is inside, and a content if it has words or a file, or
//! is at least named like a message (its kind is then its own name); else it is nothing, as bookkeeping is.

mod answers;
mod cards;
mod members;
mod offers;
mod parts;
#[cfg(test)]
mod tests;
mod trade;
mod unknown;

use schemas::data::{Answer, Attachment, Quoted, Text};

use super::baileys::jid::jid;
use super::json::{Json, object};
pub(super) use cards::name_on_card;
use members::{Notice, Role, role};
pub(super) use parts::{joined, lines};
use unknown::{Inside, unknown};

object! {
    /// What a message is about, beside what it says.
    Context {
        id: Json = "stanzaId" | "stanzaID",
        // Who wrote the quoted message.
        participant: Json = "participant",
        message: Json = "quotedMessage",
        mentioned: Json = "mentionedJid" | "mentionedJID",
    }

    /// The name of another message.
    Target { id: Json = "id" | "ID", from_me: Json = "fromMe", participant: Json = "participant", }

    Wrapper { message: Json = "message", target: Target = "targetMessageKey", }

    Protocol {
        key: Target = "key",
        kind: Json = "type",
        edited: Json = "editedMessage",
        timestamp_ms: Json = "timestampMs" | "timestampMS",
    }

    Sealed { key: Target = "targetMessageKey", kind: Json = "secretEncType", }
}

/// What a message turns out to be.
#[derive(Debug)]
pub(super) enum Reading<'a> {
    /// It says something.
    Said(Said<'a>),
    /// A message has a new content; it is the one that says so if no other is named.
    Edited {
        key: Target<'a>,
        message: Json<'a>,
        time: Json<'a>,
    },
    /// As above, but only the parties can read what is new.
    SealedEdit(Target<'a>),
    /// A message was taken back.
    Revoked(Target<'a>),
    /// A reaction: the value of `reactionMessage`.
    Reacted(Json<'a>),
    /// It says nothing, for that reason.
    Nothing(&'static str),
}

/// What a message says, in our words.
#[derive(Debug, Default)]
pub(super) struct Said<'a> {
    pub(super) kind: Text<'a>,
    pub(super) text: Option<Text<'a>>,
    pub(super) attachments: Vec<Attachment<'a>>,
    pub(super) answer: Option<Answer<'a>>,
    pub(super) context: Context<'a>,
}

impl<'a> Said<'a> {
    fn new(kind: &'static str, text: Option<Text<'a>>, context: Context<'a>) -> Self {
        Self {
            kind: kind.into(),
            text,
            context,
            ..Self::default()
        }
    }

    /// The addresses of those who are mentioned.
    pub(super) fn mentions(&self) -> Vec<Text<'a>> {
        self.context.mentioned.elements().filter_map(jid).collect()
    }

    pub(super) fn quoted(&self) -> Option<Quoted<'a>> {
        Some(Quoted {
            id: Some(self.context.id.text()?),
            text: text(self.context.message),
            ..Quoted::default()
        })
    }

    /// Some senders take the context out of the content and put it beside.
    pub(super) fn beside(mut self, context: Json<'a>) -> Self {
        if context.is_object() {
            let beside: Context<'a> = context.read();
            let own = &mut self.context;
            if !own.id.is_there() {
                (own.id, own.participant, own.message) = (beside.id, beside.participant, beside.message);
            }
            if !own.mentioned.is_there() {
                own.mentioned = beside.mentioned;
            }
        }
        self
    }
}

/// How many envelopes may be in one another; `WhatsApp` has three at the most.
const MAX_ENVELOPES: usize = 8;

/// Reads a message.
pub(super) fn read(message: Json<'_>) -> Reading<'_> {
    let mut message = message;
    let mut is_edit = false;
    let mut target = Target::default();
    for _ in 0..MAX_ENVELOPES {
        let found = Found::of(message);
        let Some((role, value)) = found.known else {
            match unknown(message) {
                Some(Inside::Message(inner)) => message = inner,
                Some(Inside::Said(said)) => return Reading::Said(said.beside(found.context)),
                None => return Reading::Nothing(NOTHING),
            }
            continue;
        };
        match role {
            Role::Envelope => {
                let wrapper: Wrapper<'_> = value.read();
                message = wrapper.message;
                if wrapper.target.id.is_there() {
                    target = wrapper.target;
                }
            }
            Role::Edited => {
                message = value.read::<Wrapper<'_>>().message;
                is_edit = true;
            }
            Role::Content(..) if is_edit => {
                return Reading::Edited {
                    key: Target::default(),
                    message,
                    time: Json::default(),
                };
            }
            Role::Content(kind, read) => {
                let mut said = read(kind, value).beside(found.context);
                if !said.context.id.is_there() {
                    said.context.id = target.id;
                    said.context.participant = target.participant;
                }
                return Reading::Said(said);
            }
            Role::Notice(notice) => return noticed(notice, value),
            Role::Beside => return Reading::Nothing(NOTHING),
        }
    }
    Reading::Nothing("too many envelopes")
}

/// What a message says, or what it says instead of what it said before.
pub(super) fn said(message: Json<'_>) -> Option<Said<'_>> {
    match read(message) {
        Reading::Said(said) => Some(said),
        Reading::Edited { message, .. } => match read(message) {
            Reading::Said(said) => Some(said),
            _ => None,
        },
        _ => None,
    }
}

/// The words of a message that another one quotes.
pub(super) fn text(message: Json<'_>) -> Option<Text<'_>> {
    if message.is_object() { said(message)?.text } else { None }
}

const NOTHING: &str = "no content";

fn noticed(notice: Notice, value: Json<'_>) -> Reading<'_> {
    match notice {
        Notice::Reaction => Reading::Reacted(value),
        Notice::Protocol => protocol(value),
        Notice::Sealed => {
            let sealed: Sealed<'_> = value.read();
            match sealed.kind.text().as_deref() {
                // An event, a message or a poll that the other devices know already is changed.
                Some("1" | "EVENT_EDIT" | "2" | "MESSAGE_EDIT" | "4" | "POLL_EDIT")
                    if sealed.key.id.text().is_some() =>
                {
                    Reading::SealedEdit(sealed.key)
                }
                _ => Reading::Nothing("encrypted for the parties"),
            }
        }
        Notice::Other(reason) => Reading::Nothing(reason),
    }
}

/// Protocol Buffers leave a type of 0 out.
fn protocol(value: Json<'_>) -> Reading<'_> {
    let protocol: Protocol<'_> = value.read();
    let names_one = protocol.key.id.text().is_some();
    match protocol.kind.text().as_deref() {
        Some("14" | "MESSAGE_EDIT") if names_one => Reading::Edited {
            key: protocol.key,
            message: protocol.edited,
            time: protocol.timestamp_ms,
        },
        None | Some("0" | "REVOKE") if names_one => Reading::Revoked(protocol.key),
        _ => Reading::Nothing("a notice, not a message"),
    }
}

/// The member that counts, and the context if it stands beside.
#[derive(Default)]
struct Found<'a> {
    known: Option<(Role, Json<'a>)>,
    context: Json<'a>,
}

impl<'a> Found<'a> {
    /// One that says something or holds a message goes before a notice, whatever their order.
    fn of(message: Json<'a>) -> Self {
        let mut found = Self::default();
        let mut rank = u8::MAX;
        for (name, value) in message.members() {
            if name == "contextInfo" {
                found.context = value;
                continue;
            }
            if !(value.is_object() || value.text().is_some()) {
                continue;
            }
            let Some(role) = role(&name) else { continue };
            let its_rank = match role {
                Role::Envelope | Role::Edited | Role::Content(..) => 0,
                Role::Notice(_) => 1,
                Role::Beside => 2,
            };
            if its_rank < rank {
                rank = its_rank;
                found.known = Some((role, value));
            }
        }
        // What stands beside is no content, but an unknown member may be one.
        found.known = found.known.filter(|_| rank < 2);
        found
    }
}
