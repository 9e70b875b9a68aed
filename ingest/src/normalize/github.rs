//! GitHub: `{"action": …, "repository": {…}, …}` with `X-GitHub-Event` and `X-GitHub-Delivery` headers, as JSON or, if the
//! hook is set up so, as the member `payload` of a form (GitHub docs, "Webhook events and payloads", "Delivery headers").
//!
//! The name of the event is in a header alone, so the headers are kept. The type is `github.<event>`; `action` stays where
//! it is. A redelivery, by hand or by the API, repeats the delivery's id.
//!
//! No payload has a time that all of them have. Where something was made, it says when; of other changes a payload, which is
//! built later, has the last moment alone, and so they have none. Order is kept in a repository, else in an organization, an
//! installation of an app or an enterprise.

use schemas::data::{Data, Foreign, Text, Unmapped};
use schemas::time::Timestamp;

use super::json::{self, Json, object};
use super::{Adapter, Because, NewEvent, Normalized, Reply, Webhook, digest, foreign_type, handshake};

pub(super) const ADAPTER: Adapter = Adapter {
    handshake: handshake::none,
    credential: None,
    map,
};

object! {
    Body {
        action: Json = "action",
        changes: Json = "changes",
        repository: Repository = "repository",
        organization: Thing = "organization",
        installation: Installation = "installation",
        enterprise: Thing = "enterprise",
        // What may be new.
        issue: Thing = "issue",
        pull_request: Thing = "pull_request",
        comment: Thing = "comment",
        review: Thing = "review",
        discussion: Thing = "discussion",
        release: Thing = "release",
        forkee: Thing = "forkee",
        deployment: Thing = "deployment",
        deployment_status: Thing = "deployment_status",
        created: Json = "created_at",
        starred: Json = "starred_at",
    }
    Repository { id: Json = "id", full_name: Json = "full_name", owner: Thing = "owner", }
    Installation { id: Json = "id", account: Thing = "account", }
    Thing { id: Json = "id", created: Json = "created_at", submitted: Json = "submitted_at", published: Json = "published_at", }
}

fn map<'a>(webhook: &Webhook<'a, '_>) -> Result<Normalized<'a>, Unmapped<'a>> {
    let name = webhook.header("x-github-event");
    if name == Some("ping") {
        return Ok(Normalized::Reply(Ok(Reply::Empty)));
    }
    let about = match webhook.json() {
        Ok(json) => About::of(json, name),
        Err(reason) => About::of_form(webhook, name).ok_or(reason)?,
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
    Ok(Normalized::Events(vec![NewEvent {
        data,
        ordering_key: about.whole.map_or_else(|| delivery.clone(), Text::into_owned),
        identity: vec![delivery.into()],
        time: about.time,
        happened: None,
        account: about.account,
        subject: about.full_name,
        raw: webhook.whole(),
    }]))
}

/// Which repository, whose, and when something in it was made.
struct About<'a> {
    /// What keeps its order.
    whole: Option<Text<'a>>,
    full_name: Option<Text<'a>>,
    account: Option<Text<'a>>,
    time: Option<Timestamp>,
}

impl<'a> About<'a> {
    fn of(json: Json<'a>, event: Option<&str>) -> Self {
        let body: Body<'a> = json.read();
        let first = |places: &[Json<'a>]| places.iter().find_map(|place| place.text());
        let Installation { id, account } = &body.installation;
        Self {
            whole: first(&[body.repository.id, body.organization.id, *id, body.enterprise.id]),
            full_name: body.repository.full_name.text(),
            account: first(&[body.organization.id, body.repository.owner.id, account.id]),
            time: event.and_then(|event| body.made(event)),
        }
    }

    fn of_form(webhook: &Webhook<'a, '_>, event: Option<&str>) -> Option<Self> {
        let payload = webhook.form().get("payload")?;
        let (_, json) = json::parse(payload.as_bytes()).ok()?;
        let owned = |text: Option<Text<'_>>| text.map(|text| Text::Owned(text.into_owned()));
        let about = About::of(json, event);
        Some(Self {
            whole: owned(about.whole),
            full_name: owned(about.full_name),
            account: owned(about.account),
            time: about.time,
        })
    }
}

impl Body<'_> {
    /// When what the event is about was made, if that is what happened.
    fn made(&self, event: &str) -> Option<Timestamp> {
        let action = self.action.text();
        let moment = match (event, action.as_deref()) {
            // One that came from another repository was made long before.
            ("issues", Some("opened")) if !self.changes.is_there() => self.issue.created,
            ("pull_request", Some("opened")) => self.pull_request.created,
            (
                "issue_comment" | "commit_comment" | "pull_request_review_comment" | "discussion_comment",
                Some("created"),
            ) => self.comment.created,
            ("pull_request_review", Some("submitted")) => self.review.submitted,
            ("discussion", Some("created")) if !self.changes.is_there() => self.discussion.created,
            ("release", Some("published")) => self.release.published,
            ("fork", _) => self.forkee.created,
            ("star", Some("created")) => self.starred,
            ("deployment", Some("created")) => self.deployment.created,
            ("deployment_status", Some("created")) => self.deployment_status.created,
            ("status", None) => self.created,
            _ => return None,
        };
        moment.time()
    }
}
