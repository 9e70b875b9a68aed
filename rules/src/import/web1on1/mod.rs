//! Workflows of Web1on1: `json-rules-engine` with the operator `match`, a regular expression.
//!
//! A fact is taken from the webhook's own JSON: `conversation.category` is `event.data.raw.data.conversation.category`.
//! The platform's documents do not say which facts exist and when a workflow runs; so a rule is read narrowly: about a
//! message, when one is created; about a contact, when one is created or updated; otherwise when a conversation is
//! created. Semantics of the engine: <https://github.com/CacheControl/json-rules-engine> (docs/rules.md,
//! src/condition.js).

mod condition;

use std::sync::Arc;

use cel::Env;
use serde_json::Value;

use self::condition::group;
use super::draft::{Draft, kind, plain};
use super::text::{self, one_of, quoted, scalar};

const WORKFLOW: [&str; 9] = [
    "id",
    "organization",
    "name",
    "enabled",
    "rules",
    "organizations",
    "organizationTags",
    "createdAt",
    "updatedAt",
];

/// The subject of a rule, which decides the events that it sees.
#[derive(Clone, Copy, PartialEq)]
enum About {
    Message,
    Contact,
    Conversation,
}

/// A workflow, a rule of one, or a list of either.
pub(super) fn drafts(value: &Value, env: &Arc<Env>) -> Vec<Draft> {
    let elements = match value {
        Value::Array(elements) => elements.as_slice(),
        one => std::slice::from_ref(one),
    };
    let numbered = elements.iter().zip(1..);
    numbered
        .flat_map(
            |(element, number)| match (element.get("rules"), element.get("conditions")) {
                (Some(rules), _) => workflow(element, rules, number, env),
                (None, Some(_)) => {
                    let mut draft = Draft::new("Web1on1 rule", number, element, env);
                    rule(&mut draft, element);
                    vec![draft]
                }
                (None, None) => vec![broken(
                    element,
                    number,
                    "it is neither a workflow nor a rule of one",
                    env,
                )],
            },
        )
        .collect()
}

fn broken(element: &Value, number: usize, why: &str, env: &Arc<Env>) -> Draft {
    let mut draft = Draft::new("Web1on1 workflow", number, element, env);
    draft.lose("all of it", why);
    draft
}

fn workflow(workflow: &Value, rules: &Value, number: usize, env: &Arc<Env>) -> Vec<Draft> {
    let Some(rules) = rules.as_array() else {
        let why = format!("`rules` is {}, not a list", kind(Some(rules)));
        return vec![broken(workflow, number, &why, env)];
    };
    let numbered = rules.iter().zip(1..);
    numbered
        .map(|(element, place)| {
            let mut draft = Draft::new("Web1on1 workflow", number, workflow, env);
            if rules.len() > 1 {
                draft.title = format!("{}, rule {place}", draft.title);
                draft.name = format!("{} {place}", draft.name);
            }
            draft.off = workflow.get("enabled") == Some(&Value::Bool(false));
            if let Some(members) = workflow.as_object() {
                draft.only("the workflow", members, &WORKFLOW);
            }
            rule(&mut draft, element);
            organizations(&mut draft, workflow);
            draft
        })
        .collect()
}

/// Adds the guard for the organizations that a workflow lists and runs in.
fn organizations(draft: &mut Draft, workflow: &Value) {
    let list = |name: &str| {
        workflow
            .get(name)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    let mut ids: Vec<String> = list("organizations").iter().filter_map(scalar).collect();
    if !list("organizationTags").is_empty() {
        draft.lose(
            "organizationTags",
            "a webhook does not contain the organizations of a group; name them in `organizations`",
        );
    }
    if ids.is_empty() {
        ids.extend(
            workflow
                .get("organization")
                .and_then(plain)
                .map(|id| text::literal(&id)),
        );
        draft.note("it lists no organizations: read as the one that it belongs to, and none below it");
    }
    if ids.is_empty() {
        draft.body = draft.lose("organizations", "none is named, so it is unknown where it runs");
    } else {
        draft.guards.push(one_of("event.data.raw.organization", &ids));
    }
}

fn rule(draft: &mut Draft, rule: &Value) {
    action(draft, rule.get("event"));
    let (Some(members), Some(conditions)) = (rule.as_object(), rule.get("conditions")) else {
        draft.lose("the rule", "it has no conditions");
        return;
    };
    draft.only("the rule", members, &["id", "conditions", "event", "priority", "name"]);
    let mut facts = Vec::new();
    collect_facts(conditions, &mut facts);
    let names = |resource: &str| {
        let within = |fact: &&str| {
            fact.strip_prefix(resource)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        facts.iter().any(within)
    };
    let about = if names("message") {
        About::Message
    } else if names("contact") && !names("conversation") {
        About::Contact
    } else {
        About::Conversation
    };
    let types = match about {
        About::Message => vec![text::literal("message.created")],
        About::Contact => vec![text::literal("contact.created"), text::literal("contact.updated")],
        About::Conversation => vec![text::literal("ticket.created")],
    };
    draft.note(&format!(
        "a workflow does not say when it runs: assumed at {}",
        types.join(" and ")
    ));
    draft
        .guards
        .extend([one_of("event.type", &types), "event.platform == \"web1on1\"".to_owned()]);
    let conditions = group(draft, "conditions", conditions, about, true);
    if conditions.negates_inexact() {
        draft.lose(
            "`not`",
            "it negates a test that is narrower here (match, or an order of numbers), which would be wider",
        );
    }
    draft.body = conditions;
    if rule
        .get("priority")
        .and_then(Value::as_f64)
        .is_some_and(|priority| priority > 1.0)
    {
        draft.note("`priority` is not needed: every rule that matches counts");
    }
}

fn action(draft: &mut Draft, event: Option<&Value>) {
    let Some(event) = event.filter(|event| !event.is_null()) else {
        return;
    };
    let name = event.get("type").and_then(plain).unwrap_or_default();
    let params = event.get("params").and_then(Value::as_object).into_iter().flatten();
    let params: Vec<String> = params
        .map(|(name, value)| format!("{name}: {}", quoted(&plain(value).unwrap_or_else(|| value.to_string()))))
        .collect();
    draft.lose(
        format!("action {} ({})", quoted(&name), params.join(", ")),
        "Forebay routes events, and does nothing in Web1on1",
    );
}

fn collect_facts<'v>(conditions: &'v Value, facts: &mut Vec<&'v str>) {
    match conditions {
        Value::Array(elements) => elements.iter().for_each(|element| collect_facts(element, facts)),
        Value::Object(members) => {
            facts.extend(members.get("fact").and_then(Value::as_str));
            let groups = ["any", "all", "not"].iter().filter_map(|name| members.get(*name));
            groups.for_each(|group| collect_facts(group, facts));
        }
        _ => {}
    }
}
