//! Authorities and certificates of one destination.

use std::sync::atomic::Ordering;
use std::time::Instant;

use net::client::{Options, SendError};

use crate::stage::{Script, ask, client, identity, secure, status, trusting};

#[tokio::test]
async fn an_authority_is_trusted_for_its_destination_and_for_no_other() {
    let (receiver, handshakes) = secure(None).await;
    let client = client(&Script::new(&[&["127.0.0.1"]]));
    let url = format!("https://receiver.test:{}/", receiver.address.port());
    assert_eq!(status(&client, &url, &trusting("ca.pem")).await, Ok(200));
    // The connection that is there now is not one for those that do not trust it.
    for stranger in [Options::default(), trusting("other-ca.pem")] {
        let error = status(&client, &url, &stranger).await.expect_err("not trusted");
        assert!(matches!(error, SendError::Tls(_)), "{error}");
    }
    assert_eq!(status(&client, &url, &trusting("ca.pem")).await, Ok(200));
    assert_eq!(
        handshakes.load(Ordering::SeqCst),
        1,
        "equal options share the connection"
    );
    assert_eq!(receiver.seen().len(), 2);
}

#[tokio::test]
async fn a_certificate_is_shown_to_a_receiver_that_wants_one() {
    let (receiver, handshakes) = secure(Some("ca.pem")).await;
    let client = client(&Script::new(&[&["127.0.0.1"]]));
    let url = format!("https://receiver.test:{}/", receiver.address.port());
    let known = Options {
        identity: Some(identity("client")),
        ..trusting("ca.pem")
    };
    for _ in 0..2 {
        assert_eq!(status(&client, &url, &known).await, Ok(200));
    }
    let unknown = Options {
        identity: Some(identity("other-client")),
        ..trusting("ca.pem")
    };
    for stranger in [trusting("ca.pem"), unknown] {
        let error = status(&client, &url, &stranger).await.expect_err("refused");
        assert!(
            matches!(error, SendError::Tls(_) | SendError::Network(_)),
            "refused, and not an answer over another's connection: {error}"
        );
    }
    assert_eq!(handshakes.load(Ordering::SeqCst), 1);
    assert_eq!(receiver.seen().len(), 2, "nothing of a stranger's request was read");
}

#[tokio::test]
async fn a_certificate_that_nobody_asks_for_does_no_harm() {
    let (receiver, _) = secure(None).await;
    let client = client(&Script::new(&[&["127.0.0.1"]]));
    let options = Options {
        identity: Some(identity("client")),
        ..trusting("ca.pem")
    };
    let url = format!("https://localhost:{}/", receiver.address.port());
    assert_eq!(status(&client, &url, &options).await, Ok(200));
}

#[tokio::test]
async fn an_answer_says_how_long_a_connection_and_its_head_took() {
    let (receiver, _) = secure(None).await;
    let client = client(&Script::new(&[&["127.0.0.1"]]));
    let url = format!("https://localhost:{}/", receiver.address.port());
    let begun = Instant::now();
    let timing = ask(&client, &url, &trusting("ca.pem")).await.expect("an answer").timing;
    let connect = timing.connect.expect("it was made");
    assert!(!connect.is_zero() && !timing.first_byte.is_zero(), "{timing:?}");
    assert!(connect + timing.first_byte <= begun.elapsed(), "{timing:?}");
    let again = ask(&client, &url, &trusting("ca.pem")).await.expect("an answer").timing;
    assert_eq!(again.connect, None, "it was there");
}
