//! What a person chose or filled in: elements of messages and views ("Block Kit"), and the buttons and menus of attachments,
//! the older form (docs.slack.dev, "`block_actions` payload", "`view_submission` payload"; `@slack/bolt`, types of actions
//! and views).
//!
//! Nothing of it borrows from the payload, which is decoded and so is not part of the body.

use std::collections::BTreeMap;

use schemas::data::{Answer, Text};

use super::owned;
use crate::normalize::json::{Json, object};

object! {
    /// An element that was used, or a field with what is in it.
    Element {
        id: Json = "action_id",
        // Of an attachment's.
        name: Json = "name",
        kind: Json = "type",
        at: Json = "action_ts",
        text: Words = "text",
        value: Json = "value",
        option: Choice = "selected_option",
        options: Json = "selected_options",
        date: Json = "selected_date",
        time: Json = "selected_time",
        moment: Json = "selected_date_time",
        user: Json = "selected_user",
        users: Json = "selected_users",
        channel: Json = "selected_channel",
        channels: Json = "selected_channels",
        conversation: Json = "selected_conversation",
        conversations: Json = "selected_conversations",
        rich_text: Json = "rich_text_value",
        files: Json = "files",
    }

    Choice { value: Json = "value", text: Words = "text", }

    Words { text: Json = "text", }

    /// What stands in the fields of a message or view: of each block, each element.
    State { values: Json = "values", }
}

impl Element<'_> {
    /// What the bot calls the element.
    pub(super) fn name(&self) -> Option<Text<'static>> {
        [self.id, self.name].into_iter().find_map(owned)
    }

    /// The value that the bot gave to the button or option, or what was picked; where a button has none, its id.
    pub(super) fn answer(&self, state: &State<'_>) -> Answer<'static> {
        let one = self.only_option();
        let mut values = state.fields();
        if let (Some(name), Some(all)) = (self.name(), self.several()) {
            values.insert(name, all);
        }
        let is_button = self.text.text.is_there() || self.kind.text().is_some_and(|kind| kind == "button");
        let titles = [one.text.text, self.text.text];
        Answer {
            id: self
                .single()
                .or_else(|| owned(one.value))
                .or_else(|| self.name().filter(|_| is_button)),
            title: titles.into_iter().find_map(owned),
            values,
        }
    }

    /// The option that was chosen, if it is a single one.
    fn only_option(&self) -> Choice<'_> {
        let mut options = self.options.elements();
        match (options.next(), options.next()) {
            (Some(only), None) => only.read(),
            _ => Choice {
                value: self.option.value,
                text: Words {
                    text: self.option.text.text,
                },
            },
        }
    }

    fn single(&self) -> Option<Text<'static>> {
        let picked = [
            self.option.value,
            self.value,
            self.date,
            self.time,
            self.moment,
            self.user,
            self.channel,
            self.conversation,
        ];
        picked.into_iter().find_map(owned)
    }

    /// A list of what was chosen, as JSON; of options their values.
    fn several(&self) -> Option<Text<'static>> {
        let lists = [self.options, self.users, self.channels, self.conversations];
        let list = lists.into_iter().find(|list| list.is_there())?;
        let chosen = |one: Json<'_>| {
            if one.is_object() {
                one.read::<Choice<'_>>().value.raw().to_owned()
            } else {
                one.raw().to_owned()
            }
        };
        let all: Vec<String> = list.elements().map(chosen).filter(|value| !value.is_empty()).collect();
        Some(format!("[{}]", all.join(",")).into())
    }

    /// What is in a field; nothing if it was left empty.
    fn filled_in(&self) -> Option<Text<'static>> {
        let documents = [self.rich_text, self.files];
        self.single().or_else(|| self.several()).or_else(|| {
            let document = documents.into_iter().find(|document| document.is_there())?;
            Some(document.raw().to_owned().into())
        })
    }
}

impl State<'_> {
    /// By the names of the elements, which are unique within their blocks; the block's name stands in front of one that is in
    /// another block, too.
    pub(super) fn fields(&self) -> BTreeMap<Text<'static>, Text<'static>> {
        let mut fields: BTreeMap<Text<'static>, Text<'static>> = BTreeMap::new();
        for (block, elements) in self.values.members() {
            for (name, element) in elements.members() {
                let Some(value) = element.read::<Element<'_>>().filled_in() else {
                    continue;
                };
                let name = if fields.contains_key(&*name) {
                    format!("{block}/{name}")
                } else {
                    name.into_owned()
                };
                fields.insert(name.into(), value);
            }
        }
        fields
    }
}
