//! What a message says: its content stands under the name of its type.

use schemas::data::{Answer, Attachment, Conversation, DeliveryStatus, Direction, Message, Party, Quoted, Text};

use super::people::Who;
use crate::normalize::filled_in::fields_of_text;
use crate::normalize::json::{Json, object};
use crate::normalize::whatsapp::{joined, lines};

object! {
    Sent {
        id: Json = "id",
        from: Json = "from",
        from_user_id: Json = "from_user_id",
        to: Json = "to",
        to_user_id: Json = "to_user_id",
        group_id: Json = "group_id",
        timestamp: Json = "timestamp",
        kind: Json = "type",
        context: Id = "context",
        text: Content = "text",
        image: Content = "image",
        audio: Content = "audio",
        video: Content = "video",
        document: Content = "document",
        sticker: Content = "sticker",
        location: Content = "location",
        contacts: Json = "contacts",
        button: Content = "button",
        interactive: Interactive = "interactive",
        order: Content = "order",
        system: System = "system",
        reaction: Reaction = "reaction",
        edit: Edit = "edit",
        revoke: Edit = "revoke",
        history: History = "history_context",
        // An echo of what another program asked to be sent.
        asked: Json = "message",
        recipient: Json = "recipient",
        recipient_type: Json = "recipient_type",
    }

    Id { id: Json = "id", }

    /// The members of all kinds of content that are of use here.
    Content {
        body: Json = "body",
        text: Json = "text",
        caption: Json = "caption",
        name: Json = "name",
        address: Json = "address",
        latitude: Json = "latitude",
        longitude: Json = "longitude",
        mime_type: Json = "mime_type",
        file_name: Json = "filename",
        url: Json = "url",
        payload: Json = "payload",
    }

    /// An answer; or the buttons or list that it is one to, in an echo.
    Interactive {
        button: Choice = "button_reply",
        list: Choice = "list_reply",
        form: Form = "nfm_reply",
        call: Permission = "call_permission_reply",
        body: Content = "body",
    }

    Choice { id: Json = "id", title: Json = "title", }

    /// A flow's, or an address.
    Form { body: Json = "body", values: Json = "response_json", }

    /// Whether we may call.
    Permission { response: Json = "response", until: Json = "expiration_timestamp", source: Json = "response_source", }

    Card { name: CardName = "name", phones: Json = "phones", }

    CardName { formatted: Json = "formatted_name", }

    Phone { number: Json = "phone", }

    Reaction { message_id: Json = "message_id", emoji: Json = "emoji", }

    /// A message about a message that was sent before: its new content, or that it is gone.
    Edit { original_id: Json = "original_message_id", message: Json = "message", }

    /// The customer has another number, user id or key.
    System {
        body: Json = "body",
        customer: Json = "customer",
        wa_id: Json = "wa_id",
        new_wa_id: Json = "new_wa_id",
        user_id: Json = "user_id",
        previous_user_id: Json = "previous_user_id",
    }

    /// What became of a message before its history was sent.
    History { status: Json = "status", }
}

/// The parts of a message that differ from kind to kind.
#[derive(Default)]
struct Said<'a, 's> {
    text: Option<Text<'a>>,
    file: Option<&'s Content<'a>>,
    answer: Option<Answer<'a>>,
}

impl<'a> Sent<'a> {
    /// The group that it was written in.
    pub(super) fn group(&self) -> Option<Text<'a>> {
        self.group_id.text().or_else(|| {
            let to_group = self.recipient_type.text().as_deref() == Some("group");
            self.to.text().filter(|_| to_group)
        })
    }

    pub(super) fn compose(
        &self,
        id: Text<'a>,
        conversation: Conversation<'a>,
        direction: Direction,
        from: Option<Party<'a>>,
        to: Option<Party<'a>>,
    ) -> Message<'a> {
        let kind = self.kind.text();
        let Said { text, file, answer } = self.said(kind.as_deref().unwrap_or_default());
        let attachment = |content: &Content<'a>| Attachment {
            kind: kind.clone(),
            url: content.url.text(),
            mime_type: content.mime_type.text(),
            name: content.file_name.text(),
            size_bytes: None,
        };
        Message {
            id,
            conversation,
            direction,
            from,
            to,
            attachments: file.map(attachment).into_iter().collect(),
            kind: kind.map(|kind| if kind == "contacts" { "contact".into() } else { kind }),
            text,
            quoted: self.context.id.text().map(Quoted::new),
            answer,
            status: self.history.status.text().as_deref().and_then(reached),
            ..Message::default()
        }
    }

    fn said(&self, kind: &str) -> Said<'a, '_> {
        let text = |text| Said {
            text,
            ..Said::default()
        };
        match kind {
            "image" => Said::file(&self.image),
            "audio" => Said::file(&self.audio),
            "video" => Said::file(&self.video),
            "document" => Said::file(&self.document),
            "sticker" => Said::file(&self.sticker),
            "location" => text(self.location.place()),
            "contacts" => text(joined(self.contacts.elements().filter_map(card))),
            "button" => Said::chosen(self.button.payload.text(), self.button.text.text()),
            "interactive" => self.interactive.said(),
            "order" => text(self.order.text.text()),
            "system" => text(self.system.body.text()),
            _ => text(self.text.body.text()),
        }
    }
}

