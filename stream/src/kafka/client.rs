//! What every librdkafka client tells us beside its answers: logs, whether brokers can be reached, refused credentials.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use schemas::log::LogError;

/// The state of the connection of one client, told once when it turns bad and once when it is good again.
#[derive(Debug)]
pub(super) struct Connection {
    brokers: String,
    /// What the client is for, in logs.
    client: String,
    down: AtomicBool,
    refusal: Mutex<Option<String>>,
}

impl Connection {
    pub(super) fn new(brokers: &str, client: impl Into<String>) -> Self {
        Self {
            brokers: brokers.to_owned(),
            client: client.into(),
            down: AtomicBool::new(false),
            refusal: Mutex::new(None),
        }
    }

    /// Whether no broker could be reached when we last heard of any.
    pub(super) fn is_down(&self) -> bool {
        self.down.load(Ordering::Relaxed)
    }

    /// A broker has answered.
    pub(super) fn reached(&self) {
        // Read first: this is called for every record.
        if self.is_down() && self.down.swap(false, Ordering::Relaxed) {
            *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = None;
            tracing::info!(brokers = %self.brokers, client = %self.client, "kafka is reachable again");
        }
    }

    /// A client-wide error of librdkafka, which goes on trying by itself. Credentials and certificates are what does not
    /// mend by trying.
    pub(super) fn error(&self, error: &KafkaError, reason: &str) {
        let refused = is_refusal(error.rdkafka_error_code());
        if refused {
            *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason.to_owned());
        }
        let unreachable = refused || error.rdkafka_error_code() == Some(Code::AllBrokersDown);
        if unreachable && !self.down.swap(true, Ordering::Relaxed) {
            tracing::warn!(brokers = %self.brokers, client = %self.client, error = %reason, "kafka is not reachable");
        } else {
            tracing::debug!(brokers = %self.brokers, client = %self.client, error = %reason, "error of the kafka client");
        }
    }

    /// The error to give for an answer that did not come: refused credentials will not mend by trying, the rest may.
    pub(super) fn failure(&self, what: &str, error: &KafkaError) -> LogError {
        if let Some(refusal) = self.refusal() {
            return refusal;
        }
        let cause = error
            .rdkafka_error_code()
            .map_or_else(|| error.to_string(), |code| code.to_string());
        LogError::Unavailable(format!("{what} from kafka at `{}`: {cause}", self.brokers))
    }

    /// Set while brokers refuse us.
    pub(super) fn refusal(&self) -> Option<LogError> {
        let refusal = self.refusal.lock().unwrap_or_else(PoisonError::into_inner);
        refusal.as_ref().map(|reason| {
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
