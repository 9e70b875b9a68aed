//! Twilio: a phone number says where its incoming messages go (`GET /2010-04-01/Accounts/{Sid}/IncomingPhoneNumbers.json`,
//! `POST …/IncomingPhoneNumbers/{Sid}.json`, in forms). It signs with the account's auth token.

use http::Method;
use schemas::source::{Scheme, percent_encoded};
use serde_json::Value;

use super::access::{Access, Credentials};
use super::api::{Api, Body};
use super::error::ConnectError;
use super::hook::{self, Found, Hook};
use super::ingest_url::{self, Proof};
use super::order::{Registration, Report, Task};

pub(super) const ACCESS: Access = Access {
    base: Some("https://api.twilio.com"),
    prefix: "/2010-04-01",
    credentials: Credentials::AccountAndToken,
    headers: &[],
    token: "give the auth token of the account (Twilio console: Account info) in FOREBAY_PLATFORM_TOKEN, and its SID with --account",
    not_found: "is --account the SID of the account (AC…)?",
};

pub(super) async fn connect(task: &Task<'_>, api: &mut Api<'_>) -> Result<Report, ConnectError> {
    if !matches!(
        task.proof,
        Proof::Signature | Proof::UrlSecret | Proof::Query(_) | Proof::Open
    ) {
        return Err(task.unfit("leave `auth` out for its signature, or use url_secret"));
    }
    if !task.order.events.is_empty() {
        return Err(ConnectError::Order(
            "a number of Twilio has no events: leave --events out".to_owned(),
        ));
    }
    let account = task.account("the SID of the account (AC…)")?;
    let number = task.instance("the phone number, as in +5511999990000")?;
    let numbers = format!("/Accounts/{}/IncomingPhoneNumbers", percent_encoded(account.as_bytes()));
    let path = format!("{numbers}.json?PhoneNumber={}", percent_encoded(number.as_bytes()));
    let answer = api.read(&path).await?;
    let Some(found) = answer["incoming_phone_numbers"].as_array() else {
        return Err(api.unreadable("GET IncomingPhoneNumbers", "it holds no list of numbers"));
    };
    // The filter finds parts of numbers, too.
    let Some(raw) = found.iter().find(|raw| raw["phone_number"] == *number) else {
        return Err(ConnectError::Order(format!(
            "the account has no number `{number}`; write --instance as +, country, number"
        )));
    };
    let url = hook::text(raw, "sms_url").to_owned();
    let hooks = [Hook {
        id: hook::text(raw, "sid").to_owned(),
        url: url.clone(),
        events: [].into(),
        active: true,
        raw: raw.clone(),
    }];
    let (found, mut remarks) = hook::look(task, &hooks, task.ingest_url.url(), &[], None, |hook| {
        let posts = hook.raw["sms_method"] == "POST";
        if posts {
            Vec::new()
        } else {
            vec!["it does not POST".to_owned()]
        }
    });
    let name = format!("the messages of {number}");
    let registration = match found {
        Found::Right(_) => Registration::Unchanged(name),
        Found::Different { differences, .. } => Registration::Updated {
            hook: name,
            differences,
        },
        // What Twilio puts there when no one has chosen.
        Found::Absent if url.is_empty() || ingest_url::host_of(&url) == "demo.twilio.com" || task.order.replace => {
            Registration::Created(name)
        }
        Found::Absent => {
            return Err(ConnectError::Taken {
                what: format!("the number `{number}`"),
                host: ingest_url::host_of(&url),
            });
        }
    };
    if !matches!(registration, Registration::Unchanged(_)) {
        let path = format!("{numbers}/{}.json", percent_encoded(hooks[0].id.as_bytes()));
        let form = vec![
            ("SmsUrl", task.ingest_url.url().to_owned()),
            ("SmsMethod", "POST".to_owned()),
        ];
        api.change(Method::POST, &path, Body::Form(form)).await?;
    }
    remarks.extend(remarks_on(task, raw));
    Ok(task.report(registration).remarks(remarks))
}

/// What else to know of a number.
fn remarks_on(task: &Task<'_>, raw: &Value) -> Vec<String> {
    let mut remarks = Vec::new();
    if let Some(Scheme::Twilio { url: Some(known) }) = &task.source.scheme
        && !task.ingest_url.url().starts_with(known.trim_end_matches('/'))
    {
        remarks.push(format!(
            "`auth.url` of source `{}` is {known}, but Twilio signs the URL registered here: make them the same",
            task.source.id
        ));
    }
    if raw["sms_application_sid"].as_str().is_some_and(|sid| !sid.is_empty()) {
        remarks.push("the number belongs to a TwiML application, whose URL counts instead: change it there".to_owned());
    }
    remarks.push(
        "states of messages that you send come to the StatusCallback of each, or of the messaging service: give the same URL there"
            .to_owned(),
    );
    remarks
}