impl<'a, 's> Said<'a, 's> {
    fn file(content: &'s Content<'a>) -> Self {
        Self {
            text: content.caption.text(),
            file: Some(content),
            answer: None,
        }
    }

    fn chosen(id: Option<Text<'a>>, title: Option<Text<'a>>) -> Self {
        let answer = (id.is_some() || title.is_some()).then(|| Answer {
            id,
            title: title.clone(),
            ..Answer::default()
        });
        Self {
            text: title,
            file: None,
            answer,
        }
    }
}

impl<'a> Content<'a> {
    /// What the place is called, or where it is.
    fn place(&self) -> Option<Text<'a>> {
        lines([self.name, self.address])
            .or_else(|| Some(format!("{}, {}", self.latitude.text()?, self.longitude.text()?).into()))
    }
}

impl<'a> Interactive<'a> {
    fn said<'s>(&self) -> Said<'a, 's> {
        for choice in [&self.button, &self.list] {
            if choice.id.is_there() || choice.title.is_there() {
                return Said::chosen(choice.id.text(), choice.title.text());
            }
        }
        if let Some(id) = self.call.response.text() {
            let conditions = [
                ("expiration_timestamp", self.call.until),
                ("response_source", self.call.source),
            ];
            let values = conditions
                .into_iter()
                .filter_map(|(name, value)| Some((name.into(), value.text()?)));
            return Said {
                answer: Some(Answer {
                    id: Some(id),
                    title: None,
                    values: values.collect(),
                }),
                ..Said::default()
            };
        }
        let values = self
            .form
            .values
            .text()
            .as_deref()
            .map(fields_of_text)
            .unwrap_or_default();
        Said {
            text: self.form.body.text().or_else(|| self.body.text.text()),
            file: None,
            answer: (!values.is_empty()).then(|| Answer {
                values,
                ..Answer::default()
            }),
        }
    }
}

impl<'a> System<'a> {
    /// Whom it is about, where no sender is named: as they were known until then.
    pub(super) fn whose(&self) -> Option<Who<'a>> {
        let ids = [self.customer, self.previous_user_id, self.wa_id, self.user_id];
        let id = ids.into_iter().find_map(Json::text)?;
        let is_address = self.customer.is_there() || !self.previous_user_id.is_there() && self.wa_id.is_there();
        Some(Who {
            phone: super::people::number(&id).filter(|_| is_address),
            id,
            alternate_id: None,
            name: None,
        })
    }

    /// What they are called from now on.
    pub(super) fn new_id(&self) -> Option<Text<'a>> {
        let ids = [self.wa_id, self.new_wa_id, self.user_id];
        ids.into_iter().find_map(Json::text)
    }
}

/// Whose card it is; a customer who is asked for their number sends one without a name.
fn card(json: Json<'_>) -> Option<Text<'_>> {
    let card: Card<'_> = json.read();
    let number = || {
        card.phones
            .elements()
            .find_map(|phone| phone.read::<Phone<'_>>().number.text())
    };
    card.name.formatted.text().or_else(number)
}

fn reached(word: &str) -> Option<DeliveryStatus> {
    Some(match word {
        "PENDING" => DeliveryStatus::Pending,
        "SENT" => DeliveryStatus::Sent,
        "DELIVERED" => DeliveryStatus::Delivered,
        "READ" => DeliveryStatus::Read,
        "PLAYED" => DeliveryStatus::Played,
        "ERROR" => DeliveryStatus::Failed,
        _ => return None,
    })
}
