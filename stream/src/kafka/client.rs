//! What every librdkafka client reports besides its answers: logs, whether brokers can be reached, refused credentials.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use schemas::log::LogError;
use schemas::outage::{Line, Outages};

/// Whether the brokers are away, for all clients of a log together: what is logged of it.
pub(super) type Unreachable = Arc<Outages<()>>;

/// The state of the connection of one client. That it fails, and that it works again, is logged for all clients together.
#[derive(Debug)]
pub(super) struct Connection {
    brokers: String,
    /// What the client is for, in logs.
    client: String,
    /// How long brokers must have answered with nothing but refusals before they count: a broker that is shutting down
    /// or starting breaks off handshakes, which librdkafka reports like a wrong password.
    refusal_patience: Duration,
    /// Whether there is a problem at all; read for every record, so without the lock.
    has_problem: AtomicBool,
    problem: Mutex<Problem>,
    unreachable: Unreachable,
}

#[derive(Debug, Default)]
struct Problem {
    /// No broker could be reached at the last report.
    down: bool,
    /// Brokers refuse us (credentials, certificates): since when, and the last reason.
    refused: Option<(Instant, String)>,
    /// librdkafka's last error, often with a hint.
    last: Option<String>,
}

impl Connection {
    pub(super) fn new(
        brokers: &str,
        client: impl Into<String>,
        refusal_patience: Duration,
        unreachable: Unreachable,
    ) -> Self {
        Self {
            brokers: brokers.to_owned(),
            client: client.into(),
            refusal_patience,
            has_problem: AtomicBool::new(false),
            problem: Mutex::default(),
            unreachable,
        }
    }

    fn problem(&self) -> MutexGuard<'_, Problem> {
        self.problem.lock()
    }

    /// Whether no broker could be reached at the last report.
    pub(super) fn is_down(&self) -> bool {
        self.has_problem.load(Ordering::Relaxed) && self.problem().down
    }

    /// Notes that a broker has answered.
    pub(super) fn reached(&self) {
        if self.has_problem.load(Ordering::Relaxed) && self.has_problem.swap(false, Ordering::Relaxed) {
            let problem = std::mem::take(&mut *self.problem());
            if problem.down
                && let Some(Line { seconds, failures, .. }) = self.unreachable.over(&(), Instant::now())
            {
                tracing::info!(brokers = %self.brokers, kafka_client = %self.client, seconds, failures, "kafka is reachable again");
            }
        }
    }

    /// Notes a client-wide error of librdkafka, which keeps trying on its own. Only refused credentials and
    /// certificates are not fixed by trying again.
    pub(super) fn error(&self, error: &KafkaError, reason: &str) {
        let code = error.rdkafka_error_code();
        let mut problem = self.problem();
        if is_refusal(code) {
            let since = problem.refused.take().map_or_else(Instant::now, |(since, _)| since);
            problem.refused = Some((since, reason.to_owned()));
        }
        if code != Some(Code::AllBrokersDown) {
            problem.last = Some(reason.to_owned());
        } else if problem.last.is_none() {
            // Its own text counts the address to begin with as another broker: 2/2 on a cluster of one.
            problem.last = Some("no broker answers".to_owned());
        }
        let unreachable = is_refusal(code) || code == Some(Code::AllBrokersDown);
        problem.down |= unreachable;
        // librdkafka says only once that all are down, and then repeats why.
        let cause = problem.last.as_deref().unwrap_or(reason);
        let line = problem
            .down
            .then(|| self.unreachable.failed(&(), cause, Instant::now()));
        if let Some(Line { begins, seconds, .. }) = line.flatten() {
            let text = if begins {
                "kafka is not reachable"
            } else {
                "kafka is still not reachable"
            };
            tracing::warn!(brokers = %self.brokers, kafka_client = %self.client, error = cause, seconds, "{text}");
        } else {
            tracing::debug!(brokers = %self.brokers, kafka_client = %self.client, error = %reason, "error of the kafka client");
        }
        self.has_problem.store(true, Ordering::Relaxed);
    }

    /// Returns the error for an answer that did not come: refused credentials are not fixed by trying again, the rest
    /// may be.
    pub(super) fn failure(&self, what: &str, error: &KafkaError) -> LogError {
        if let Some(refusal) = self.refusal() {
            return refusal;
        }
        let cause = self
            .last()
            .map(|cause| format!("{cause}; is it running, and reachable from here?"));
        let cause = cause.or_else(|| error.rdkafka_error_code().map(|code| code.to_string()));
        let cause = cause.unwrap_or_else(|| error.to_string());
        LogError::Unavailable(format!("{what} from kafka at `{}`: {cause}", self.brokers))
    }

    /// Returns librdkafka's last error, if there is a problem.
    pub(super) fn last(&self) -> Option<String> {
        self.problem().last.clone()
    }

    /// Returns an error while brokers refuse us and have done so for longer than the patience.
    pub(super) fn refusal(&self) -> Option<LogError> {
        let problem = self.problem();
        let (since, reason) = problem.refused.as_ref()?;
        (since.elapsed() >= self.refusal_patience).then(|| {
            LogError::Misconfigured(format!(
                "kafka at `{}` refuses the connection: {reason}; check `security.protocol`, `sasl.*` and `ssl.*`",
                self.brokers
            ))
        })
    }
}

