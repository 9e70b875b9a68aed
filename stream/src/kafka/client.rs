//! What every librdkafka client tells us beside its answers: logs, whether brokers can be reached, refused credentials.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use schemas::log::LogError;

/// The state of the connection of one client, told once when it turns bad and once when it is good again.
#[derive(Debug)]
pub(super) struct Connection {
    brokers: String,
    /// What the client is for, in logs.
    client: String,
    /// How long nothing but refusals must have been heard before they count: a broker that is shutting down or starting
    /// breaks off handshakes, and librdkafka tells that apart from a wrong password by nothing.
    refusal_patience: Duration,
    /// Whether there is trouble at all; read for every record, so not behind the lock.
    troubled: AtomicBool,
    trouble: Mutex<Trouble>,
}

#[derive(Debug, Default)]
struct Trouble {
    /// No broker could be reached when we last heard of any.
    down: bool,
    /// Brokers refuse us (credentials, certificates): since when, and the last reason.
    refused: Option<(Instant, String)>,
    /// librdkafka's last word, often with a hint.
    last: Option<String>,
}

impl Connection {
    pub(super) fn new(brokers: &str, client: impl Into<String>, refusal_patience: Duration) -> Self {
        Self {
            brokers: brokers.to_owned(),
            client: client.into(),
            refusal_patience,
            troubled: AtomicBool::new(false),
            trouble: Mutex::default(),
        }
    }

    fn trouble(&self) -> MutexGuard<'_, Trouble> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether no broker could be reached when we last heard of any.
    pub(super) fn is_down(&self) -> bool {
        self.troubled.load(Ordering::Relaxed) && self.trouble().down
    }

    /// A broker has answered.
    pub(super) fn reached(&self) {
        if self.troubled.load(Ordering::Relaxed) && self.troubled.swap(false, Ordering::Relaxed) {
            let trouble = std::mem::take(&mut *self.trouble());
            if trouble.down {
                tracing::info!(brokers = %self.brokers, client = %self.client, "kafka is reachable again");
            }
        }
    }

    /// A client-wide error of librdkafka, which goes on trying by itself. Credentials and certificates are what does not
    /// mend by trying.
    pub(super) fn error(&self, error: &KafkaError, reason: &str) {
        let code = error.rdkafka_error_code();
        let mut trouble = self.trouble();
        if is_refusal(code) {
            let since = trouble.refused.take().map_or_else(Instant::now, |(since, _)| since);
            trouble.refused = Some((since, reason.to_owned()));
        }
        if code != Some(Code::AllBrokersDown) || trouble.last.is_none() {
            trouble.last = Some(reason.to_owned());
        }
        let unreachable = is_refusal(code) || code == Some(Code::AllBrokersDown);
        if unreachable && !std::mem::replace(&mut trouble.down, true) {
            let cause = trouble.last.as_deref();
            tracing::warn!(brokers = %self.brokers, client = %self.client, error = cause, "kafka is not reachable");
        } else {
            tracing::debug!(brokers = %self.brokers, client = %self.client, error = %reason, "error of the kafka client");
        }
        self.troubled.store(true, Ordering::Relaxed);
    }

    /// The error to give for an answer that did not come: refused credentials will not mend by trying, the rest may.
    pub(super) fn failure(&self, what: &str, error: &KafkaError) -> LogError {
        if let Some(refusal) = self.refusal() {
            return refusal;
        }
        let cause = self.last();
        let cause = cause.or_else(|| error.rdkafka_error_code().map(|code| code.to_string()));
        let cause = cause.unwrap_or_else(|| error.to_string());
        LogError::Unavailable(format!("{what} from kafka at `{}`: {cause}", self.brokers))
    }

    /// What librdkafka said last of what is wrong, if something is.
    pub(super) fn last(&self) -> Option<String> {
        self.trouble().last.clone()
    }

    /// Set while brokers refuse us, and have done so for longer than the patience.
    pub(super) fn refusal(&self) -> Option<LogError> {
        let trouble = self.trouble();
        let (since, reason) = trouble.refused.as_ref()?;
        (since.elapsed() >= self.refusal_patience).then(|| {
            LogError::Misconfigured(format!(
                "kafka at `{}` refuses the connection: {reason}; check `security.protocol`, `sasl.*` and `ssl.*`",
                self.brokers
            ))
        })
    }
}

/// Whether trying again is useless until somebody changes the settings.
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

/// Hands a log line of librdkafka to `tracing`. Failing connections are [`Connection`]'s to tell, else they would fill
/// the log; librdkafka itself keeps the values of secret properties out of its lines.
pub(super) fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    let told_elsewhere = matches!(facility, "FAIL" | "ERROR" | "CONFWARN");
    match level {
        _ if told_elsewhere => tracing::debug!(target: "librdkafka", facility, "{message}"),
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
        let patient = Connection::new("b:1", "consumer", Duration::from_mins(10));
        patient.error(&error, "SASL PLAIN mechanism handshake failed");
        assert!(patient.is_down() && patient.refusal().is_none());
        let failure = patient.failure("no offsets", &error);
        assert!(matches!(failure, LogError::Unavailable(_)), "{failure}");

        let impatient = Connection::new("b:1", "producer", Duration::ZERO);
        impatient.error(&error, "no such user");
        let failure = impatient.failure("no offsets", &error);
        assert!(matches!(failure, LogError::Misconfigured(_)), "{failure}");
        impatient.reached();
        assert!(impatient.refusal().is_none());
    }
}
