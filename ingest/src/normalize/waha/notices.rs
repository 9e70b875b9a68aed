//! What is done to messages: edited, taken back. WAHA has webhooks of their own for it, and sends some of it as messages too;
//! both are the same event.

use schemas::data::{Data, Message, MessageDeletion, Party, Text};
use schemas::time::Timestamp;

use super::messages::{Payload, nothing};
use super::names::{parts, whole_id};
use super::{Body, address};
use crate::normalize::baileys::jid::{Addressed, conversation};
use crate::normalize::baileys::{Fact, Line, Mapped};
use crate::normalize::whatsapp::{self, Reading, Said, Target};

impl<'a> Body<'a> {
    /// What comes as a message and is none.
    pub(super) fn notice(
        &self,
        line: &Line<'a>,
        payload: &Payload<'a>,
        own_id: &Text<'a>,
        chat: Addressed<'a>,
        notice: Reading<'a>,
    ) -> Mapped<'a> {
        match notice {
            Reading::Edited { key, message, .. } => match whatsapp::said(message) {
                Some(said) => {
                    let id = of_same_author(own_id, &key);
                    Ok(self.rewritten(line, payload, own_id, id, chat, said))
                }
                None => Err(nothing("no content", chat.id)),
            },
            // It says which message, and not what is new.
            Reading::SealedEdit(target) => Ok(Fact {
                data: Data::MessageUpdated(Message {
                    id: of_same_author(own_id, &target),
                    conversation: conversation(line, chat.clone()),
                    direction: payload.direction(),
                    from: self.sender(payload),
                    ..Message::default()
                }),
                identity: vec!["edited in secret".into(), self.one_name(own_id, payload, &chat)],
                time: self.happened(payload, true),
                happened: None,
                about: Some(chat.id),
            }),
            Reading::Revoked(target) => {
                let id = self.taken_back_id(own_id, &target);
                let time = self.happened(payload, *own_id != id);
                let name = self.one_name(&id, payload, &chat);
                Ok(taken_back(line, name, id, chat, self.sender(payload), time))
            }
            Reading::Reacted(_) => Err(nothing("a reaction, as its own event says", chat.id)),
            Reading::Nothing(reason) => Err(nothing(reason, chat.id)),
            Reading::Said(_) => Err(nothing("no notice", chat.id)),
        }
    }

    /// In a group an administrator takes back what another participant wrote, as the notice says.
    pub(super) fn taken_back_id(&self, own_id: &Text<'a>, target: &Target<'a>) -> Text<'a> {
        let author = address(target.participant).filter(|_| target.from_me.flag() != Some(true));
        match (parts(own_id), author, target.id.text()) {
            (Some((_, chat, rest)), Some(author), Some(bare)) if chat.ends_with("@g.us") && rest.contains('_') => {
                let ours = self.is_ours(&author);
                format!("{ours}_{chat}_{bare}_{author}").into()
            }
            _ => of_same_author(own_id, target),
        }
    }

    /// What has an id of its own has a time of its own; else it happened when it is reported. The browser's program has the
    /// time of the message itself.
    pub(super) fn happened(&self, payload: &Payload<'a>, has_own_id: bool) -> Option<Timestamp> {
        let own = payload.timestamp.time();
        let is_own = has_own_id && !payload.engine.kind.is_there();
        own.filter(|_| is_own).or_else(|| self.time()).or(own)
    }

    /// A message with a new content; `own_id` is the name of the edit.
    pub(super) fn rewritten(
        &self,
        line: &Line<'a>,
        payload: &Payload<'a>,
        own_id: &Text<'a>,
        id: Text<'a>,
        chat: Addressed<'a>,
        said: Said<'a>,
    ) -> Fact<'a> {
        let time = self.happened(payload, *own_id != id);
        let name = self.one_name(own_id, payload, &chat);
        let message = self.compose(line, payload, id, &chat, said);
        let text = message.text.clone().unwrap_or_default();
        Fact {
            identity: vec!["edited".into(), name, text],
            data: Data::MessageUpdated(message),
            time,
            happened: None,
            about: Some(chat.id),
        }
    }
}

/// The whole name of the message that a notice of its author is about.
fn of_same_author<'a>(own_id: &Text<'a>, target: &Target<'a>) -> Text<'a> {
    match target.id.text() {
        Some(bare) => whole_id(own_id, bare),
        None => own_id.clone(),
    }
}

/// A message is taken back once only.
pub(super) fn taken_back<'a>(
    line: &Line<'a>,
    name: Text<'a>,
    id: Text<'a>,
    chat: Addressed<'a>,
    by: Option<Party<'a>>,
    time: Option<Timestamp>,
) -> Fact<'a> {
    Fact {
        identity: vec!["deleted".into(), name],
        data: Data::MessageDeleted(MessageDeletion {
            id: Some(id),
            conversation: conversation(line, chat.clone()),
            by,
            ..MessageDeletion::default()
        }),
        time,
        happened: None,
        about: Some(chat.id),
    }
}
