//! GitHub: `{"action": …, "repository": {…}, …}` with `X-GitHub-Event` and `X-GitHub-Delivery` headers, as JSON or, if the
//! hook is set up so, as the member `payload` of a form (GitHub docs, "Webhook events and payloads", "Delivery headers").
//!
//! The name of the event is in a header alone, so the headers are kept. The type is `github.<event>`; `action` stays where
//! it is. A redelivery, by hand or by the API, repeats the delivery's id. No payload has a time that all of them have.

use schemas::data::{Data, Foreign, Text, Unmapped};

use super::json::{self, Json, object};
use super::{Adapter, Because, NewEvent, Normalized, Reply, Webhook, digest, foreign_type, handshake};

pub(super) const ADAPTER: Adapter = Adapter {
    handshake: handshake::none,
    credential: None,
    map,
};

object! {
    Body { repository: Repository = "repository", organization: Thing = "organization", }
    Repository { id: Json = "id", full_name: Json = "full_name", owner: Thing = "owner", }
    Thing { id: Json = "id", }
}

fn map<'a>(webhook: &Webhook<'a, '_>) -> Result<Normalized<'a>, Unmapped<'a>> {
    let name = webhook.header("x-github-event");
    if name == Some("ping") {
        return Ok(Normalized::Reply(Reply::Empty));
    }
    let about = match webhook.json() {
        Ok(json) => About::of(json),
        Err(reason) => About::of_form(webhook).ok_or(reason)?,
    };
    let headers = webhook.headers_of_event(&["x-github-"], &[]);
    let data = match name.map(|name| foreign_type("github", &format!("github.{name}"))) {
        Some(Some(event_type)) => Data::Foreign(Foreign { event_type, headers }),
        Some(None) => {
            Data::Unmapped(Unmapped::because("not a valid event type").of(name.map(|name| name.to_owned().into())))
        }
        None => Data::Unmapped(Unmapped::because("no `X-GitHub-Event`")),
    };

    let delivery = match webhook.header("x-github-delivery") {
        Some(delivery) => delivery.to_owned(),
        None => digest(webhook.body),
    };
    let ordering_key = about.repository.or_else(|| about.organization.clone());
    Ok(Normalized::Events(vec![NewEvent {
        data,
        ordering_key: ordering_key.map_or_else(|| delivery.clone(), Text::into_owned),
        identity: vec![delivery.into()],
        time: None,
        account: about.organization.or(about.owner),
        subject: about.full_name,
        raw: webhook.whole(),
    }]))
}

/// Which repository, and whose.
struct About<'a> {
    repository: Option<Text<'a>>,
    full_name: Option<Text<'a>>,
    organization: Option<Text<'a>>,
    owner: Option<Text<'a>>,
}

impl<'a> About<'a> {
    fn of(json: Json<'a>) -> Self {
        let body: Body<'a> = json.read();
        Self {
            repository: body.repository.id.text(),
            full_name: body.repository.full_name.text(),
            organization: body.organization.id.text(),
            owner: body.repository.owner.id.text(),
        }
    }

    fn of_form(webhook: &Webhook<'a, '_>) -> Option<Self> {
        let payload = webhook.form().get("payload")?;
        let (_, json) = json::parse(payload.as_bytes()).ok()?;
        let owned = |text: Option<Text<'_>>| text.map(|text| Text::Owned(text.into_owned()));
        let about = About::of(json);
        Some(Self {
            repository: owned(about.repository),
            full_name: owned(about.full_name),
            organization: owned(about.organization),
            owner: owned(about.owner),
        })
    }
}
