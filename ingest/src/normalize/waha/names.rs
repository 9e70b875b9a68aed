//! How WAHA names messages, `<from us>_<chat>_<id>` with the participant after it in groups, and the one name under which
//! a message is known.
//!
//! The same message comes under both addresses of a chat, the phone's and the hidden one, and its name with it. Names stay as
//! WAHA writes them, since its own interface takes no others, and a reference is written as the body around it is. Only the
//! identity of events has the one name, with the address that stands for the chat ([`addressed`]) wherever the body says both.

use schemas::data::{Direction, Quoted, Text};

use super::messages::Payload;
use super::{Body, addressed, addressed_texts};
use crate::normalize::baileys::Nothing;
use crate::normalize::baileys::jid::{Addressed, is_hidden, is_personal};
use crate::normalize::json::Json;

/// The name of a message, and its chat.
pub(super) type Named<'a> = (Text<'a>, Addressed<'a>);

impl<'a> Body<'a> {
    /// The name with the addresses that stand for chat and participant.
    pub(super) fn one_name(&self, id: &Text<'a>, payload: &Payload<'a>, chat: &Addressed<'a>) -> Text<'a> {
        let Some((from_us, chat_in_id, rest)) = parts(id) else {
            return id.clone();
        };
        let chat = &*chat.id;
        let Some((bare, participant)) = rest.split_once('_') else {
            return if chat == chat_in_id {
                id.clone()
            } else {
                format!("{from_us}_{chat}_{rest}").into()
            };
        };
        let also = if from_us == "true" {
            self.our_addresses().to_vec()
        } else {
            payload.author().to_vec()
        };
        let also = also.into_iter().filter_map(Json::text);
        let known = addressed_texts([Text::Owned(participant.to_owned())].into_iter().chain(also));
        let spelled = known.map_or_else(|| participant.to_owned(), |known| known.id.into_owned());
        if (chat, &*spelled) == (chat_in_id, participant) {
            return id.clone();
        }
        format!("{from_us}_{chat}_{bare}_{spelled}").into()
    }

    /// The message that another answers: the engines give the bare id, and who wrote it.
    pub(super) fn quoted(&self, payload: &Payload<'a>, text: Option<Text<'a>>) -> Option<Quoted<'a>> {
        let id = payload.reply_to.id.text()?;
        let whole = if parts(&id).is_some() {
            Some(id.clone())
        } else {
            self.whole_name(payload, &id)
        };
        Some(match whole {
            Some(whole) => Quoted {
                text,
                ..Quoted::new(whole)
            },
            None => Quoted {
                external_id: Some(id),
                text,
                ..Quoted::default()
            },
        })
    }

