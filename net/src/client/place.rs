//! The places that requests go to: scheme, host and port, and the options that hold there. Connections are exchangeable within one
//! place, and never between two.

use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio_rustls::TlsConnector;

use super::error::SendError;
use super::options::Options;
use super::tls::Tls;

/// The least number of places among which those are looked for that nobody knows any more.
const TIDY_FROM: usize = 64;

/// One place, compared by identity: equal places are the same one, as long as anything holds it.
#[derive(Clone)]
pub(super) struct Origin(Arc<Place>);

/// What is the same for all connections to one place.
pub(super) struct Place {
    /// Scheme, host and port.
    text: Box<str>,
    pub(super) options: Options,
    pub(super) tls: TlsConnector,
}

/// All places that a destination or a connection holds.
pub(super) struct Places {
    tls: Tls,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    places: HashMap<(Box<str>, Options), Weak<Place>>,
    tidy_at: usize,
}

impl Places {
    pub(super) fn new(tls: Tls) -> Self {
        Self {
            tls,
            known: Mutex::default(),
        }
    }

    /// The place of scheme, host and port, and options.
    pub(super) fn find(&self, text: &str, options: &Options) -> Result<Origin, SendError> {
        let mut known = self.known.lock();
        let key = (Box::from(text), options.clone());
        if let Some(place) = known.places.get(&key).and_then(Weak::upgrade) {
            return Ok(Origin(place));
        }
        let place = Arc::new(Place {
            text: Box::from(text),
            options: options.clone(),
            tls: self.tls.with(options)?,
        });
        if known.places.len() >= known.tidy_at {
            known.places.retain(|_, place| place.strong_count() > 0);
            known.tidy_at = (2 * known.places.len()).max(TIDY_FROM);
        }
        known.places.insert(key, Arc::downgrade(&place));
        Ok(Origin(place))
    }
}

impl std::ops::Deref for Origin {
    type Target = Place;

    fn deref(&self) -> &Place {
        &self.0
    }
}

impl PartialEq for Origin {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Origin {}

impl Hash for Origin {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).hash(state);
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Proxy;

    fn places() -> Places {
        Places::new(Tls::new(None).expect("TLS"))
    }

    fn through(proxy: &str) -> Options {
        let proxy = Proxy::new(&proxy.parse().expect("a URL")).expect("a proxy");
        Options {
            proxy: Some(proxy),
            ..Options::default()
        }
    }

    #[test]
    fn the_same_host_with_other_options_is_another_place() {
        let places = places();
        let find = |text: &str, options: &Options| places.find(text, options).expect("a place");
        let plain = find("https://receiver.test", &Options::default());
        assert_eq!(plain, find("https://receiver.test", &Options::default()));
        let one = find("https://receiver.test", &through("http://a:b@proxy.test:1"));
        assert_eq!(one, find("https://receiver.test", &through("http://a:b@proxy.test:1")));
        for other in [
            plain,
            find("https://receiver.test", &through("http://proxy.test:1")),
            find("https://receiver.test", &through("http://a:c@proxy.test:1")),
            find("https://receiver.test:444", &through("http://a:b@proxy.test:1")),
        ] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn a_place_that_nothing_holds_is_forgotten() {
        let places = places();
        for n in 0..10 * TIDY_FROM {
            places
                .find(&format!("https://{n}.test"), &Options::default())
                .expect("a place");
        }
        let left = places.known.lock().places.len();
        assert!(left <= TIDY_FROM + 1, "{left} are known");
    }
}
