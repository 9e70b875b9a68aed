//! What the system lets this process have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::{info, warn};

/// Raises the soft limit of file descriptors to the hard one: every connection is a descriptor, and the usual soft limit of
/// 1024 is for programs that cannot handle more.
pub(crate) fn raise_descriptors() {
    let before = getrlimit(Resource::Nofile);
    let (soft, hard) = (shown(before.current), shown(before.maximum));
    if before.current == before.maximum {
        info!(limit = soft, "file descriptors: the soft limit is already the hard one");
        return;
    }
    let current = before.maximum;
    match setrlimit(Resource::Nofile, Rlimit { current, ..before }) {
        Ok(()) => info!(
            limit = hard,
            before = soft,
            "file descriptors: the soft limit was raised to the hard one"
        ),
        Err(error) => warn!(limit = soft, hard, %error, "file descriptors: the soft limit cannot be raised"),
    }
}

fn shown(limit: Option<u64>) -> String {
    limit.map_or_else(|| "none".to_owned(), |limit| limit.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_of_descriptors_becomes_the_hard_one() {
        let before = getrlimit(Resource::Nofile);
        let Some(hard) = before.maximum else { return };
        let lower = Rlimit {
            current: Some(hard - 1),
            ..before
        };
        setrlimit(Resource::Nofile, lower).expect("a limit may be lowered");
        raise_descriptors();
        assert_eq!(getrlimit(Resource::Nofile).current, Some(hard));
    }
}
