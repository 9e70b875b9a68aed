//! Requests bent so that one more thing is wrong with them, or none.

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderName, HeaderValue, Method};
use ingest::Captured;
use schemas::source::Source;

use super::vectors::Case;

/// A request of which one thing was changed.
pub(super) struct Bent {
    /// What was changed; empty for the case as it is.
    pub(super) how: String,
    pub(super) source: Source,
    pub(super) request: Captured,
}

/// The case as it is, and bent in all ways.
pub(super) fn bent(case: &Case) -> Vec<Bent> {
    let mut all = Bends {
        case,
        all: vec![Bent {
            how: String::new(),
            source: case.source.clone(),
            request: case.request.clone(),
        }],
    };
    all.heads();
    all.targets();
    all.bodies();
    if case.thoroughly {
        all.more_heads();
        all.more_targets();
    }
    all.all
}

struct Bends<'c> {
    case: &'c Case,
    all: Vec<Bent>,
}

impl Bends<'_> {
    fn push(&mut self, how: impl Into<String>, change: impl FnOnce(&mut Source, &mut Captured)) {
        let (mut source, mut request) = (self.case.source.clone(), self.case.request.clone());
        change(&mut source, &mut request);
        self.all.push(Bent {
            how: how.into(),
            source,
            request,
        });
    }

    /// All headers of that name replaced.
    fn header(&mut self, name: &HeaderName, values: &[&'static str]) {
        self.push(format!("`{name}` {values:?}"), |_, request| {
            request.headers.remove(name);
            for value in values {
                request.headers.append(name, HeaderValue::from_static(value));
            }
        });
    }

    fn heads(&mut self) {
        for values in [&["gzip"][..], &["identity"]] {
            self.header(&CONTENT_ENCODING, values);
        }
        for values in [&[][..], &["a", "b"]] {
            self.header(&HOST, values);
        }
        for method in [Method::GET, Method::PUT] {
            self.push(format!("by {method}"), |_, request| request.method = method);
        }
        // Signatures, tokens, time stamps. The others decide nothing, and are bent now and then.
        let decides = |name: &&HeaderName| self.case.thoroughly || ![CONTENT_TYPE, USER_AGENT].contains(name);
        let names = self.case.request.headers.keys().filter(|name| **name != HOST);
        for name in names.filter(decides).cloned().collect::<Vec<_>>() {
            self.push(format!("without `{name}`"), |_, request| {
                request.headers.remove(&name);
            });
            self.push(format!("`{name}` twice"), |_, request| {
                let value = request.headers[&name].clone();
                request.headers.append(name, value);
            });
        }
    }

    fn more_heads(&mut self) {
        for values in [
            &["Identity", "identity"][..],
            &["identity", "br"],
            &["identity, gzip"],
            &[""],
        ] {
            self.header(&CONTENT_ENCODING, values);
        }
        for values in [&["a", "a"][..], &["a/b"], &[""], &["[::1]:8080"]] {
            self.header(&HOST, values);
        }
        for values in [&["+2"][..], &["0x2"], &["2", "3"], &["2, 2"], &["-1"], &[""]] {
            self.header(&CONTENT_LENGTH, values);
        }
        for method in [
            Method::HEAD,
            Method::PATCH,
            Method::DELETE,
            Method::OPTIONS,
            Method::POST,
        ] {
            self.push(format!("by {method}"), |_, request| request.method = method.clone());
            self.push(format!("by {method}, with two hosts"), |_, request| {
                request.method = method;
                request.headers.append(HOST, HeaderValue::from_static("b"));
            });
        }
        self.push("a source without secrets", |source, _| source.secrets.clear());
    }

    fn targets(&mut self) {
        for host in [None, Some("evil.example")] {
            self.absolute(host);
        }
        let query = self.parts().1;
        self.push("a wrong secret in the path", |_, request| {
            request.target = format!("/in/line-1/wrong-secret{query}");
        });
    }

    fn more_targets(&mut self) {
        for host in [
            "HOOKS.example.com",
            "hooks.example.com:80",
            "hooks.example.com:81",
            "user@hooks.example.com",
        ] {
            self.absolute(Some(host));
        }
        let (path, query) = self.parts();
        for (how, target) in [
            ("no secret in the path", format!("/in/line-1{query}")),
            ("more after the path", format!("{path}/x/y{query}")),
            (
                "an empty segment",
                format!("{path}{query}").replacen("/line-1", "/line-1/", 1),
            ),
            ("no query", path.clone()),
            ("a fragment", format!("{path}{query}#x")),
            ("no target of HTTP", format!("{path}{query}\u{7f}")),
        ] {
            self.push(how, |_, request| request.target = target);
        }
    }

    /// A whole URL as target, with the request's own host or another one.
    fn absolute(&mut self, host: Option<&str>) {
        self.push(format!("an absolute target, {host:?}"), |_, request| {
            let own = request.headers[HOST].to_str().expect("text");
            request.target = format!("http://{}{}", host.unwrap_or(own), request.target);
        });
    }

    /// The path; the query with its question mark.
    fn parts(&self) -> (String, String) {
        let target = &self.case.request.target;
        let (path, query) = target.split_at(target.find('?').unwrap_or(target.len()));
        (path.to_owned(), query.to_owned())
    }

    fn bodies(&mut self) {
        self.push("of the largest size", |source, request| {
            source.max_body_bytes = request.body.len();
        });
        let too_small = |source: &mut Source, request: &Captured| {
            source.max_body_bytes = request.body.len().saturating_sub(1);
        };
        self.push("over the limit", |source, request| too_small(source, request));
        self.push("over the limit, compressed", |source, request| {
            too_small(source, request);
            request
                .headers
                .insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        });
        self.push("without a body", |_, request| request.body = Bytes::new());
        self.push("with another body", |_, request| {
            request.body = [&request.body[..], b" "].concat().into();
        });
    }
}
