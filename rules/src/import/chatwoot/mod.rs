//! Automation rules of Chatwoot and its forks.
//!
//! Chatwoot evaluates the conditions of a rule as one SQL expression, `a AND b OR c` without brackets
//! (`AutomationRules::ConditionsFilterService`): AND binds closer than OR. It reads its own tables; here the same
//! columns are read from the webhook (`event.data.raw`), in which a message contains its conversation, and that its
//! contact.

mod attribute;
mod compare;
mod condition;

use std::sync::Arc;

use cel::Env;
use serde_json::{Map, Value};

use super::draft::{Draft, kind, plain};
use super::text::{self, quoted};
use super::tree::Tree;

const RULE: [&str; 13] = [
    "id",
    "account_id",
    "name",
    "description",
    "event_name",
    "conditions",
    "actions",
    "active",
    "created_on",
    "created_at",
    "updated_at",
    "files",
    "account",
];

/// Which events a rule sees.
#[derive(Clone, Copy, PartialEq)]
enum Trigger {
    Message,
    Conversation,
}

/// A rule, a list of rules, or either under `payload`, as the API answers.
pub(super) fn drafts(value: &Value, env: &Arc<Env>) -> Vec<Draft> {
    let value = value.get("payload").unwrap_or(value);
    let elements = match value {
        Value::Array(elements) => elements.as_slice(),
        one => std::slice::from_ref(one),
    };
    let numbered = elements.iter().zip(1..);
    numbered
        .map(|(element, number)| {
            let mut draft = Draft::new("Chatwoot automation rule", number, element, env);
            match element.as_object() {
                Some(members) => rule(&mut draft, members),
                None => drop(draft.lose("all of it", format!("it is {}, not an object", kind(Some(element))))),
            }
            draft
        })
        .collect()
}

fn rule(draft: &mut Draft, rule: &Map<String, Value>) {
    draft.off = rule.get("active") == Some(&Value::Bool(false));
    let known = draft.only("the rule", rule, &RULE);
    actions(draft, rule.get("actions"));
    let Some(trigger) = trigger(
        draft,
        rule.get("event_name").and_then(Value::as_str).unwrap_or_default(),
    ) else {
        return;
    };
    match rule.get("account_id").and_then(plain) {
        Some(account) => {
            // The adapter prefixes the conversation's number with the account.
            let conversation = match trigger {
                Trigger::Message => "event.data.message.conversation.id",
                Trigger::Conversation => "event.data.ticket.id",
            };
            let account = text::literal(&format!("{account}/"));
            draft.guards.push(format!("{conversation}.startsWith({account})"));
        }
        None => draft.note("it names no account: it applies to all Chatwoot sources; add `event.source == \"/tenant/source\"` to narrow it"),
    }
    // Chatwoot does not run rules on the actions of a rule.
    draft
        .guards
        .push("event.data.raw.?performed_by.?type.orValue(\"\") != \"automation_rule\"".to_owned());
    if trigger == Trigger::Message {
        draft
            .guards
            .push("!event.data.raw.?content_attributes.?automation_rule_id.hasValue()".to_owned());
    }
    draft.body = match rule.get("conditions") {
        Some(Value::Array(conditions)) => condition::chain(draft, conditions, trigger),
        other => draft.lose("conditions", format!("they are {}, not a list", kind(other))),
    };
    if !known {
        // The unknown member may narrow the rule, or delay it.
        draft.body = Tree::Lost;
    }
}

/// Returns the trigger and adds its guards; the webhook's own event name distinguishes those that become one type here.
fn trigger(draft: &mut Draft, name: &str) -> Option<Trigger> {
    let (trigger, guards): (_, &[&str]) = match name {
        "message_created" => (
            Trigger::Message,
            &[
                "event.type == \"message.created\"",
                "event.data.raw.event in [\"message_created\", \"message_incoming\", \"message_outgoing\"]",
            ],
        ),
        "conversation_created" => (
            Trigger::Conversation,
            &[
                "event.type == \"ticket.created\"",
                "event.data.raw.event == \"conversation_created\"",
            ],
        ),
        "conversation_updated" => (
            Trigger::Conversation,
            &[
                "event.type in [\"ticket.updated\", \"ticket.transferred\"]",
                "event.data.raw.event == \"conversation_updated\"",
            ],
        ),
        "conversation_opened" => (
            Trigger::Conversation,
            &[
                "event.type in [\"ticket.reopened\", \"ticket.updated\"]",
                "event.data.raw.event in [\"conversation_status_changed\", \"conversation_opened\"]",
                "event.data.ticket.status == \"open\"",
            ],
        ),
        "conversation_resolved" => (
            Trigger::Conversation,
            &[
                "event.type == \"ticket.closed\"",
                "event.data.raw.event in [\"conversation_status_changed\", \"conversation_resolved\"]",
            ],
        ),
        other => {
            draft.lose(format!("event_name {}", quoted(other)), "no known webhook reports it");
            return None;
        }
    };
    let [first, rest @ ..] = guards else {
        return None;
    };
    draft.guards.push((*first).to_owned());
    draft.guards.push("event.platform == \"chatwoot\"".to_owned());
    draft.guards.extend(rest.iter().map(|guard| (*guard).to_owned()));
    Some(trigger)
}

fn actions(draft: &mut Draft, actions: Option<&Value>) {
    let Some(actions) = actions.and_then(Value::as_array) else {
        if !actions.is_none_or(Value::is_null) {
            draft.lose("actions", format!("they are {}, not a list", kind(actions)));
        }
        return;
    };
    for (action, number) in actions.iter().zip(1..) {
        let name = action.get("action_name").and_then(plain).unwrap_or_default();
        if name == "send_webhook_event" {
            draft.webhook = true;
            let params = action.get("action_params").unwrap_or(&Value::Null);
            let url = params.get(0).unwrap_or(params).as_str().unwrap_or_default();
            draft.note(&format!(
                "action {number} posts to {}: make that an endpoint of the sink `http`; it gets Forebay's event, signed",
                quoted(&without_secrets(url))
            ));
        } else {
            draft.lose(
                format!("action {number} {}", quoted(&name)),
                "Forebay routes events, and does nothing in Chatwoot",
            );
        }
    }
}

/// Returns a URL without the parts that are often credentials: user, password and query.
fn without_secrets(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let (host, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let host = host.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}{path}")
}
