//! What was posted, what was answered, and what it becomes.

use schemas::event::Event;
use schemas::id::IdTime;
use schemas::name::SourceId;
use schemas::source::Source;
use serde_json::{Value, json};

use super::sender::{Answered, Sender};
use super::{Webhook, samples, types};

/// A webhook and the answer to it.
pub(super) struct Posted {
    source: SourceId,
    name: String,
    /// Where it was posted to, without secrets.
    url: String,
    answer: Answered,
    /// What it becomes if it is accepted.
    events: Vec<Event>,
}

impl Posted {
    pub(super) async fn new(sender: &Sender, source: &Source, webhook: Webhook, forge: bool) -> anyhow::Result<Self> {
        let answer = sender
            .post(source, webhook.body.clone(), &webhook.headers, forge)
            .await?;
        let events = if answer.accepted() {
            samples::becomes(source, &webhook.headers, &webhook.body)?
        } else {
            Vec::new()
        };
        Ok(Self {
            source: source.id.clone(),
            name: webhook.name,
            url: sender.shown(source),
            answer,
            events,
        })
    }

    /// `chatwoot message_created 200  message.created 019…`, without the id where only the receipt makes it.
    pub(super) fn pretty(&self) -> String {
        let became = if self.answer.accepted() {
            let shown = |event: &Event| match id(event) {
                Some(id) => format!("{} {id}", event.event_type()),
                None => event.event_type().to_string(),
            };
            match self.events.as_slice() {
                [] | [_, _, _, _, ..] => types(&self.events),
                few => few.iter().map(shown).collect::<Vec<_>>().join(", "),
            }
        } else {
            self.answer.reason.clone().unwrap_or_default()
        };
        let line = format!("{} {} {}  {became}", self.source, self.name, self.answer.status);
        line.trim_end().to_owned()
    }

    pub(super) fn json(&self) -> Value {
        let event = |event: &Event| json!({ "type": event.event_type().as_str(), "id": id(event) });
        json!({
            "source": self.source.as_str(),
            "sample": self.name,
            "url": self.url,
            "status": self.answer.status,
            "reason": self.answer.reason,
            "events": self.events.iter().map(event).collect::<Vec<_>>(),
        })
    }

    /// Why it was not accepted, where it went, and what to look at.
    fn failure(&self) -> String {
        let Answered { status, reason, .. } = &self.answer;
        let reason = reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
        let hint = match status {
            401 | 404 => {
                "; `forebay dev` says why and keeps the request for `forebay verify`; so does the log of `forebay ingest`"
            }
            503 => "; the log of that process says what it lacks",
            _ => "",
        };
        format!("{} answered {status}{reason}{hint}", self.url)
    }
}

/// The id, unless it is of the moment of the receipt, which is another process's.
fn id(event: &Event) -> Option<String> {
    (event.attributes.id_time == IdTime::Event).then(|| event.id().to_string())
}

/// What came of all that was posted.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) posted: usize,
    accepted: usize,
    events: usize,
    unmapped: usize,
    /// The first refusal.
    pub(super) refused: Option<String>,
}

impl Tally {
    pub(super) fn add(&mut self, posted: &Posted) {
        self.posted += 1;
        self.events += posted.events.len();
        let unmapped = |event: &&Event| event.event_type().as_str() == "unmapped";
        self.unmapped += posted.events.iter().filter(unmapped).count();
        if posted.answer.accepted() {
            self.accepted += 1;
        } else if self.refused.is_none() {
            self.refused = Some(posted.failure());
        }
    }

    pub(super) fn in_words(&self) -> String {
        format!(
            "{} posted, {} accepted, {} refused; {} events, {} of them unmapped",
            self.posted,
            self.accepted,
            self.posted - self.accepted,
            self.events,
            self.unmapped
        )
    }
}
