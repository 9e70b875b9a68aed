//! What Slack sends as forms: slash commands, member by member, and interactions, as JSON inside of the member `payload`.

use schemas::data::{Answer, BotCommand, Data, Party, PartyKind, Text, Unmapped};
use schemas::time::Timestamp;

use super::answers::{Element, State};
use super::{conversation, is_group, owned};
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
        message_ts: Json = "message_ts",
        actions: Json = "actions",
        action_ts: Json = "action_ts",
        state: State = "state",
        view: View = "view",
    }

    Named { id: Json = "id", name: Json = "name", username: Json = "username", }

    Container { channel_id: Json = "channel_id", message_ts: Json = "message_ts", }

    Stamped { ts: Json = "ts", }

    View { callback_id: Json = "callback_id", state: State = "state", }
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
    /// Another one each time that a person acts.
    trigger_id: Option<Text<'a>>,
    time: Option<Timestamp>,
}

impl<'a> Command<'a> {
    fn event(self, webhook: &Webhook<'a, '_>, account: Option<Text<'a>>) -> NewEvent<'a> {
        let discriminator = self.trigger_id.unwrap_or_else(|| digest(webhook.body).into());
        let about = self.channel.clone().or_else(|| Some(self.user.as_ref()?.0.clone()));
        NewEvent {
            ordering_key: about.as_ref().unwrap_or(&discriminator).clone().into_owned(),
            identity: vec![discriminator],
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
    let Some((name, answer, at)) = payload.chosen(kind.as_deref().unwrap_or_default()) else {
        let unmapped = webhook.unmapped(Unmapped::because("no mapping for this interaction").of(kind));
        return Ok(NewEvent {
            account,
            ordering_key: channel.map_or(unmapped.ordering_key, Text::into_owned),
            ..unmapped
        });
    };
    let names = [payload.user.username, payload.user.name];
    let stamps = [payload.container.message_ts, payload.message.ts, payload.message_ts];
    let command = Command {
        name,
        answer: Some(answer),
        user: owned(payload.user.id).map(|id| (id, names.into_iter().find_map(owned))),
        channel,
        message_id: stamps.into_iter().find_map(owned),
        trigger_id: owned(payload.trigger_id),
        time: at,
    };
    Ok(command.event(webhook, account))
}

impl Payload<'_> {
    /// The name of what was used, what was chosen with it, and when that was.
    fn chosen(&self, kind: &str) -> Option<(Text<'static>, Answer<'static>, Option<Timestamp>)> {
        match kind {
            "block_actions" | "interactive_message" => {
                let element: Element<'_> = self.actions.elements().next()?.read();
                let at = element.at.time().or_else(|| self.action_ts.time());
                Some((element.name()?, element.answer(&self.state), at))
            }
            // A form that was sent. One without a name cannot be known from others.
            "view_submission" => {
                let answer = Answer {
                    values: self.view.state.fields(),
                    ..Answer::default()
                };
                Some((owned(self.view.callback_id)?, answer, None))
            }
            _ => None,
        }
    }
}
