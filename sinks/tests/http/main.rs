//! The HTTP sink against real receivers: good ones, slow ones and hostile ones.

mod answers;
mod bodies;
#[macro_use]
#[path = "../conformance/mod.rs"]
mod conformance;
mod conforms;
mod hostile;
mod proxy;
mod record;
mod resolver;
mod settings;
mod slots;
mod sockets;
mod ssrf;
mod stage;
mod tls;
