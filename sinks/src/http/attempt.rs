//! One attempt: a slot, a token of the endpoint's rate, a connection; then the request goes out, and its answer is judged.

use chrono::Utc;
use http::StatusCode;
use http::header::AUTHORIZATION;
use net::client::{Answer, SendError};
use schemas::event::Event;
use schemas::sink::{Begun, Delivery, Outcome, Target};
use tokio::time::Instant;

use super::endpoints::ReadyEndpoint;
use super::record::{EXCERPT_BYTES, Ended, Recording, excerpt};
use super::verdict::{self, Class};
use super::{HttpSink, headers};

impl HttpSink {
    /// Tries a delivery once. `begun` is noted when something may go out from then on.
    pub(super) async fn attempt(&self, begun: &Begun, delivery: &Delivery) -> Outcome {
        let tenant = &delivery.event.attributes.tenant;
        let Target::Named(id) = &delivery.target else {
            return Outcome::Rejected {
                reason: format!("the sink `{}` delivers to named endpoints only", self.name),
            };
        };
        let removed = || Outcome::Rejected {
            reason: format!("endpoint `{id}` was removed"),
        };
        let Some(ready) = self.endpoints.current().find(id, tenant).cloned() else {
            return removed();
        };
        let Some(_slot) = ready.slot().await else {
            let (class, outcome) = no_slot(&ready);
            report(&ready, delivery, class, &outcome);
            return outcome;
        };
        ready.turn().await;
        // The wait may have been long: what counts is what is registered now.
        let Some(ready) = self.endpoints.current().find(id, tenant).cloned() else {
            return removed();
        };
        let endpoint = &ready.endpoint.id;
        let watch = self.watch.as_ref().map(|watch| (watch, Instant::now()));
        let report_to_watch = |status| {
            if let Some((watch, begun)) = &watch {
                watch.attempted(delivery, status, begun.elapsed());
            }
        };
        let log = self.attempts.as_deref();
        let mut recording = log.map(|log| Recording::begin(log, &self.name));
        match self.post(&ready, begun, &delivery.event, recording.as_mut()).await {
            Ok(answer) => {
                report_to_watch(Some(answer.status));
                let (class, outcome) = verdict::judge(endpoint, answer.status, &answer.headers, Utc::now());
                report(&ready, delivery, class, &outcome);
                let Some(recording) = recording else {
                    self.client.finish(answer).await;
                    return outcome;
                };
                let took = recording.took();
                let mut ended = Ended::of(&answer);
                if outcome == Outcome::Delivered && !self.keeps_answers {
                    self.client.finish(answer).await;
                } else {
                    let beginning = self.client.finish_with_beginning(answer, EXCERPT_BYTES).await;
                    ended.answer = excerpt(&beginning);
                }
                recording.end(delivery, class, &outcome, took, ended);
                outcome
            }
            Err(error) => {
                report_to_watch(None);
                let class = Class::from(&error);
                let outcome = verdict::failed(endpoint, &error);
                report(&ready, delivery, class, &outcome);
                if let Some(recording) = recording {
                    let took = recording.took();
                    recording.end(delivery, class, &outcome, took, Ended::default());
                }
                outcome
            }
        }
    }

    async fn post(
        &self,
        ready: &ReadyEndpoint,
        begun: &Begun,
        event: &Event,
        recording: Option<&mut Recording<'_>>,
    ) -> Result<Answer, SendError> {
        let destination = ready.destination.as_ref().map_err(Clone::clone)?;
        let of_endpoint = ready.headers.as_ref().map_err(Clone::clone)?;
        let tokens = ready
            .tokens
            .as_ref()
            .map(|tokens| tokens.as_ref().map_err(Clone::clone));
        let tokens = tokens.transpose()?;
        // The request for one is not the endpoint's: nothing goes out to it yet.
        let token = match tokens {
            Some(tokens) => Some(tokens.get().await?),
            None => None,
        };
        let unconnected = ready.unconnected();
        let seat = self.client.seat(destination).await?;
        drop(unconnected);
        let started = Instant::now();
        let body = event.value().clone();
        let mut headers = headers::of_attempt(of_endpoint, &ready.endpoint, event)?;
        if let Some(token) = &token {
            headers.insert(AUTHORIZATION, token.authorization());
        }
        if let Some(recording) = recording {
            recording.request_headers = Some(headers::shown(&headers));
        }
        begun.note();
        let answer = self
            .client
            .send(seat, destination, headers, body, ready.endpoint.timeout)
            .await;
        ready.metrics().all.seconds.observe(started.elapsed().as_secs_f64());
        if let (Some(tokens), Some(token), Ok(answer)) = (tokens, &token, &answer)
            && answer.status == StatusCode::UNAUTHORIZED
        {
            tokens.invalidate(token);
        }
        answer
    }
}

/// The outcome where the slots of an endpoint stayed busy.
fn no_slot(ready: &ReadyEndpoint) -> (Class, Outcome) {
    let (id, patience) = (&ready.endpoint.id, ready.endpoint.timeout);
    if ready.is_unconnected() {
        let reason = format!(
            "deliveries have waited for a connection for {patience:?}: all that `max_connections` allows are in use"
        );
        return (Class::Unavailable, Outcome::Unavailable { reason });
    }
    let reason = format!("endpoint `{id}` takes nothing: all its slots were busy for {patience:?}");
    (Class::NoSlot, Outcome::Retry { after: None, reason })
}

/// Counts an attempt. A failure is logged at `debug` only: the processor, which sees every outcome, logs when a target begins
/// to fail and when it works again.
fn report(ready: &ReadyEndpoint, delivery: &Delivery, class: Class, outcome: &Outcome) {
    ready.metrics().count(class);
    match outcome {
        Outcome::Delivered => ready.delivered(),
        Outcome::Held => {}
        Outcome::Retry { reason, .. }
        | Outcome::Rejected { reason }
        | Outcome::Refused { reason }
        | Outcome::Unavailable { reason } => {
            let endpoint = &ready.endpoint.id;
            let (event_id, offset) = (delivery.event.id(), delivery.record.offset);
            let (attempt, class) = (delivery.attempt, class.as_str());
            tracing::debug!(%endpoint, %event_id, %offset, attempt, class, error = reason, "attempt failed");
        }
    }
}
