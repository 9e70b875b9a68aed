//! Chats, which are tickets and conversations at once, and the people in them.

use std::borrow::Cow;

use schemas::data::{Clearable, Contact, Conversation, Party, PartyKind, Text, Ticket, TicketStatus};

use super::{Item, moment};
use crate::normalize::cleared::{cleared, settled};
use crate::normalize::json::{Json, object};
use crate::normalize::phone;

object! {
    Chat {
        id: Json = "id",
        situation: Json = "situation",
        entrypoint: Json = "entrypoint",
        channel: Json = "channel",
        channels: Json = "channels",
        // `false` when there is none.
        department: Json = "department",
        department_too: Json = "chatDepartment",
        department_id: Json = "departmentId",
        customer: Person = "customer",
        customer_too: Person = "chatCustomer",
        created_at: Json = "createdAt",
    }

    Named { id: Json = "id", name: Json = "name", }

    Person { id: Json = "id", name: Json = "name", mobile: Json = "mobile", phone: Json = "phone", company_id: Json = "companyID", }

    /// One of a company's lines.
    Line { uuid: Json = "uuid", kind: Json = "type", }
}

impl<'a> Item<'a> {
    /// The chat that it is about. Where there is no `chat`, elements of the events about chats are the chat; of the others
    /// it is not known.
    pub(super) fn chat_of(&self, event: &str, json: Json<'a>) -> Chat<'a> {
        if self.chat.is_there() {
            let chat: Chat<'a> = self.chat.read();
            return if chat.id.is_there() {
                chat
            } else {
                Chat { id: self.chat, ..chat }
            };
        }
        match event {
            "startedChat" | "createdChat" | "closedChat" | "agentEntered" | "agentLeft" => json.read(),
            _ => Chat::default(),
        }
    }

    pub(super) fn ticket(&self, chat: &Chat<'a>, zone: i32) -> Option<Ticket<'a>> {
        let agent_id = || self.agent_id.text().map(|id| Party::new(id, PartyKind::Agent));
        let assignee = self.agent.party(PartyKind::Agent).or_else(agent_id);
        let departments = [chat.department, chat.department_too];
        let named = departments.into_iter().map(Json::read::<Named<'a>>);
        let mut named = named.filter_map(|department| department.name.text().or_else(|| department.id.text()));
        let department = named.next().or_else(|| chat.department_id.text());
        let in_none = || departments.into_iter().chain([chat.department_id]).any(is_none);
        Some(Ticket {
            id: chat.id.text()?,
            status: chat.status(),
            contact: self.customer_of(chat),
            cleared: cleared([
                (Clearable::Assignee, assignee.is_none() && is_none(self.agent_id)),
                (Clearable::Department, department.is_none() && in_none()),
            ]),
            assignee,
            department,
            channel: chat.channel(),
            channel_id: chat.channel_id(),
            opened_at: moment(chat.created_at, zone),
            ..Ticket::default()
        })
    }

    /// The ticket after the agent whom the body names went out of it. Another one may still be in it, unless it waits for one.
    pub(super) fn left(ticket: Ticket<'a>) -> Ticket<'a> {
        let waits = ticket.status == Some(TicketStatus::Pending);
        Ticket {
            assignee: None,
            cleared: settled(ticket.cleared, Clearable::Assignee, waits),
            ..ticket
        }
    }

    pub(super) fn customer_of(&self, chat: &Chat<'a>) -> Option<Party<'a>> {
        let customers = [&self.customer, &chat.customer, &chat.customer_too];
        customers
            .into_iter()
            .find_map(|person| person.party(PartyKind::Contact))
    }

    pub(super) fn contact(&self) -> Option<Contact<'a>> {
        Some(Contact {
            id: self.id.text()?,
            name: self.name.text(),
            phone: [self.mobile, self.phone].into_iter().find_map(number),
            email: self.email.text(),
            blocked: self.blocked.flag(),
            ..Contact::default()
        })
    }
}

impl<'a> Chat<'a> {
    pub(super) fn key(&self) -> Option<String> {
        self.id.text().map(Text::into_owned)
    }

    pub(super) fn conversation(&self) -> Option<Conversation<'a>> {
        Some(Conversation {
            id: self.id.text()?,
            channel: self.channel(),
            channel_id: self.channel_id(),
            ..Conversation::default()
        })
    }

    fn channel(&self) -> Option<Text<'a>> {
        let line: Line<'a> = self.line();
        let words = [self.entrypoint, self.channel, line.kind];
        words.into_iter().find_map(Json::text).map(|word| channel(&word))
    }

    fn channel_id(&self) -> Option<Text<'a>> {
        self.line().uuid.text()
    }

    fn line(&self) -> Line<'a> {
        self.channels.elements().next().map(Json::read).unwrap_or_default()
    }

