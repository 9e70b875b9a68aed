//! The keys by which `WhatsApp` names messages, and how far it says that they got.

use schemas::data::{Conversation, Data, DeliveryStatus, Direction, Party, PartyKind, Text};
use schemas::time::Timestamp;

use super::jid::{Addressed, addressed, conversation, is_personal, party};
use super::{Fact, Line, Nothing};
use crate::normalize::json::{Json, object};

object! {
    Key {
        id: Json = "id",
        remote: Json = "remoteJid",
        remote_alt: Json = "remoteJidAlt",
        from_me: Json = "fromMe",
        participant: Json = "participant",
        participant_alt: Json = "participantAlt",
        participant_pn: Json = "participantPn",
        participant_lid: Json = "participantLid",
        sender_pn: Json = "senderPn",
        sender_lid: Json = "senderLid",
        previous: Json = "previousRemoteJid",
    }
}

/// A key that names a message.
pub(in crate::normalize) struct Named<'a> {
    pub(in crate::normalize) id: Text<'a>,
    pub(in crate::normalize) chat: Text<'a>,
    alternate: Option<Text<'a>>,
    /// The parts by which `WhatsApp` distinguishes messages.
    identity: [Text<'a>; 4],
    pub(in crate::normalize) outbound: bool,
}

impl<'a> Key<'a> {
    pub(in crate::normalize) fn named(&self) -> Result<Named<'a>, Nothing<'a>> {
        let outbound = self.from_me.flag() == Some(true);
        let chat = self.chat(outbound);
        let (Some(id), Some(Addressed { id: chat, alternate })) = (self.id.text(), chat.clone()) else {
            return Err(Nothing::about("no message key", chat.map(|chat| chat.id)));
        };
        // Ours need no author: a line is one sender, and who reports them does not always name it. Nor does a chat with one.
        let author = addressed(self.participants()).filter(|_| !outbound && !is_personal(&chat));
        Ok(Named {
            identity: [
                chat.clone(),
                id.clone(),
                if outbound { "from me" } else { "to me" }.into(),
                author.map(|author| author.id).unwrap_or_default(),
            ],
            id,
            chat,
            alternate,
            outbound,
        })
    }

    /// The chat. Who sent it to us in a chat with one is that chat; a key of ours has ourselves there.
    fn chat(&self, outbound: bool) -> Option<Addressed<'a>> {
        let sender = if outbound {
            [Json::default(); 2]
        } else {
            [self.sender_pn, self.sender_lid]
        };
        addressed([self.remote, self.remote_alt, self.previous, sender[0], sender[1]])
    }

    fn participants(&self) -> [Json<'a>; 4] {
        [
            self.participant,
            self.participant_alt,
            self.participant_pn,
            self.participant_lid,
        ]
    }

    /// Who wrote it. A key of ours names us in groups only.
    pub(in crate::normalize) fn sender(&self, outbound: bool, name: Option<Text<'a>>) -> Option<Party<'a>> {
        let in_group = self.participants();
        if outbound {
            party(in_group, Some(PartyKind::Agent), name)
        } else if in_group.into_iter().any(|json| json.text().is_some()) {
            party(in_group, Some(PartyKind::Contact), name)
        } else {
            let addresses = [
                self.remote,
                self.remote_alt,
                self.previous,
                self.sender_pn,
                self.sender_lid,
            ];
            party(addresses, Some(PartyKind::Contact), name)
        }
    }
}

impl<'a> Named<'a> {
    pub(in crate::normalize) fn conversation(&self, line: &Line<'a>) -> Conversation<'a> {
        let chat = Addressed {
            id: self.chat.clone(),
            alternate: self.alternate.clone(),
        };
        conversation(line, chat)
    }

    pub(in crate::normalize) fn direction(&self) -> Direction {
        if self.outbound {
            Direction::Outbound
        } else {
            Direction::Inbound
        }
    }

    pub(in crate::normalize) fn identity(&self, of: &'static str) -> Vec<Text<'a>> {
        [Text::Borrowed(of)]
            .into_iter()
            .chain(self.identity.iter().cloned())
            .collect()
    }

    pub(in crate::normalize) fn nothing(self, reason: &'static str) -> Nothing<'a> {
        Nothing::about(reason, Some(self.chat))
    }

    pub(in crate::normalize) fn fact(
        self,
        data: Data<'a>,
        identity: Vec<Text<'a>>,
        time: Option<Timestamp>,
    ) -> Fact<'a> {
        Fact {
            data,
            identity,
            time,
            happened: None,
            about: Some(self.chat),
        }
    }
}

/// As the library says it, by number or name, or as Evolution passes on what the business platform says.
pub(in crate::normalize) fn delivery_status(status: Json<'_>) -> Option<DeliveryStatus> {
    Some(match &*status.text()? {
        "0" | "ERROR" | "FAILED" => DeliveryStatus::Failed,
        "1" | "PENDING" => DeliveryStatus::Pending,
        "2" | "SERVER_ACK" | "SENT" => DeliveryStatus::Sent,
        "3" | "DELIVERY_ACK" | "DELIVERED" => DeliveryStatus::Delivered,
        "4" | "READ" => DeliveryStatus::Read,
        "5" | "PLAYED" => DeliveryStatus::Played,
        _ => return None,
    })
}
