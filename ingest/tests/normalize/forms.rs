//! The forms that readers join on, over every sample of every platform: phone numbers, channels, addresses and references have
//! one form wherever they come from, and no message is empty.

use ingest::normalize::{Normalized, normalize};
use schemas::platform::Platform;
use serde_json::Value;

use crate::{samples_of, source};

/// Every event's type and normalized data, with the name of its sample.
fn all() -> Vec<(String, String, Value)> {
    let mut all = Vec::new();
    for sample in Platform::ALL.into_iter().flat_map(samples_of) {
        let Normalized::Events(events) = normalize(&source(sample.platform), &sample.headers, &sample.body) else {
            continue;
        };
        for event in events {
            let Some((_, json)) = event.data.to_member() else {
                continue;
            };
            all.push((
                format!("{} {}", sample.platform, sample.name),
                event.data.event_type().as_str().to_owned(),
                serde_json::from_str(&json).expect("our own JSON"),
            ));
        }
    }
    all
}

/// Every object within the value, itself included.
fn objects<'v>(value: &'v Value, found: &mut Vec<&'v serde_json::Map<String, Value>>) {
    match value {
        Value::Object(members) => {
            found.push(members);
            members.values().for_each(|member| objects(member, found));
        }
        Value::Array(elements) => elements.iter().for_each(|element| objects(element, found)),
        _ => {}
    }
}

/// Names the samples in which an object is not as it must be.
fn hold(what: &str, holds: impl Fn(&serde_json::Map<String, Value>) -> bool) {
    let mut wrong = Vec::new();
    for (sample, event_type, data) in all() {
        let mut found = Vec::new();
        objects(&data, &mut found);
        wrong.extend(
            found
                .into_iter()
                .filter(|members| !holds(members))
                .map(|members| format!("{sample} ({event_type}): {}", Value::Object(members.clone()))),
        );
    }
    assert!(wrong.is_empty(), "{what}:\n{}", wrong.join("\n"));
}

fn text<'v>(members: &'v serde_json::Map<String, Value>, name: &str) -> Option<&'v str> {
    members.get(name).and_then(Value::as_str)
}

#[test]
fn a_phone_number_is_e164() {
    hold("no number of E.164", |members| {
        text(members, "phone").is_none_or(|phone| {
            phone.strip_prefix('+').is_some_and(|digits| {
                (7..=15).contains(&digits.len())
                    && !digits.starts_with('0')
                    && digits.bytes().all(|byte| byte.is_ascii_digit())
            })
        })
    });
}

#[test]
fn a_channel_is_a_word_of_the_vocabulary_or_the_platforms_own_in_lower_case() {
    hold("no channel", |members| {
        text(members, "channel").is_none_or(|channel| {
            !channel.is_empty()
                && channel.bytes().all(|byte| {
                    byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-' | b'.')
                })
                && !matches!(
                    channel,
                    "messenger" | "facebook-messenger" | "webchat" | "widget" | "mail" | "wa" | "ig"
                )
        })
    });
}

#[test]
fn another_address_is_another_one() {
    hold("the same address twice", |members| {
        text(members, "alternate_id").is_none_or(|other| text(members, "id") != Some(other) && !other.is_empty())
    });
}

#[test]
fn a_network_has_its_channel_in_every_conversation() {
    let networks = [
        ("baileys", "whatsapp"),
        ("evolution", "whatsapp"),
        ("waha", "whatsapp"),
        ("whatsapp_cloud", "whatsapp"),
        ("telegram", "telegram"),
        ("line", "line"),
        ("slack", "slack"),
        ("twitter", "twitter"),
    ];
    let mut wrong = Vec::new();
    for (sample, event_type, data) in all() {
        let platform = sample.split(' ').next().expect("a platform");
        let Some((_, channel)) = networks.iter().find(|(network, _)| *network == platform) else {
            continue;
        };
        if let Some(conversation) = data.get("conversation")
            && conversation["channel"] != *channel
        {
            wrong.push(format!("{sample} ({event_type}): {conversation}"));
        }
    }
    assert!(wrong.is_empty(), "without `channel`:\n{}", wrong.join("\n"));
}

/// A notice that a network sends as a message without content is no message.
#[test]
fn a_message_says_something() {
    let mut empty = Vec::new();
    for (sample, event_type, data) in all() {
        let there = |name: &str| {
            data.get(name)
                .is_some_and(|value| value.as_array().is_none_or(|list| !list.is_empty()))
        };
        let says = there("text") || there("attachments") || there("answer");
        let kind = data["kind"].as_str();
        // What stands in no text: the kind says what it is.
        let of_kind = kind.is_some_and(|kind| !matches!(kind, "text" | "chat" | "unknown"));
        if event_type == "message.created" && !says && !of_kind {
            empty.push(format!("{sample}: {data}"));
        }
    }
    assert!(empty.is_empty(), "a message without content:\n{}", empty.join("\n"));
}
