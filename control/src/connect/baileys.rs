//! baileys-api (fazer-ai): `POST /connections/{phoneNumber}` with `webhookUrl` and `webhookVerifyToken`. Its source has no
//! request that shows what a connection is set to, and the POST is made to be repeated: an open connection takes the new
//! settings over, one that is not open is opened. So it is always sent, and there is nothing to compare.

use http::Method;
use schemas::preset::BAILEYS_TOKEN;
use schemas::source::percent_encoded;
use serde_json::json;

use super::access::{Access, Credentials};
use super::api::{Api, Body};
use super::error::ConnectError;
use super::ingest_url::Proof;
use super::order::{Registration, Report, Task};

pub(super) const ACCESS: Access = Access {
    base: None,
    prefix: "",
    credentials: Credentials::Header("x-api-key"),
    headers: &[],
    token: "give an API key of baileys-api, the one that the connection belongs to, in FOREBAY_PLATFORM_TOKEN",
    not_found: "is --api the address of your baileys-api?",
};

pub(super) async fn connect(task: &Task<'_>, api: &mut Api<'_>) -> Result<Report, ConnectError> {
    match &task.proof {
        Proof::UrlSecret | Proof::Query(_) => {}
        Proof::Body(name) if name == BAILEYS_TOKEN => {}
        _ => return Err(task.unfit("it sends its token in the body: leave `auth` out")),
    }
    let number = task.instance("the phone number of the connection, with + in front")?;
    let digits = number.strip_prefix('+').unwrap_or_default();
    if !(5..=15).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(ConnectError::Order(format!(
            "--instance is `{number}`: give the phone number as + and 5 to 15 digits"
        )));
    }
    if !task.order.events.is_empty() {
        return Err(ConnectError::Order(
            "baileys-api sends all events: leave --events out".to_owned(),
        ));
    }
    let token = task.secret_text()?;
    if token.chars().count() < 6 {
        return Err(ConnectError::Order(format!(
            "the newest secret of source `{}` is too short for baileys-api: give at least 6 characters",
            task.source.id
        )));
    }
    let body = json!({ "webhookUrl": task.ingest_url.url(), BAILEYS_TOKEN: token });
    let path = format!("/connections/{}", percent_encoded(number.as_bytes()));
    api.change(Method::POST, &path, Body::Json(body)).await?;
    let report = task.report(Registration::Updated {
        hook: format!("connection {number}"),
        differences: vec!["not known: baileys-api does not show it, so it is set every time".to_owned()],
    });
    Ok(report.remark(
        "this opens the connection if it is not open, and sets its other options (includeMedia, syncFullHistory, groupsEnabled, …) to \
         their defaults",
    ))
}
