//! A change in a group is sent twice, as an event and as a message without content: one event, in either order, whoever
//! passes it on.

use std::fmt::Write as _;

use http::HeaderMap;
use ingest::envelope::{Enveloper, MEMORY, Prepared};
use schemas::event::Event;
use schemas::platform::Platform;
use schemas::time::Timestamp;

use crate::{one, sample, source};

/// The event and the stub of one change, as Baileys sends them: `data` of both.
struct Pair {
    event: &'static str,
    named: String,
    stub: String,
}

fn stub(kind: &str, sender: &str, parameters: &[&str]) -> String {
    let parameters = serde_json::to_string(parameters).expect("texts serialize");
    format!(
        r#"{{"key":{{"remoteJid":"1@g.us","fromMe":false,"id":"99-1773150300",{sender}}},"messageTimestamp":"1773150300","messageStubType":{kind},"messageStubParameters":{parameters}}}"#
    )
}

const BY: &str = r#""author":"9@lid","authorPn":"5511900000009@s.whatsapp.net""#;
const SENDER: &str = r#""participant":"9@lid","participantAlt":"5511900000009@s.whatsapp.net""#;

fn pairs() -> Vec<Pair> {
    let mut pairs = of_participants();
    pairs.extend(of_settings());
    pairs.extend(of_requests());
    pairs
}