/// Whether trying again is useless until the settings change.
pub(super) fn is_refusal(code: Option<Code>) -> bool {
    matches!(
        code,
        Some(
            Code::Authentication
                | Code::SSL
                | Code::SaslAuthenticationFailed
                | Code::UnsupportedSASLMechanism
                | Code::IllegalSASLState
        )
    )
}

/// Hands a log line of librdkafka to `tracing`. [`Connection`] logs failing connections, otherwise they would fill the
/// log; librdkafka itself keeps the values of secret properties out of its lines.
pub(super) fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    let logged_elsewhere = matches!(facility, "FAIL" | "ERROR" | "CONFWARN");
    match level {
        _ if logged_elsewhere => tracing::debug!(target: "librdkafka", facility, "{message}"),
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical | RDKafkaLogLevel::Error => {
            tracing::error!(target: "librdkafka", facility, "{message}");
        }
        RDKafkaLogLevel::Warning => tracing::warn!(target: "librdkafka", facility, "{message}"),
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
            tracing::debug!(target: "librdkafka", facility, "{message}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_counts_once_it_has_lasted_and_no_longer_than_it_lasts() {
        let error = KafkaError::Global(Code::Authentication);
        let patient = Connection::new("b:1", "consumer", Duration::from_mins(10), Arc::default());
        patient.error(&error, "SASL PLAIN mechanism handshake failed");
        assert!(patient.is_down() && patient.refusal().is_none());
        let failure = patient.failure("no offsets", &error);
        assert!(matches!(failure, LogError::Unavailable(_)), "{failure}");

        let impatient = Connection::new("b:1", "producer", Duration::ZERO, Arc::default());
        impatient.error(&error, "no such user");
        let failure = impatient.failure("no offsets", &error);
        assert!(matches!(failure, LogError::Misconfigured(_)), "{failure}");
        impatient.reached();
        assert!(impatient.refusal().is_none());
    }

    #[test]
    fn brokers_that_are_away_are_one_outage_for_all_clients() {
        let unreachable = Unreachable::default();
        let client = |name: &str| Connection::new("b:1", name, Duration::ZERO, Arc::clone(&unreachable));
        let (producer, consumer) = (client("producer"), client("consumer"));
        let down = KafkaError::Global(Code::AllBrokersDown);
        producer.error(&down, "2/2 brokers are down");
        assert_eq!(producer.last().as_deref(), Some("no broker answers"));
        consumer.error(&KafkaError::Global(Code::BrokerTransportFailure), "Connection refused");
        assert!(!consumer.is_down(), "another broker may answer");
        consumer.error(&down, "2/2 brokers are down");
        assert_eq!(unreachable.reason(&()).as_deref(), Some("Connection refused"));
        producer.reached();
        assert!(!producer.is_down() && consumer.is_down());
        assert_eq!(unreachable.reason(&()), None, "over for all of them");
    }
}
