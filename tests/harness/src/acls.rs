//! Rights on Kafka: the users of `FOREBAY_TEST_KAFKA_LIMITED` have none but those that a test gives them here. `CreateAcls` of
//! the Kafka protocol, version 1, since the binding of librdkafka has no function for it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::service;

const CREATE_ACLS: i16 = 30;
/// Only of resources with exactly this name.
const LITERAL: i8 = 3;
const ALLOW: i8 = 3;

/// What has rights.
#[derive(Debug, Clone, Copy)]
pub enum Resource<'n> {
    /// A topic of this name.
    Topic(&'n str),
    /// A group of consumers.
    Group(&'n str),
}

/// A right, by Kafka's number for it.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "Kafka's own names")]
pub enum Right {
    Read = 3,
    Write = 4,
    Create = 5,
    Describe = 8,
    DescribeConfigs = 10,
}

/// Gives `user` these rights.
pub fn allow(user: &str, resource: Resource<'_>, rights: &[Right]) {
    let mut request = Vec::new();
    request.extend(CREATE_ACLS.to_be_bytes());
    request.extend(1_i16.to_be_bytes());
    request.extend(7_i32.to_be_bytes());
    text(&mut request, "test");
    let count = i32::try_from(rights.len()).expect("few rights");
    request.extend(count.to_be_bytes());
    for right in rights {
        let (kind, name) = match resource {
            Resource::Topic(name) => (2_i8, name),
            Resource::Group(name) => (3_i8, name),
        };
        request.extend(kind.to_be_bytes());
        text(&mut request, name);
        request.extend(LITERAL.to_be_bytes());
        text(&mut request, &format!("User:{user}"));
        text(&mut request, "*");
        request.extend((*right as i8).to_be_bytes());
        request.extend(ALLOW.to_be_bytes());
    }
    let size = i32::try_from(request.len()).expect("a short request");
    let mut broker = TcpStream::connect(service("FOREBAY_TEST_KAFKA")).expect("the broker");
    let whole = [&size.to_be_bytes()[..], &request].concat();
    broker.write_all(&whole).expect("asked");

    let mut number = [0; 4];
    broker.read_exact(&mut number).expect("an answer");
    let mut answer = vec![0; usize::try_from(i32::from_be_bytes(number)).expect("a length")];
    broker.read_exact(&mut answer).expect("the whole answer");
    // The number of the request, how long it was throttled, how many results; of each its error, and no text.
    let results: Vec<_> = answer[12..].chunks(4).map(|result| &result[..2]).collect();
    assert_eq!(results, vec![[0, 0]; rights.len()], "not allowed: {answer:?}");
}

fn text(request: &mut Vec<u8>, text: &str) {
    request.extend(i16::try_from(text.len()).expect("a short text").to_be_bytes());
    request.extend(text.as_bytes());
}
