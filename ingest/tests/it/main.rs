//! Ingest as its clients see it: a real listener, raw sockets, and an event log that does what the test says.

mod directory;
mod drain;
mod durability;
mod frames;
mod framing;
mod handshakes;
mod http2;
mod identity;
mod memory;
mod proxied;
mod room;
mod slow;
mod status;
mod streams;
mod two_proofs;
mod verdicts;
