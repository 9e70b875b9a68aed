//! Event log to deliveries: consume, route, deliver, settle, dead-letter.
