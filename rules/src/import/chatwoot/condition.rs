//! The chain of conditions of an automation rule: `AND` before `OR`, as in the SQL that Chatwoot generates.

use serde_json::{Map, Value};

use super::Trigger;
use super::attribute::{self, Attribute};
use super::compare::{compare, texts};
use crate::import::draft::{Draft, kind, plain};
use crate::import::text::{literal, member, quoted, scalar};
use crate::import::tree::Tree;

const CONDITION: [&str; 5] = [
    "attribute_key",
    "filter_operator",
    "query_operator",
    "values",
    "custom_attribute_type",
];

/// One condition of a group that AND joins. Tests of labels are collected and joined at the end.
enum Part {
    Done(Tree),
    /// A test of one label, `l`.
    Label(String),
}

pub(super) fn chain(draft: &mut Draft, conditions: &[Value], trigger: Trigger) -> Tree {
    let mut groups: Vec<Vec<Part>> = vec![Vec::new()];
    let mut changed = false;
    for (value, number) in conditions.iter().zip(1..) {
        let Some(condition) = value.as_object() else {
            return draft.lose(
                format!("condition {number}"),
                format!("it is {}, not an object", kind(Some(value))),
            );
        };
        let key = condition.get("attribute_key").and_then(plain).unwrap_or_default();
        let operator = condition.get("filter_operator").and_then(plain).unwrap_or_default();
        let what = format!("condition {number} ({key} {operator})");
        changed |= operator == "attribute_changed";
        let part = part(draft, &what, &key, &operator, condition, trigger);
        if let Some(group) = groups.last_mut() {
            group.push(part);
        }
        let joined = condition
            .get("query_operator")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let last = number == conditions.len();
        match joined.to_ascii_uppercase().as_str() {
            "AND" | "OR" if last => draft.note(&format!(
                "{what}: nothing follows its query_operator, which Chatwoot itself cannot run; it is ignored"
            )),
            "OR" => groups.push(Vec::new()),
            "AND" => {}
            "" if last => {}
            other => {
                return draft.lose(
                    what,
                    format!("its query_operator is {}, and not AND or OR", quoted(other)),
                );
            }
        }
    }
    if changed && groups.len() > 1 {
        return draft.lose(
            "attribute_changed",
            "next to an OR its meaning in Chatwoot is unclear: split it into two rules",
        );
    }
    Tree::Any(
        groups
            .into_iter()
            .map(|group| group_of(draft, group, trigger))
            .collect(),
    )
}

/// Joins a group. Chatwoot tests one label at a time: `labels = a AND labels = b` is never true of any.
fn group_of(draft: &mut Draft, parts: Vec<Part>, trigger: Trigger) -> Tree {
    let mut labels = Vec::new();
    let mut all = Vec::new();
    for part in parts {
        match part {
            Part::Done(tree) => all.push(tree),
            Part::Label(test) => labels.push(test),
        }
    }
    if !labels.is_empty() {
        let cel = format!(
            "{}.labels.exists(l, {})",
            attribute::conversation(trigger),
            labels.join(" && ")
        );
        let tree = draft.test("labels", cel, false);
        all.push(tree);
    }
    Tree::All(all)
}

fn part(
    draft: &mut Draft,
    what: &str,
    key: &str,
    operator: &str,
    condition: &Map<String, Value>,
    trigger: Trigger,
) -> Part {
    if !draft.only(what, condition, &CONDITION) {
        return Part::Done(Tree::Lost);
    }
    let values = condition.get("values");
    if operator == "attribute_changed" {
        return Part::Done(match changed(key, values, trigger) {
            Ok(cel) => draft.test(what, cel, false),
            Err(why) => draft.lose(what, why),
        });
    }
    let custom = condition.get("custom_attribute_type").and_then(Value::as_str);
    let attribute = match attribute::find(key, custom, trigger) {
        Ok(attribute) => attribute,
        Err(why) => return Part::Done(draft.lose(what, why)),
    };
    if let Attribute::Labels(_) = attribute
        && matches!(operator, "equal_to" | "not_equal_to")
    {
        let sign = if operator == "equal_to" { "==" } else { "!=" };
        // Chatwoot uses only the first value.
        return match texts(values).as_deref() {
            Ok([first, ..]) => Part::Label(format!("l {sign} {}", literal(first))),
            Ok([]) => Part::Done(draft.lose(what, "it has no values")),
            Err(why) => Part::Done(draft.lose(what, why)),
        };
    }
    attribute::annotate(&attribute, operator, values, draft);
    Part::Done(match compare(&attribute, operator, values) {
        Ok(cel) => draft.test(what, cel, false),
        Err(why) => draft.lose(what, why),
    })
}

/// Tests for a change: `changed_attributes` is a list of objects with one member each.
fn changed(key: &str, values: Option<&Value>, trigger: Trigger) -> Result<String, String> {
    if trigger == Trigger::Message {
        return Err("the webhook of a message does not contain what changed".to_owned());
    }
    let list = |name: &str| {
        let list = values.and_then(|values| values.get(name)).and_then(Value::as_array);
        let list: Option<Vec<String>> = list.and_then(|list| list.iter().map(scalar).collect());
        list.ok_or_else(|| format!("its values have no list `{name}`"))
    };
    let (from, to, key) = (list("from")?, list("to")?, member(key));
    Ok(format!(
        "event.data.raw.changed_attributes.exists(c, c{key}.previous_value in [{}] && c{key}.current_value in [{}])",
        from.join(", "),
        to.join(", ")
    ))
}