    /// The name of the answered message, in the chat as the answer's own name has it.
    fn whole_name(&self, payload: &Payload<'a>, bare: &str) -> Option<Text<'a>> {
        let own = payload.id.text()?;
        let (_, chat, _) = parts(&own)?;
        let author = super::address(payload.reply_to.participant)?;
        let ours = self.is_from_us(&author, &payload.named().ok()?.1)?;
        Some(if chat.ends_with("@g.us") {
            format!("{ours}_{chat}_{bare}_{author}").into()
        } else {
            format!("{ours}_{chat}_{bare}").into()
        })
    }

    /// The message that a reaction is about, by the name that it has here.
    ///
    /// Go's engine passes on what the reacting device wrote, for which `from us` is from itself, and the chat of two is called
    /// by the other side, which is us. The other engines have turned it round.
    pub(super) fn reacted_id(&self, payload: &Payload<'a>, own_id: &Text<'a>, id: &Text<'a>) -> Text<'a> {
        let (Some((from_them, chat, rest)), Some((_, own_chat, own_rest))) = (parts(id), parts(own_id)) else {
            return id.clone();
        };
        if payload.direction() == Direction::Outbound {
            return id.clone();
        }
        let (bare, participant) = rest
            .split_once('_')
            .map_or((rest, None), |(bare, who)| (bare, Some(who)));
        let is_ours = |address: &str| self.is_ours(&Text::Owned(address.to_owned()));
        if !own_chat.ends_with("@g.us") {
            return if is_ours(chat) && !is_ours(own_chat) {
                format!("{}_{own_chat}_{bare}", from_them != "true").into()
            } else {
                id.clone()
            };
        }
        match participant {
            // What they wrote themselves, with us for the author.
            Some(who) if from_them == "true" && is_ours(who) && self.engine.text().as_deref() == Some("GOWS") => {
                let author = own_rest.split_once('_').map_or(who, |(_, author)| author);
                format!("false_{own_chat}_{bare}_{author}").into()
            }
            Some(who) if from_them == "false" && is_ours(who) => format!("true_{own_chat}_{bare}_{who}").into(),
            _ => id.clone(),
        }
    }

    /// Whether we wrote what that author wrote; none if neither our address of that kind nor the other side's is known.
    fn is_from_us(&self, author: &Text<'a>, chat: &Addressed<'a>) -> Option<bool> {
        let ours = self.our_addresses().into_iter().filter_map(super::address);
        let is_like = |address: &Text<'a>| is_hidden(address) == is_hidden(author);
        let mut known = ours.filter(is_like).peekable();
        if known.peek().is_some() {
            return Some(known.any(|ours| ours == *author));
        }
        let mut theirs = [Some(&chat.id), chat.alternate.as_ref()].into_iter().flatten();
        let theirs = theirs.find(|address| is_personal(address) && is_like(address))?;
        Some(theirs != author)
    }

    pub(super) fn our_addresses(&self) -> [Json<'a>; 3] {
        [self.me.id, self.me.jid, self.me.lid]
    }

    pub(super) fn is_ours(&self, address: &Text<'a>) -> bool {
        let ours = self.our_addresses().into_iter().filter_map(super::address);
        ours.into_iter().any(|ours| ours == *address)
    }
}

impl<'a> Payload<'a> {
    /// The message's name and its chat, which stands in the name, and else is whoever is not us.
    pub(super) fn named(&self) -> Result<Named<'a>, Nothing<'a>> {
        let Some(id) = self.id.text() else {
            return Err(Nothing::about(
                "no message id",
                addressed(self.other_side()).map(|chat| chat.id),
            ));
        };
        let in_id = parts(&id).map(|(_, chat, _)| Text::Owned(chat.to_owned()));
        let addresses = self.other_side().into_iter().filter_map(Json::text);
        match addressed_texts(in_id.into_iter().chain(addresses)) {
            Some(chat) => Ok((id, chat)),
            None => Err(Nothing::because("no chat id")),
        }
    }

    /// The other side of a chat with one, under all its addresses; of a group the group.
    pub(super) fn other_side(&self) -> [Json<'a>; 4] {
        let (info, key) = (&self.engine.info, &self.engine.key);
        if self.direction() == Direction::Outbound {
            // The receipt of what we sent is theirs.
            [
                self.to,
                info.recipient_alt,
                key.remote_alt,
                self.engine.receipt_sender_alt,
            ]
        } else {
            [self.from, info.sender_alt, key.remote_alt, key.sender_pn]
        }
    }

    /// Who wrote it in a group, under all their addresses.
    pub(super) fn author(&self) -> [Json<'a>; 7] {
        let (info, key) = (&self.engine.info, &self.engine.key);
        [
            self.participant,
            self.author,
            info.sender_alt,
            self.engine.receipt_sender_alt,
            key.participant_alt,
            key.participant_pn,
            key.participant_lid,
        ]
    }
}

/// `<from us>_<chat>_<id and perhaps the participant>`.
pub(super) fn parts(id: &str) -> Option<(&str, &str, &str)> {
    let (from_us, rest) = id.split_once('_')?;
    let (chat, rest) = rest.split_once('_')?;
    (matches!(from_us, "true" | "false") && chat.contains('@')).then_some((from_us, chat, rest))
}

/// The name of the message with that bare id by the author of the message called `like`.
pub(super) fn whole_id<'a>(like: &str, bare: Text<'a>) -> Text<'a> {
    match parts(like) {
        Some((from_us, chat, rest)) if parts(&bare).is_none() => match rest.split_once('_') {
            Some((_, participant)) => format!("{from_us}_{chat}_{bare}_{participant}").into(),
            None => format!("{from_us}_{chat}_{bare}").into(),
        },
        _ => bare,
    }
}