fn of_participants() -> Vec<Pair> {
    let ana = r#"{"id":"2@lid","phoneNumber":"5511900000002@s.whatsapp.net","admin":null}"#;
    let bia = r#"{"id":"3@lid","phoneNumber":"5511900000003@s.whatsapp.net","admin":"admin"}"#;
    let people = |action: &str, kind: &str, who: &[&str]| Pair {
        event: "group-participants.update",
        named: format!(
            r#"{{"id":"1@g.us",{BY},"participants":[{}],"action":"{action}"}}"#,
            who.join(",")
        ),
        stub: stub(kind, SENDER, who),
    };
    vec![
        people("add", r#""GROUP_PARTICIPANT_ADD""#, &[ana, bia]),
        people("add", "71", &[ana]),
        people("add", r#""GROUP_PARTICIPANT_INVITE""#, &[bia]),
        people("remove", r#""GROUP_PARTICIPANT_REMOVE""#, &[ana]),
        people("remove", "32", &[bia]),
        people("promote", r#""GROUP_PARTICIPANT_PROMOTE""#, &[bia]),
        people("demote", "30", &[ana]),
        people("modify", r#""GROUP_PARTICIPANT_CHANGE_NUMBER""#, &[ana]),
        // Before 7.0.0-rc.6: addresses as they are, and the author in the message.
        Pair {
            event: "group-participants.update",
            named: r#"{"id":"1@g.us","author":"5511900000009@s.whatsapp.net","participants":["5511900000004@s.whatsapp.net"],"action":"add"}"#
                .to_owned(),
            stub: r#"{"key":{"remoteJid":"1@g.us","id":"99"},"participant":"5511900000009:3@s.whatsapp.net","messageTimestamp":1773150300,"messageStubType":27,"messageStubParameters":["5511900000004@s.whatsapp.net"]}"#
                .to_owned(),
        },
        // Joined by a link: no one added them.
        Pair {
            event: "group-participants.update",
            named: r#"{"id":"1@g.us","author":"","participants":["2@lid"],"action":"add"}"#.to_owned(),
            stub: stub("31", r#""participant":null"#, &["2@lid"]),
        },
    ]
}

fn of_settings() -> Vec<Pair> {
    let group = |named: &str, kind: &str, value: &str| Pair {
        event: "groups.update",
        named: format!(r#"[{{"id":"1@g.us",{named},{BY}}}]"#),
        stub: stub(kind, SENDER, &[value]),
    };
    vec![
        group(
            r#""subject":"Condom\u00ednio""#,
            r#""GROUP_CHANGE_SUBJECT""#,
            "Condomínio",
        ),
        group(r#""desc":"a \"b\"""#, "24", r#"a "b""#),
        group(r#""announce":true"#, r#""GROUP_CHANGE_ANNOUNCE""#, "on"),
        group(r#""announce":false"#, "26", "off"),
        group(r#""restrict":true"#, r#""GROUP_CHANGE_RESTRICT""#, "true"),
        group(r#""inviteCode":"EXEMPLO""#, r#""GROUP_CHANGE_INVITE_LINK""#, "EXEMPLO"),
        group(
            r#""memberAddMode":true"#,
            r#""GROUP_MEMBER_ADD_MODE""#,
            "all_member_add",
        ),
        group(
            r#""joinApprovalMode":false"#,
            r#""GROUP_MEMBERSHIP_JOIN_APPROVAL_MODE""#,
            "off",
        ),
    ]
}

fn of_requests() -> Vec<Pair> {
    let wish = r#"{"lid":"6@lid","pn":"5511900000006@s.whatsapp.net"}"#;
    let request = r#""GROUP_MEMBERSHIP_JOIN_APPROVAL_REQUEST_NON_ADMIN_ADD""#;
    let wished = r#""participant":"6@lid","participantPn":"5511900000006@s.whatsapp.net""#;
    let of = |action: &str, method: &str, parameters: &[&str]| Pair {
        event: "group.join-request",
        named: format!(r#"{{"id":"1@g.us",{BY},{wished},"action":"{action}"{method}}}"#),
        stub: stub(request, SENDER, parameters),
    };
    vec![
        of(
            "created",
            r#","method":"invite_link""#,
            &[wish, "created", "invite_link"],
        ),
        of("rejected", "", &[wish, "rejected"]),
    ]
}

/// The same over each of the platforms that pass on what Baileys says.
fn bodies(pair: &Pair) -> Vec<(Platform, String, String)> {
    let list = format!(r#"{{"messages":[{}],"type":"append"}}"#, pair.stub);
    let baileys = |event: &str, data: &str| format!(r#"{{"event":"{event}","data":{data},"webhookVerifyToken":"x"}}"#);
    let evolution = |event: &str, data: &str| format!(r#"{{"event":"{event}","instance":"loja","data":{data}}}"#);
    let chatwoot = |event: &str, data: &str| {
        format!(
            r#"{{"event":"provider_event_received","account":{{"id":3}},"inbox":{{"id":5}},"provider_event":"{event}","provider_event_data":{data}}}"#
        )
    };
    vec![
        (
            Platform::Baileys,
            baileys(pair.event, &pair.named),
            baileys("messages.upsert", &list),
        ),
        (
            Platform::Evolution,
            evolution(pair.event, &pair.named),
            evolution("messages.upsert", &pair.stub),
        ),
        (
            Platform::Chatwoot,
            chatwoot(pair.event, &pair.named),
            chatwoot("messages.upsert", &list),
        ),
    ]
}

fn received(seconds: u64) -> Timestamp {
    let start = Timestamp::parse("2026-03-10T13:45:00Z").expect("valid");
    Timestamp::from_millis(start.millis() + i64::try_from(seconds * 1000).expect("small")).expect("in range")
}

fn event(enveloper: &Enveloper, platform: Platform, body: &str, at: Timestamp) -> Event {
    let Prepared::Records(records) = enveloper.prepare(&source(platform), &HeaderMap::new(), body.as_bytes(), at)
    else {
        panic!("events: {body}")
    };
    assert_eq!(records.len(), 1, "{body}");
    Event::decode(&records[0].value).expect("an event")
}

fn group(event: &Event) -> serde_json::Value {
    let data: serde_json::Value = serde_json::from_str(event.data()).expect("data are JSON");
    data["group"].clone()
}

#[test]
fn event_and_stub_are_one_event_in_either_order() {
    for pair in pairs() {
        for (platform, named, stub) in bodies(&pair) {
            let mut ids = String::new();
            for (first, second) in [(&named, &stub), (&stub, &named)] {
                let enveloper = Enveloper::default();
                let first = event(&enveloper, platform, first, received(0));
                let second = event(&enveloper, platform, second, received(2));
                assert_eq!(first.id(), second.id(), "{named}\n{stub}");
                assert_eq!(first.event_type(), second.event_type());
                assert_ne!(first.event_type().as_str(), "unmapped", "{named}");
                assert_eq!(first.attributes.partition_key, second.attributes.partition_key);
                // Only the raw part says which of the two it was.
                assert_eq!(group(&first), group(&second), "{named}\n{stub}");
                writeln!(ids, "{}", first.id()).expect("text");
            }
            let ids: Vec<_> = ids.lines().collect();
            assert_eq!(ids[0], ids[1], "whichever comes first");
        }
    }
}

#[test]
fn all_changes_are_different_events() {
    let enveloper = Enveloper::default();
    let changes = pairs();
    let ids: std::collections::HashSet<_> = changes
        .iter()
        .map(|pair| event(&enveloper, Platform::Baileys, &bodies(pair)[0].1, received(0)).id())
        .collect();
    assert_eq!(ids.len(), changes.len());
}

#[test]
fn the_samples_of_one_change_are_one_event() {
    let stub = sample(Platform::Baileys, "messages.upsert.stub_participant_add.json");
    let named = sample(Platform::Baileys, "group-participants.update.add_one.json");
    let (stub, named) = (one(Platform::Baileys, &stub), one(Platform::Baileys, &named));
    assert_eq!(stub.identity, named.identity);
    assert_eq!(
        (stub.time, named.time),
        (None, None),
        "the event has no time, so the stub may not use its own"
    );
    assert_eq!(stub.data, named.data);
}

#[test]
fn a_hidden_id_and_a_phone_number_meet_where_the_number_is_known() {
    let change = |author: &str, who: &str| {
        format!(
            r#"{{"event":"group-participants.update","data":{{"id":"1@g.us",{author},"participants":[{who}],"action":"add"}}}}"#
        )
    };
    let numbers = change(
        r#""author":"5511900000009@s.whatsapp.net""#,
        r#""5511900000002@s.whatsapp.net""#,
    );
    let hidden = change(
        r#""author":"9@lid","authorPn":"5511900000009@s.whatsapp.net""#,
        r#"{"id":"2@lid","phoneNumber":"5511900000002@s.whatsapp.net"}"#,
    );
    let number_first = change(
        r#""author":"5511900000009:4@s.whatsapp.net""#,
        r#"{"id":"5511900000002@c.us","lid":"2@lid"}"#,
    );
    let unknown = change(r#""author":"9@lid""#, r#""2@lid""#);
    let identity = |body: &str| {
        let parts = one(Platform::Baileys, body).identity;
        parts.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(identity(&numbers), identity(&hidden));
    assert_eq!(identity(&numbers), identity(&number_first));
    assert_ne!(
        identity(&numbers),
        identity(&unknown),
        "nothing in the event says who the hidden ids are"
    );
}

#[test]
fn a_stub_that_says_less_than_its_event_stays_unmapped() {
    let sender = r#""participant":"9@lid""#;
    for (kind, parameters) in [
        (r#""GROUP_CREATE""#, &["Condomínio"][..]),
        ("20", &["Condomínio"][..]),
        (r#""GROUP_CHANGE_ICON""#, &["1773150300"][..]),
        (r#""GROUP_CHANGE_DESCRIPTION""#, &[][..]),
        (r#""GROUP_CHANGE_SUBJECT""#, &[""][..]),
        (r#""GROUP_PARTICIPANT_ADD""#, &[][..]),
        (
            r#""GROUP_MEMBERSHIP_JOIN_APPROVAL_REQUEST_NON_ADMIN_ADD""#,
            &["2@lid"][..],
        ),
        (
            r#""GROUP_MEMBERSHIP_JOIN_APPROVAL_REQUEST_NON_ADMIN_ADD""#,
            &["2@lid", "pondered"][..],
        ),
        (r#""GROUP_BOUNCE""#, &["x"][..]),
    ] {
        let body = format!(
            r#"{{"event":"messages.upsert","data":{{"messages":[{}]}}}}"#,
            stub(kind, sender, parameters)
        );
        let found = one(Platform::Baileys, &body);
        assert_eq!(found.data.event_type().as_str(), "unmapped", "{body}");
        assert_eq!(found.ordering_key, "1@g.us");
    }
}

#[test]
fn anything_in_a_stub_instead_of_a_participant_harms_nothing() {
    for parameter in [
        "{",
        "{}",
        "{\"id\":7}",
        "[1]",
        "null",
        "{\"id\":\"2@lid\"} x",
        "\u{0}",
        "{\"id\":{}}",
    ] {
        let body = format!(
            r#"{{"event":"messages.upsert","data":{{"messages":[{}]}}}}"#,
            stub("27", r#""participant":"9@lid""#, &[parameter])
        );
        let found = one(Platform::Baileys, &body);
        assert_eq!(found.ordering_key, "1@g.us", "{parameter}");
    }
}

#[test]
fn the_same_change_after_the_memory_of_ids_is_a_new_one() {
    let pair = &pairs()[0];
    let (platform, named, stub) = &bodies(pair)[0];
    let enveloper = Enveloper::default();
    let first = event(&enveloper, *platform, named, received(0));
    let fresh = Enveloper::default();
    let later = event(&fresh, *platform, stub, received(MEMORY.as_secs() + 1));
    assert_ne!(first.id(), later.id(), "added, removed and added again");
    assert_eq!(
        first.id().hash_half(),
        later.id().hash_half(),
        "a sink can still see it for as long as it wants"
    );
}
