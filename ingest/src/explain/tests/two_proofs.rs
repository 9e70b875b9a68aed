//! Sources that ask for two proofs.

use super::*;

const IN_PATH: &str = "s3cret-of-the-path";

fn two(secret: &str, in_path: &str) -> Source {
    Source {
        url_secrets: vec![Secret::new(in_path)],
        ..source(Scheme::Hmac(plain()), &[secret])
    }
}

fn ours() -> Source {
    two(SECRET, IN_PATH)
}

fn request(secret: &str, in_path: &str) -> Captured {
    let sender = two(secret, in_path);
    captured(sign(&sender, &Secret::new(secret), BODY, at(NOW), "msg_1").expect("signs"))
}

#[test]
fn of_two_proofs_the_one_that_fails_is_named_and_neither_is_shown() {
    let ours = ours();
    let passes = explain(&ours, &[], &request(SECRET, IN_PATH), at(NOW));
    assert_eq!(passes.findings, Vec::<String>::new());
    assert!(passes.scheme.contains("active `url_secrets`: 1"), "{}", passes.scheme);

    let wrong_path = said(&ours, &[], &request(SECRET, "another-s3cret-of-the-path"), NOW);
    for expected in [
        "not_found",
        "is none of the 1 active `url_secrets`",
        "the one that is not in the path is right: secret number 1",
    ] {
        assert!(wrong_path.contains(expected), "{expected}: {wrong_path}");
    }
    assert!(!wrong_path.contains("the digest"), "{wrong_path}");
    let wrong_signature = said(&ours, &[], &request("quite-another-secret", IN_PATH), NOW);
    for expected in [
        "no_match",
        "the secret in the path is right: number 1 of `url_secrets`",
        "the digest matches none of the 2 secret(s)",
    ] {
        assert!(wrong_signature.contains(expected), "{expected}: {wrong_signature}");
    }
    let both_wrong = said(
        &ours,
        &[],
        &request("quite-another-secret", "another-s3cret-of-the-path"),
        NOW,
    );
    for expected in [
        "not_found",
        "is none of the 1 active",
        "the other proof fails too",
        "the digest matches none",
    ] {
        assert!(both_wrong.contains(expected), "{expected}: {both_wrong}");
    }
}

#[test]
fn a_proof_that_belongs_elsewhere_is_named() {
    let ours = ours();
    let mixed_up = said(&ours, &[], &request(IN_PATH, SECRET), NOW);
    for expected in [
        "it is secret number 1",
        "the digest matches with number 1 of `url_secrets`",
    ] {
        assert!(mixed_up.contains(expected), "{expected}: {mixed_up}");
    }
    let mut foreign = two("secret-of-the-other", "another-s3cret-of-the-path");
    foreign.id = SourceId::new("other").expect("valid");
    let of_another = said(&ours, &[foreign], &request(SECRET, "another-s3cret-of-the-path"), NOW);
    assert!(
        of_another.contains("it is one of the `url_secrets` of the source `other`"),
        "{of_another}"
    );
}

#[test]
fn a_secret_in_another_part_of_the_path_is_found() {
    let ours = ours();
    let mut moved = request(SECRET, IN_PATH);
    moved.target = format!("/in/s/proxied/{IN_PATH}");
    let found = said(&ours, &[], &moved, NOW);
    assert!(
        found.contains("number 1 of `url_secrets` stands in part 4 of the path"),
        "{found}"
    );
    moved.target = "/in/s".to_owned();
    let found = said(&ours, &[], &moved, NOW);
    assert!(
        found.contains("there is nothing after the source's id in the path"),
        "{found}"
    );
}

#[test]
fn a_handshake_has_only_the_proof_in_the_path() {
    let ours = ours();
    let mut handshake = request(SECRET, "another-s3cret-of-the-path");
    handshake.method = Method::GET;
    let found = said(&ours, &[], &handshake, NOW);
    assert!(found.contains("not_found") && !found.contains("other proof"), "{found}");
}
