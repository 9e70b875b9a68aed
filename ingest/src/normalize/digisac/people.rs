//! Contacts, the network that they are on, and what WhatsApp lets them choose from.

use std::borrow::Cow;

use schemas::data::{Answer, Contact, Party, PartyKind, Text};

use super::Entity;
use crate::normalize::filled_in::fields_of_text;
use crate::normalize::json::{Json, object};
use crate::normalize::phone;

object! {
    /// A contact, which may stand for a group; or a user.
    Person {
        id: Json = "id",
        name: Json = "name",
        internal_name: Json = "internalName",
        alternative_name: Json = "alternativeName",
        id_from_service: Json = "idFromService",
        service_id: Json = "serviceId",
        service: Service = "service",
        is_group: Json = "isGroup",
        block: Json = "block",
        data: Numbers = "data",
    }

    /// The inner `data` of a contact.
    Numbers { number: Json = "number", }

    /// A connection, of the kind `whatsapp`, `whatsapp-business`, `telegram`, `webchat`, …
    Service { id: Json = "id", kind: Json = "type", }

    /// What a message offers, or which of its offers was chosen, as WhatsApp itself writes it.
    Interactive {
        header: Words = "header",
        body: Words = "body",
        footer: Words = "footer",
        button_reply: Choice = "button_reply",
        list_reply: Choice = "list_reply",
        form: Form = "nfm_reply",
    }

    Words { text: Json = "text", }

    Choice { id: Json = "id", title: Json = "title", }

    /// What was filled into a form ("flow"), as a text that is JSON.
    Form { filled_in: Json = "response_json", body: Json = "body", }
}

impl<'a> Entity<'a> {
    /// A contact by its id, with what else the body says of it.
    pub(super) fn contact_of(&self, id: Json<'a>) -> Option<Party<'a>> {
        let party = Party::new(id.text()?, PartyKind::Contact);
        let described = [&self.contact, &self.from]
            .into_iter()
            .find(|person| person.id.is_there() && person.id.text() == party.id);
        Some(match described {
            Some(person) => Party {
                name: person.shown_name(),
                phone: person.phone(),
                ..party
            },
            None => party,
        })
    }

    /// The messaging network, where the body says of what kind the connection is, or has an address of WhatsApp's.
    pub(super) fn channel(&self) -> Option<Text<'a>> {
        let services = [&self.service, &self.contact.service, &self.from.service];
        let on_whatsapp = || {
            let id = self.contact.id_from_service.text()?;
            let (_, server) = id.split_once('@')?;
            matches!(server, "c.us" | "s.whatsapp.net" | "g.us" | "lid").then(|| "whatsapp".into())
        };
        services.into_iter().find_map(Service::channel).or_else(on_whatsapp)
    }

    pub(super) fn channel_id(&self) -> Option<Text<'a>> {
        self.service_id.text().or_else(|| self.service.id.text())
    }
}

impl<'a> Person<'a> {
    pub(super) fn contact(&self) -> Option<Contact<'a>> {
        Some(Contact {
            id: self.id.text()?,
            name: self.shown_name(),
            phone: self.phone(),
            identifier: self.id_from_service.text(),
            channel_id: self.service_id.text().or_else(|| self.service.id.text()),
            group: self.is_group.flag(),
            blocked: self.block.flag(),
            ..Contact::default()
        })
    }

    pub(super) fn shown_name(&self) -> Option<Text<'a>> {
        let names = [self.name, self.internal_name, self.alternative_name];
        names.into_iter().find_map(Json::text)
    }

    /// The number, which has its country in front. Of a group it is the group's id, and on networks whose people have no
    /// number it is the network's own id of them.
    pub(super) fn phone(&self) -> Option<Text<'a>> {
        if self.is_group.flag() == Some(true) {
            return None;
        }
        let number = self.data.number.text()?;
        if let Some(id) = self.id_from_service.text() {
            let by_phone = if let Some((_, server)) = id.split_once('@') {
                matches!(server, "c.us" | "s.whatsapp.net")
            } else {
                let channel = self.service.channel();
                channel.is_none_or(|channel| matches!(&*channel, "whatsapp" | "sms" | "voice"))
            };
            let user = id.split('@').next().unwrap_or_default();
            if !by_phone && user.trim_start_matches('+') == number.trim_start_matches('+') {
                return None;
            }
        }
        match number {
            Cow::Borrowed(number) => phone::international(number),
            Cow::Owned(number) => phone::international(&number).map(|number| number.into_owned().into()),
        }
    }
}

impl<'a> Service<'a> {
    fn channel(&self) -> Option<Text<'a>> {
        let kind = self.kind.text()?.to_ascii_lowercase();
        Some(match &*kind {
            kind if kind.starts_with("whatsapp") => "whatsapp".into(),
            kind if kind.starts_with("telegram") => "telegram".into(),
            kind if kind.starts_with("facebook") => "facebook".into(),
            kind if kind.starts_with("instagram") => "instagram".into(),
            kind if kind.starts_with("sms") => "sms".into(),
            "webchat" => "web".into(),
            _ => kind.into(),
        })
    }
}

impl<'a> Interactive<'a> {
    /// What a person reads: heading, words and small print, or the words of the choice.
    pub(super) fn text(&self) -> Option<Text<'a>> {
        let words: Vec<Text<'a>> = [&self.header, &self.body, &self.footer]
            .into_iter()
            .filter_map(|words| words.text.text())
            .collect();
        match words.as_slice() {
            [] => {
                let title = self.chosen().and_then(|choice| choice.title.text());
                title.or_else(|| self.form.body.text())
            }
            [alone] => Some(alone.clone()),
            several => Some(several.join("\n").into()),
        }
    }

    pub(super) fn answer(&self) -> Option<Answer<'a>> {
        if let Some(form) = self.form.filled_in.text() {
            return Some(Answer {
                values: fields_of_text(&form),
                ..Answer::default()
            });
        }
        let choice = self.chosen()?;
        Some(Answer {
            id: choice.id.text(),
            title: choice.title.text(),
            ..Answer::default()
        })
    }

    fn chosen(&self) -> Option<&Choice<'a>> {
        let choices = [&self.button_reply, &self.list_reply];
        choices
            .into_iter()
            .find(|choice| choice.id.is_there() || choice.title.is_there())
    }
}
