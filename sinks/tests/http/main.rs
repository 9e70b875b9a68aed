//! The HTTP sink against real receivers: good ones, slow ones and hostile ones.

mod answers;
mod hostile;
mod lanes;
mod proxy;
mod receiver;
mod resolver;
mod ssrf;
mod stage;
mod tls;
