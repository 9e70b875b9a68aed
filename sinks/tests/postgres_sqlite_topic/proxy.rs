//! The real server at the other end of a proxy, so that it can go away, come back, and vanish without a word.

use harness::proxy::Proxy;

use crate::database::server;

pub(crate) async fn proxy() -> Proxy {
    let server = server();
    let host = server.host_str().expect("a host");
    Proxy::start("127.0.0.1:0", &format!("{host}:{}", server.port().unwrap_or(5432))).await
}
