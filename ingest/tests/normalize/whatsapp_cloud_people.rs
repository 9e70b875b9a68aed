//! The `WhatsApp` Cloud API: customers under two ids, and what they choose.

use schemas::platform::Platform;
use serde_json::json;

use crate::one;
use crate::whatsapp_cloud_changes::{ANA, ANA_ID, change, data, said};

#[test]
fn a_customer_is_one_party_under_either_id() {
    let contacts = format!(r#""contacts":[{{"profile":{{"name":"Ana"}},"wa_id":"{ANA}","user_id":"{ANA_ID}"}}]"#);
    let content = r#""id":"wamid.A","timestamp":"1773149810","type":"text","text":{"body":"x"}"#;
    let body = |from: &str| change("messages", &format!(r#"{contacts},"messages":[{{{from},{content}}}]"#));
    let bodies = [
        body(&format!(r#""from":"{ANA}""#)),
        body(&format!(r#""from_user_id":"{ANA_ID}""#)),
        body(&format!(r#""from":"{ANA}","from_user_id":"{ANA_ID}""#)),
    ];
    for body in &bodies {
        let event = one(Platform::WhatsappCloud, body);
        let message = data(&event);
        let party =
            json!({"id": ANA, "kind": "contact", "name": "Ana", "phone": "+5511900000001", "alternate_id": ANA_ID});
        assert_eq!(message["from"], party, "{body}");
        assert_eq!(message["conversation"]["id"], ANA, "{body}");
        assert_eq!(message["conversation"]["alternate_id"], ANA_ID, "{body}");
        assert_eq!(event.ordering_key, format!("P/{ANA}"), "{body}");
        assert_eq!(event.subject.as_deref(), Some(ANA), "{body}");
    }
    let hidden = data(&one(
        Platform::WhatsappCloud,
        &change(
            "messages",
            &format!(r#""messages":[{{"from_user_id":"{ANA_ID}",{content}}}]"#),
        ),
    ));
    assert_eq!(
        hidden["from"],
        json!({"id": ANA_ID, "kind": "contact"}),
        "a user id is no number"
    );
    let status = format!(
        r#"{contacts},"statuses":[{{"id":"wamid.B","status":"read","timestamp":"1773149811","recipient_user_id":"{ANA_ID}"}}]"#
    );
    let status = change("messages", &status);
    assert_eq!(one(Platform::WhatsappCloud, &status).ordering_key, format!("P/{ANA}"));
}

#[test]
fn who_is_called_otherwise_from_now_on_is_reported_in_the_order_of_until_now() {
    let message = &said("messages.system.user_changed_user_id")[0];
    assert_eq!(message["kind"], "system");
    assert_eq!(
        message["from"],
        json!({"id": ANA_ID, "kind": "contact", "alternate_id": "BR.10000000000000000009"})
    );
    for (system, expected) in [
        (r#"{"user_id":"BR.2","previous_user_id":"BR.1"}"#, "P/BR.1 BR.2"),
        (r#"{"user_id":"BR.2"}"#, "P/BR.2 null"),
        (
            r#"{"wa_id":"5512","user_id":"BR.2","previous_user_id":"BR.1"}"#,
            "P/BR.1 5512",
        ),
        (r#"{"customer":"5511","wa_id":"5512"}"#, "P/5511 5512"),
    ] {
        let body = format!(r#""messages":[{{"id":"A","type":"system","system":{system}}}]"#);
        let body = change("messages", &body);
        let event = one(Platform::WhatsappCloud, &body);
        let other = &data(&event)["from"]["alternate_id"];
        let other = other.as_str().unwrap_or("null");
        assert_eq!(format!("{} {other}", event.ordering_key), expected, "{system}");
    }
}

#[test]
fn what_a_customer_chose_has_the_id_that_the_bot_gave_it() {
    for (name, text, answer) in [
        (
            "messages.button",
            "Sim, quero",
            json!({"id": "sim-quero", "title": "Sim, quero"}),
        ),
        (
            "messages.interactive.button_reply",
            "Cancelar",
            json!({"id": "cancelar", "title": "Cancelar"}),
        ),
        (
            "messages.interactive.list_reply",
            "Entrega expressa",
            json!({"id": "expresso", "title": "Entrega expressa"}),
        ),
        (
            "messages.interactive.nfm_reply",
            "Enviado",
            json!({"values": {"flow_token": "exemplo", "nota": "9"}}),
        ),
    ] {
        let message = &said(name)[0];
        assert_eq!(
            (&message["text"], &message["answer"]),
            (&json!(text), &answer),
            "{name}"
        );
        assert!(message["quoted"]["id"].is_string(), "{name}");
    }
    assert_eq!(
        said("messages.interactive.call_permission_reply")[0]["answer"]["id"],
        "accept"
    );
    assert_eq!(said("messages.text")[0].get("answer"), None);
}
