//! What Slack sends as forms: slash commands, member by member, and interactions, as JSON inside of the member `payload`.

use schemas::data::{Answer, BotCommand, Data, Party, PartyKind, Text, Unmapped};
use schemas::time::Timestamp;

use super::{conversation, is_group};
use crate::normalize::json::{Json, object, parse};
use crate::normalize::{Because, NewEvent, Normalized, Webhook, digest};

object! {
    Payload {
        kind: Json = "type",
        trigger_id: Json = "trigger_id",
        team: Named = "team",
        user: Named = "user",
        channel: Named = "channel",
        container: Container = "container",
        message: Stamped = "message",
        actions: Json = "actions",
    }

    Named { id: Json = "id", name: Json = "name", username: Json = "username", }

    Container { channel_id: Json = "channel_id", message_ts: Json = "message_ts", }

    Stamped { ts: Json = "ts", }

    Action {
        id: Json = "action_id",
        at: Json = "action_ts",
        value: Json = "value",
        text: Words = "text",
        selected: Choice = "selected_option",
        date: Json = "selected_date",
        time: Json = "selected_time",
    }

    Choice { value: Json = "value", text: Words = "text", }

    Words { text: Json = "text", }
}

/// `not_json` is what to say of a body that is neither.
pub(super) fn map<'a>(webhook: &Webhook<'a, '_>, not_json: Unmapped<'a>) -> Result<Normalized<'a>, Unmapped<'a>> {
    let form = webhook.form();
    let event = if let Some(name) = form.get("command") {
        let user = form.get("user_id").map(|id| (id, form.get("user_name")));
        let command = Command {
            name,
            answer: None,
            user,
            channel: form.get("channel_id"),
            message_id: None,
            trigger_id: form.get("trigger_id"),
            time: None,
        };
        command.event(webhook, form.get("team_id"))
    } else if let Some(payload) = form.get("payload") {
        interaction(webhook, &payload)?
    } else {
        return Err(not_json);
    };
    Ok(Normalized::Events(vec![event]))
}

struct Command<'a> {
    name: Text<'a>,
    answer: Option<Answer<'a>>,
    /// Id and name.
    user: Option<(Text<'a>, Option<Text<'a>>)>,
    channel: Option<Text<'a>>,
    message_id: Option<Text<'a>>,
    /// Another one each time that somebody acts.
    trigger_id: Option<Text<'a>>,
    time: Option<Timestamp>,
}

impl<'a> Command<'a> {
    fn event(self, webhook: &Webhook<'a, '_>, account: Option<Text<'a>>) -> NewEvent<'a> {
        let told_apart_by = self.trigger_id.unwrap_or_else(|| digest(webhook.body).into());
        let about = self.channel.clone().or_else(|| Some(self.user.as_ref()?.0.clone()));
        NewEvent {
            ordering_key: about.as_ref().unwrap_or(&told_apart_by).clone().into_owned(),
            identity: vec![told_apart_by],
            time: self.time,
            happened: None,
            account,
            subject: about,
            data: Data::BotCommand(BotCommand {
                name: self.name,
                answer: self.answer,
                contact: self.user.map(|(id, name)| Party {
                    id: Some(id),
                    kind: Some(PartyKind::Contact),
                    name,
                    ..Party::default()
                }),
                message_id: self.message_id,
                conversation: self.channel.map(|id| {
                    let group = is_group(None, &id);
                    conversation(id, group)
                }),
            }),
            raw: webhook.whole(),
        }
    }
}

/// Nothing of it borrows from the payload, which is decoded and so is not part of the body.
fn interaction<'a>(webhook: &Webhook<'a, '_>, payload: &str) -> Result<NewEvent<'a>, Unmapped<'a>> {
    let Ok((_, json)) = parse(payload.as_bytes()) else {
        return Err(Unmapped::because("the payload is not JSON"));
    };
    let payload: Payload<'_> = json.read();
    let kind = owned(payload.kind);
    let account = owned(payload.team.id);
    let channel = owned(payload.channel.id).or_else(|| owned(payload.container.channel_id));
    let action: Action<'_> = payload.actions.elements().next().unwrap_or_default().read();
    let name = owned(action.id).filter(|_| kind.as_deref() == Some("block_actions"));
    let Some(name) = name else {
        let unmapped = webhook.unmapped(Unmapped::because("no mapping for this interaction").of(kind));
        return Ok(NewEvent {
            account,
            ordering_key: channel.map_or(unmapped.ordering_key, Text::into_owned),
            ..unmapped
        });
    };
    let names = [payload.user.username, payload.user.name];
    let command = Command {
        name,
        answer: Some(action.answer()),
        user: owned(payload.user.id).map(|id| (id, names.into_iter().find_map(owned))),
        channel,
        message_id: owned(payload.container.message_ts).or_else(|| owned(payload.message.ts)),
        trigger_id: owned(payload.trigger_id),
        time: action.at.time(),
    };
    Ok(command.event(webhook, account))
}

impl Action<'_> {
    /// The value that the bot gave to the button or option; where it gave none, the id of what was pressed.
    fn answer(&self) -> Answer<'static> {
        let ids = [self.selected.value, self.value, self.date, self.time, self.id];
        let titles = [self.selected.text.text, self.text.text];
        Answer {
            id: ids.into_iter().find_map(owned),
            title: titles.into_iter().find_map(owned),
            ..Answer::default()
        }
    }
}

fn owned(json: Json<'_>) -> Option<Text<'static>> {
    json.text().map(|text| Text::Owned(text.into_owned()))
}