    /// The others are `finishing` (a survey is out), `filed` and `blocked`.
    fn status(&self) -> Option<TicketStatus> {
        match &*self.situation.text()? {
            "in_chat" => Some(TicketStatus::Open),
            "auto" | "wait_for_chat" => Some(TicketStatus::Pending),
            _ => None,
        }
    }
}

impl<'a> Person<'a> {
    pub(super) fn party(&self, kind: PartyKind) -> Option<Party<'a>> {
        Some(Party {
            name: self.name.text(),
            phone: [self.mobile, self.phone].into_iter().find_map(number),
            ..Party::new(self.id.text()?, kind)
        })
    }
}

/// `null`, or `false` in the place of an object.
fn is_none(json: Json<'_>) -> bool {
    json.is_emptied() || json.raw() == "false"
}

/// Huggy's word for a network: of a chat (`whatsapp-enterprise`, `widget`), of a line (`Messenger`), of a customer who
/// writes from there.
pub(super) fn channel<'a>(word: &str) -> Text<'a> {
    let word = word.to_ascii_lowercase();
    match &*word {
        "powerzap" => "whatsapp".into(),
        "messenger" => "facebook".into(),
        "widget" => "web".into(),
        "voip" | "phone" => "voice".into(),
        word if word.starts_with("whatsapp") => "whatsapp".into(),
        word if word.starts_with("telegram") => "telegram".into(),
        word if word.starts_with("instagram") => "instagram".into(),
        word if word.starts_with("facebook") => "facebook".into(),
        _ => word.into(),
    }
}

/// A number as people and networks put it there: with its country or without it, seldom with a plus. Brazil's own are of at
/// most eleven digits without the country, so a longer one begins with a country.
fn number(json: Json<'_>) -> Option<Text<'_>> {
    match json.text()? {
        Cow::Borrowed(text) => with_country(text),
        Cow::Owned(text) => with_country(&text).map(|number| number.into_owned().into()),
    }
}

fn with_country(text: &str) -> Option<Text<'_>> {
    let too_long_without = |number: &Text<'_>| number.trim_start_matches('+').len() > NATIONAL;
    phone::as_written(text).or_else(|| phone::international(text).filter(too_long_without))
}

/// The digits of a Brazilian mobile number with its area.
const NATIONAL: usize = 11;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normalize::json::parse;

    #[test]
    fn a_number_has_its_country_in_front_or_is_none() {
        for (sent, expected) in [
            ("\"5511900000001\"", Some("+5511900000001")),
            ("551130000000", Some("+551130000000")),
            ("\"+55 (11) 90000-0001\"", Some("+5511900000001")),
            ("\"55 11 90000-0001\"", Some("+5511900000001")),
            ("\"+1 555 123 4567\"", Some("+15551234567")),
            ("\"11900000001\"", None),
            ("\"7588888888\"", None),
            ("\"(55) 99999-9999\"", None),
            ("\"015 11 90000-0001\"", None),
            ("\"33333333\"", None),
            ("\"ramal 12\"", None),
            ("null", None),
        ] {
            let (_, json) = parse(sent.as_bytes()).expect("JSON");
            assert_eq!(number(json).as_deref(), expected, "{sent}");
        }
    }
}
