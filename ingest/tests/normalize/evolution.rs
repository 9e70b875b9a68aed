//! Evolution API: which of its events are one, and what its versions do differently.

use schemas::data::{Data, DeliveryStatus};
use schemas::event::Raw;
use schemas::platform::Platform;

use crate::{events, one, sample};

fn body(event: &str, data: &str) -> String {
    format!(
        r#"{{"event":"{event}","instance":"loja","data":{data},"date_time":"2026-03-10T10:36:51.210Z","sender":"5511900000009@s.whatsapp.net","apikey":null}}"#
    )
}

#[test]
fn what_is_sent_over_the_interface_and_comes_back_as_a_message_is_one_event() {
    let data = |participant: &str| {
        format!(
            r#"{{"key":{{"remoteJid":"1@g.us","fromMe":true,"id":"A"{participant}}},"status":"PENDING","message":{{"conversation":"x"}},"messageTimestamp":1773149830}}"#
        )
    };
    let sent = body("send.message", &data(""));
    let back = body("messages.upsert", &data(r#","participant":"271000000000009@lid""#));
    let (first, second) = (one(Platform::Evolution, &sent), one(Platform::Evolution, &back));
    assert_eq!(first.identity, second.identity);
    assert_eq!(first.time, second.time);
    assert_eq!(first.ordering_key, "loja/1@g.us");
}

#[test]
fn a_deletion_reported_under_three_names_is_one_event() {
    let as_deletion = body(
        "messages.delete",
        r#"{"remoteJid":"5511@s.whatsapp.net","fromMe":false,"id":"A","participant":""}"#,
    );
    let as_update = body(
        "messages.update",
        r#"{"keyId":"A","remoteJid":"5511@s.whatsapp.net","fromMe":false,"status":"DELETED"}"#,
    );
    let as_list = body(
        "messages.delete",
        r#"{"keys":[{"remoteJid":"5511@s.whatsapp.net","id":"A"}]}"#,
    );
    let first = one(Platform::Evolution, &as_deletion);
    assert_eq!(first.data.event_type().as_str(), "message.deleted");
    for other in [&as_update, &as_list] {
        assert_eq!(first.identity, one(Platform::Evolution, other).identity, "{other}");
    }
}

#[test]
fn updates_are_flat_or_as_the_library_says_them() {
    for (data, expected) in [
        (
            r#"{"keyId":"A","remoteJid":"5511@s.whatsapp.net","fromMe":true,"status":"DELIVERY_ACK"}"#,
            DeliveryStatus::Delivered,
        ),
        (
            r#"{"id":"A","remoteJid":"5511@s.whatsapp.net","fromMe":true,"status":"READ","datetime":1773149830123}"#,
            DeliveryStatus::Read,
        ),
        (
            r#"[{"key":{"remoteJid":"5511@s.whatsapp.net","fromMe":true,"id":"A"},"update":{"status":5}}]"#,
            DeliveryStatus::Played,
        ),
        // The business platform's words.
        (
            r#"{"keyId":"A","remoteJid":"5511@s.whatsapp.net","fromMe":false,"status":"SENT"}"#,
            DeliveryStatus::Sent,
        ),
        (
            r#"{"keyId":"A","remoteJid":"5511@s.whatsapp.net","fromMe":false,"status":"DELIVERED"}"#,
            DeliveryStatus::Delivered,
        ),
        (
            r#"{"keyId":"A","remoteJid":"5511@s.whatsapp.net","fromMe":false,"status":"FAILED"}"#,
            DeliveryStatus::Failed,
        ),
    ] {
        let body = body("messages.update", data);
        let event = one(Platform::Evolution, &body);
        let Data::MessageStatus(status) = &event.data else {
            panic!("{data}: {event:?}")
        };
        assert_eq!((&*status.id, status.status), ("A", expected), "{data}");
        assert_eq!(event.account.as_deref(), Some("loja"));
    }
}

/// The sender writes `SERVER_ACK` wherever there is no status.
#[test]
fn an_update_of_something_else_is_no_status() {
    let update = |rest: &str| {
        body(
            "messages.update",
            &format!(r#"{{"keyId":"A","remoteJid":"5511@s.whatsapp.net","fromMe":true,"status":"SERVER_ACK",{rest}}}"#),
        )
    };
    let first = update(r#""pollUpdates":[{"name":"x","voters":["5511@s.whatsapp.net"]},{"name":"y","voters":[]}]"#);
    let second = update(r#""pollUpdates":[{"name":"x","voters":[]},{"name":"y","voters":["5511@s.whatsapp.net"]}]"#);
    let (vote, other_vote) = (one(Platform::Evolution, &first), one(Platform::Evolution, &second));
    assert_eq!(vote.data.event_type().as_str(), "unmapped");
    assert_eq!(vote.ordering_key, "loja/5511@s.whatsapp.net");
    assert_ne!(vote.identity, other_vote.identity);

    let edit = update(r#""message":{"editedMessage":{"message":{"conversation":"y"}}}"#);
    let Data::MessageUpdated(message) = one(Platform::Evolution, &edit).data else {
        panic!("{edit}")
    };
    assert_eq!((&*message.id, message.text.as_deref()), ("A", Some("y")));
}

#[test]
fn a_deletion_under_the_hidden_id_is_in_the_chat_with_the_phone() {
    let deletion = |chat: &str| {
        body(
            "messages.delete",
            &format!(r#"{{"id":"A","fromMe":false,"status":"DELETED",{chat}}}"#),
        )
    };
    let phone = deletion(r#""remoteJid":"5511900000001@s.whatsapp.net","remoteJidAlt":"27@lid""#);
    let hidden = deletion(r#""remoteJid":"27@lid","remoteJidAlt":"5511900000001@s.whatsapp.net""#);
    let (first, second) = (one(Platform::Evolution, &phone), one(Platform::Evolution, &hidden));
    assert_eq!(first.identity, second.identity);
    assert_eq!(first.ordering_key, second.ordering_key);
    assert_eq!(first.data, second.data);
}

#[test]
fn a_message_of_before_is_the_event_that_it_was_at_its_time() {
    let message = r#"{"key":{"remoteJid":"5511@s.whatsapp.net","fromMe":false,"id":"A"},"messageTimestamp":1773149830,"message":{"conversation":"x"}}"#;
    let at_its_time = body("messages.upsert", message);
    let later = body("messages.set", &format!("[{message}]"));
    let (first, second) = (one(Platform::Evolution, &at_its_time), one(Platform::Evolution, &later));
    assert_eq!(
        (first.identity, first.time, first.data),
        (second.identity, second.time, second.data)
    );
}

#[test]
fn the_wall_clock_of_the_server_is_never_a_time() {
    for name in [
        "connection.update.json",
        "group-participants.update.strings.json",
        "groups.update.json",
    ] {
        assert_eq!(
            one(Platform::Evolution, &sample(Platform::Evolution, name)).time,
            None,
            "{name}"
        );
    }
}

#[test]
fn two_instances_are_two_lines() {
    let body = body(
        "messages.upsert",
        r#"{"key":{"remoteJid":"5511@s.whatsapp.net","id":"A"},"message":{"conversation":"x"}}"#,
    );
    let other = body.replace("loja", "filial");
    let (first, second) = (one(Platform::Evolution, &body), one(Platform::Evolution, &other));
    assert_ne!(first.identity, second.identity);
    assert_ne!(first.ordering_key, second.ordering_key);
}

#[test]
fn surprises_are_unmapped_with_their_account_and_their_place_in_the_order() {
    for (event, data, key) in [
        (
            "messages.update",
            r#"{"keyId":"A","remoteJid":"5511@c.us","status":"EDITED"}"#,
            "loja/5511@s.whatsapp.net",
        ),
        (
            "messages.update",
            r#"{"remoteJid":"5511@c.us","status":"READ"}"#,
            "loja/5511@s.whatsapp.net",
        ),
        ("messages.update", "7", "unmapped"),
        (
            "messages.edited",
            r#"{"key":{"remoteJid":"5511@c.us","id":"A"},"type":"EPHEMERAL_SETTING"}"#,
            "loja/5511@s.whatsapp.net",
        ),
        ("connection.update", r#"{"state":"thinking"}"#, "unmapped"),
        ("contacts.update", r#"{"pushName":"x"}"#, "unmapped"),
        ("chats.delete", "[]", "unmapped"),
        (
            "group-participants.update",
            r#"{"id":"1@g.us","participants":[],"action":"add"}"#,
            "loja/1@g.us",
        ),
    ] {
        let body = body(event, data);
        let found = one(Platform::Evolution, &body);
        assert_eq!(found.data.event_type().as_str(), "unmapped", "{body}");
        assert_eq!(
            (&*found.ordering_key, found.account.as_deref()),
            (key, Some("loja")),
            "{body}"
        );
    }
}

#[test]
fn the_key_of_the_instance_is_blanked() {
    let body = body(
        "contacts.update",
        r#"[{"remoteJid":"1@g.us"},{"remoteJid":"2@lid","apikey":"apikey-de-exemplo"}]"#,
    );
    for event in events(Platform::Evolution, body.as_bytes()) {
        assert!(
            matches!(&event.raw, Raw::Json(raw) if !raw.contains("apikey-de-exemplo")),
            "{event:?}"
        );
    }
}

/// The sender names what it does not know after the business platform's type.
#[test]
fn what_the_business_platform_says_is_read_under_the_senders_names() {
    let message = |content: &str| {
        body(
            "messages.upsert",
            &format!(
                r#"{{"key":{{"remoteJid":"5511@s.whatsapp.net","fromMe":false,"id":"A"}},"message":{content},"messageTimestamp":1773149830}}"#
            ),
        )
    };
    let order = message(r#"{"orderMessage":{"catalog_id":"1","text":"Entregam hoje?","product_items":[]}}"#);
    let Data::MessageCreated(order) = one(Platform::Evolution, &order).data else {
        panic!("{order}")
    };
    assert_eq!(
        (order.kind.as_deref(), order.text.as_deref()),
        (Some("order"), Some("Entregam hoje?"))
    );
    let opened = message(r#"{"request_welcomeMessage":{}}"#);
    let opened = one(Platform::Evolution, &opened);
    assert_eq!(opened.data.event_type().as_str(), "unmapped");
    assert_eq!(opened.ordering_key, "loja/5511@s.whatsapp.net");
    assert!(opened.time.is_some());
}
