//! Platforms whose webhooks are set by hand: where, and with which values.

use schemas::platform::Platform;
use schemas::secret::Secret;

use super::ingest_url::Proof;
use super::order::{KeptSecret, Registration, Report, Task};

/// Directions, one step each.
pub(super) fn directions(task: &Task<'_>) -> Report {
    let url = task.ingest_url.shown();
    let id = &task.source.id;
    let mut steps: Vec<String> = match task.source.platform {
        Platform::Huggy => vec![
            "in Huggy's panel: Configurações, Webhook (or, for an app, its page below Desenvolvedores)".to_owned(),
            format!("URL: {url}"),
            "choose the events, then save: Huggy posts its token to the URL and wants it back".to_owned(),
            format!("take the token that the panel shows into `verify_token` of source `{id}`, so that only it is confirmed"),
        ],
        Platform::Slack => vec![
            "at api.slack.com/apps: your app, Event Subscriptions, Enable Events".to_owned(),
            format!("Request URL: {url}"),
            "subscribe to bot events, as in message.channels, app_mention, reaction_added; then reinstall the app".to_owned(),
            "the same URL goes into Interactivity & Shortcuts and into each of Slash Commands".to_owned(),
            format!("Basic Information, Signing Secret: into `secrets` of source `{id}`"),
        ],
        Platform::WhatsappCloud => vec![
            "at developers.facebook.com/apps: your app, WhatsApp, Configuration, Webhook, Edit".to_owned(),
            format!("Callback URL: {url}"),
            format!("Verify token: what `verify_token` of source `{id}` is"),
            "subscribe to messages (and smb_message_echoes, if numbers are used in the app, too)".to_owned(),
            format!("App settings, Basic, App secret: into `secrets` of source `{id}`"),
            "the app must be subscribed to the business account: POST /{WABA id}/subscribed_apps".to_owned(),
        ],
        Platform::Intercom => vec![
            "in Intercom's Developer Hub: your app, Webhooks".to_owned(),
            format!("Endpoint URL: {url}"),
            "choose the topics (conversation.*, contact.*, ticket.*), then save".to_owned(),
            format!("Basic information, Client secret: into `secrets` of source `{id}`"),
        ],
        Platform::Twitter => vec![
            "register with the X API: POST /2/webhooks with {\"url\": …} and the app's bearer token; X asks for a CRC at once, and then \
             daily"
                .to_owned(),
            format!("url: {url}"),
            "subscribe each user: POST /2/account_activity/webhooks/{webhook id}/subscriptions/all".to_owned(),
            format!("the app's consumer secret (API key secret): into `secrets` of source `{id}`"),
        ],
        Platform::Cloudevents => vec![
            "in the sender's settings, whatever they are called there".to_owned(),
            format!("URL: {url}"),
            "a sender that asks first (OPTIONS with WebHook-Request-Origin) is answered".to_owned(),
        ],
        _ => vec![
            "in the sender's settings, whatever they are called there".to_owned(),
            format!("URL: {url}"),
        ],
    };
    match &task.proof {
        Proof::Header(name) if name == "authorization" => {
            steps.push(format!(
                "header: Authorization: Bearer and the first of `secrets` of source `{id}`"
            ));
        }
        Proof::Header(name) => steps.push(format!("header: {name} and the first of `secrets` of source `{id}`")),
        Proof::Basic => steps.push(format!("user and password: the first of `secrets` of source `{id}`")),
        Proof::Signature if task.source.platform == Platform::Standard => steps.push(format!(
            "signing secret (whsec_…): the same there and in `secrets` of source `{id}`"
        )),
        _ => {}
    }
    let mut report = task.report(Registration::ByHand(steps));
    if matches!(task.source.platform, Platform::WhatsappCloud) && task.source.verify_token.is_none() {
        report = report.remark(format!(
            "source `{id}` has no `verify_token` yet: without it Meta's question is answered 403, and it does not save the URL"
        ));
    }
    if task.ingest_url.shown() != task.ingest_url.url() {
        report.kept_secret = Some(KeptSecret::Url(Secret::new(task.ingest_url.url())));
    }
    report
}
