//! HTTP to event log: receive, authenticate, normalize, publish.
