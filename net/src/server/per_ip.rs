//! How many connections one address may hold.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

/// How many connections each address holds.
#[derive(Debug)]
pub(super) struct PerIp {
    limit: Option<usize>,
    held: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl PerIp {
    pub(super) fn new(limit: Option<usize>) -> Self {
        Self {
            limit,
            held: Arc::default(),
        }
    }

    /// `None` if the address holds as many as it may.
    pub(super) fn take(&self, ip: IpAddr) -> Option<PerIpPermit> {
        let mut held = self.held.lock();
        let count = held.entry(ip).or_default();
        if self.limit.is_some_and(|limit| *count >= limit) {
            return None;
        }
        *count += 1;
        Some(PerIpPermit {
            ip,
            held: Arc::clone(&self.held),
        })
    }
}

/// One connection counted for its address, until it is dropped.
#[derive(Debug)]
pub(super) struct PerIpPermit {
    ip: IpAddr,
    held: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Drop for PerIpPermit {
    fn drop(&mut self) {
        let mut held = self.held.lock();
        if let Some(count) = held.get_mut(&self.ip) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.ip);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_holds_no_more_than_its_share() {
        let per_ip = PerIp::new(Some(2));
        let (a, b) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let first = per_ip.take(a).expect("free");
        let _second = per_ip.take(a).expect("free");
        assert!(per_ip.take(a).is_none());
        assert!(per_ip.take(b).is_some(), "others are not affected");
        drop(first);
        assert!(per_ip.take(a).is_some());
        assert_eq!(per_ip.held.lock().len(), 1, "no entry is left");
    }
}
