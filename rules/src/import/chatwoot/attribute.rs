//! Where Chatwoot's webhooks have the attributes of its conditions, and how Chatwoot compares them (its
//! `filter_keys.yml`).

use serde_json::Value;

use super::Trigger;
use crate::import::draft::Draft;

pub(super) const STATUSES: &[&str] = &["open", "resolved", "pending", "snoozed"];

/// An attribute, by how it is compared. `x` is CEL.
pub(super) enum Attribute {
    /// A number; `guard` checks that it is the id of the right kind of object.
    Id {
        x: String,
        guard: Option<String>,
        /// Whether it may be missing.
        optional: bool,
    },
    /// One of a fixed set of words.
    Word { x: String, words: &'static [&'static str] },
    /// A text, compared as it is.
    Text { x: String },
    /// A text, compared without regard to case.
    Content { x: String },
    /// True or false.
    Flag { x: String },
    /// A list of texts.
    Labels(String),
    /// Seconds since 1970.
    Epoch { x: String },
    /// A custom attribute, named by the account.
    Custom { holder: String, name: String },
}

/// Returns the conversation in a webhook.
pub(super) fn conversation(trigger: Trigger) -> &'static str {
    match trigger {
        Trigger::Message => "event.data.raw.conversation",
        Trigger::Conversation => "event.data.raw",
    }
}

/// Returns the object that `x` is a member of, where `x` is missing because that object is.
pub(super) fn holder(x: &str) -> &str {
    x.strip_suffix(".id").unwrap_or(x)
}

/// Finds an attribute, in the order in which Chatwoot looks a key up: conversation, contact, message, custom attribute.
pub(super) fn find(key: &str, custom: Option<&str>, trigger: Trigger) -> Result<Attribute, String> {
    let conversation = conversation(trigger);
    let contact = format!("{conversation}.meta.sender");
    let of_message = |attribute: Attribute| match trigger {
        Trigger::Message => Ok(attribute),
        Trigger::Conversation => Err("the webhook of a conversation does not contain its messages".to_owned()),
    };
    let message = |name: &str| format!("event.data.raw.{name}");
    let id = |x: String, optional: bool| Attribute::Id {
        x,
        guard: None,
        optional,
    };
    Ok(match key {
        "status" => Attribute::Word {
            x: format!("{conversation}.status"),
            words: STATUSES,
        },
        "priority" => Attribute::Word {
            x: format!("{conversation}.priority"),
            words: &["low", "medium", "high", "urgent"],
        },
        "group_type" => Attribute::Word {
            x: format!("{conversation}.group_type"),
            words: &["individual", "group"],
        },
        // A bot that is assigned instead of an agent has another kind of id.
        "assignee_id" => Attribute::Id {
            x: format!("{conversation}.meta.assignee.id"),
            guard: Some(format!(
                "{conversation}.meta.?assignee_type.orValue(\"\") != \"AgentBot\""
            )),
            optional: true,
        },
        "team_id" => id(format!("{conversation}.meta.team.id"), true),
        "inbox_id" => id(format!("{conversation}.inbox_id"), true),
        "display_id" => id(format!("{conversation}.id"), false),
        "labels" => Attribute::Labels(format!("{conversation}.labels")),
        "browser_language" | "conversation_language" | "referer" | "mail_subject" => Attribute::Text {
            x: format!("{conversation}.additional_attributes.{key}"),
        },
        "created_at" | "last_activity_at" => Attribute::Epoch {
            x: format!("{conversation}.{key}"),
        },
        "campaign_id" | "ai_enabled" | "sender_type" => return Err("it is not in the webhook".to_owned()),
        "name" | "phone_number" | "email" | "identifier" => Attribute::Text {
            x: format!("{contact}.{key}"),
        },
        "country_code" | "city" | "company" => Attribute::Text {
            x: format!("{contact}.additional_attributes.{key}"),
        },
        "blocked" => Attribute::Flag {
            x: format!("{contact}.blocked"),
        },
        "message_type" => of_message(Attribute::Word {
            x: message("message_type"),
            words: &["incoming", "outgoing", "activity", "template"],
        })?,
        "private_note" => of_message(Attribute::Flag { x: message("private") })?,
        "sender_id" => of_message(id(message("sender.id"), false))?,
        "content" => of_message(Attribute::Content {
            x: "event.data.message.text".to_owned(),
        })?,
        name => {
            let owner = match custom {
                Some("conversation_attribute") => conversation,
                Some("contact_attribute") => &contact,
                _ => return Err("it is neither an attribute of Chatwoot nor a custom attribute".to_owned()),
            };
            Attribute::Custom {
                holder: format!("{owner}.custom_attributes"),
                name: name.to_owned(),
            }
        }
    })
}

/// Adds the notes on how an attribute is read, and the guards that it needs.
pub(super) fn annotate(attribute: &Attribute, operator: &str, values: Option<&Value>, draft: &mut Draft) {
    match attribute {
        Attribute::Content { .. } => {
            let guard = "!event.data.raw.?content_attributes.?email.hasValue()";
            if !draft.guards.iter().any(|existing| existing == guard) {
                draft.guards.push(guard.to_owned());
            }
            draft.note(
                "messages of e-mail inboxes do not match: Chatwoot compares only the part that is not a quotation",
            );
        }
        Attribute::Text { x } if x.ends_with("sender.additional_attributes.country_code") => {
            draft.note("country_code is read as the contact's; old versions used the conversation's");
        }
        Attribute::Custom { .. } if operator == "not_equal_to" => {
            draft.note("a missing custom attribute does not match not_equal_to, and one that is text is not compared with numbers");
        }
        Attribute::Custom { .. } if values.and_then(Value::as_array).is_some_and(|values| values.len() > 1) => {
            draft.note("all values of a custom attribute count; old versions used only the first");
        }
        _ => {}
    }
}
