//! The client against real sockets: receivers with TLS, proxies, authorization servers, and name servers that lie.

mod forbidden;
mod oauth2;
mod proxy;
mod stage;
mod tls;
