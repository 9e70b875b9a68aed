//! What this process can lack: descriptors, memory, local ports. None of it is an endpoint's fault, so no delivery may lose
//! an attempt by it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};

/// The most connections unless the configuration says otherwise: idle ones cost memory.
const DEFAULT_CONNECTIONS: usize = 16_384;
/// So many descriptors, or a quarter of all if that is more, are for everything else: event log, databases, receiving, files.
const RESERVE: usize = 256;

/// What is lacking, and the way out, if that is what `error` says.
pub(super) fn of(error: &io::Error) -> Option<String> {
    match Errno::from_io_error(error)? {
        Errno::MFILE => Some(descriptors().map_or_else(
            || "out of file descriptors".to_owned(),
            |limit| format!("out of file descriptors ({limit} of {limit}): raise `ulimit -n`"),
        )),
        Errno::NFILE => Some("this machine is out of file descriptors: raise `fs.file-max`".to_owned()),
        Errno::NOMEM | Errno::NOBUFS => Some("this machine is out of memory for sockets".to_owned()),
        _ => None,
    }
}

/// The same of an attempt to connect to `address`.
pub(super) fn to_connect(error: &io::Error, address: SocketAddr) -> Option<String> {
    match Errno::from_io_error(error)? {
        Errno::ADDRNOTAVAIL | Errno::AGAIN => {
            // The same error comes of a machine that has no address of that family at all, and that would last for ever.
            let reachable = match probe(address) {
                Ok(()) => true,
                Err(error) => of(&error).is_some(),
            };
            reachable.then(|| {
                "out of local ports: widen `net.ipv4.ip_local_port_range`, or let fewer connections be made".to_owned()
            })
        }
        _ => of(error),
    }
}

/// The same of a name that did not resolve: the system's resolver often hides why, so a socket is tried for.
pub(super) fn to_resolve(error: &io::Error) -> Option<String> {
    let tried = || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).err();
    of(error).or_else(|| of(&tried()?))
}

/// How many connections there may be at once: as configured, but never more than leaves the reserve.
pub(super) fn connections(configured: Option<usize>) -> usize {
    bound(configured, descriptors())
}

fn bound(configured: Option<usize>, descriptors: Option<u64>) -> usize {
    let wanted = configured.unwrap_or(DEFAULT_CONNECTIONS);
    let Some(all) = descriptors.map(|all| usize::try_from(all).unwrap_or(usize::MAX)) else {
        return wanted.max(1);
    };
    let reserve = RESERVE.max(all / 4);
    // Of very few descriptors half.
    wanted.min(all.saturating_sub(reserve).max(all / 2)).max(1)
}

/// The limit of this process; none means without limit.
pub(super) fn descriptors() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// Whether this machine has an address from which that one could be reached. Nothing is sent.
fn probe(address: SocketAddr) -> io::Result<()> {
    let any: IpAddr = match address {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    UdpSocket::bind((any, 0))?.connect(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(errno: Errno) -> io::Error {
        io::Error::from_raw_os_error(errno.raw_os_error())
    }

    #[test]
    fn each_error_of_the_system_is_ours_or_the_endpoints() {
        let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
        for (errno, said) in [
            (Errno::MFILE, "raise `ulimit -n`"),
            (Errno::NFILE, "`fs.file-max`"),
            (Errno::NOMEM, "out of memory"),
            (Errno::NOBUFS, "out of memory"),
            (Errno::ADDRNOTAVAIL, "out of local ports"),
            (Errno::AGAIN, "out of local ports"),
        ] {
            let lack = to_connect(&error(errno), here).unwrap_or_else(|| panic!("{errno} is ours"));
            assert!(lack.contains(said), "{errno}: {lack}");
        }
        for errno in [
            Errno::CONNREFUSED,
            Errno::CONNRESET,
            Errno::CONNABORTED,
            Errno::TIMEDOUT,
            Errno::HOSTUNREACH,
            Errno::NETUNREACH,
            Errno::ACCESS,
            Errno::PERM,
            Errno::PIPE,
            Errno::INVAL,
        ] {
            assert_eq!(to_connect(&error(errno), here), None, "{errno}");
            assert_eq!(to_resolve(&error(errno)), None, "{errno}");
        }
        assert!(to_resolve(&error(Errno::MFILE)).is_some());
        assert_eq!(to_connect(&io::Error::other("no number"), here), None);
    }

    #[test]
    fn no_address_of_a_family_is_no_lack_of_ports() {
        // Nothing can be sent there from an ordinary socket.
        let nowhere: SocketAddr = "[::ffff:255.255.255.255]:9".parse().expect("an address");
        assert!(probe(nowhere).is_err());
        assert_eq!(to_connect(&error(Errno::ADDRNOTAVAIL), nowhere), None);
    }

    #[test]
    fn connections_leave_the_others_their_descriptors() {
        for (configured, descriptors, expected) in [
            (None, Some(1_024), 768),
            (None, Some(20_000), 15_000),
            (None, Some(1_048_576), DEFAULT_CONNECTIONS),
            (None, None, DEFAULT_CONNECTIONS),
            (None, Some(64), 32),
            (None, Some(1), 1),
            (Some(64), Some(20_000), 64),
            (Some(50_000), Some(20_000), 15_000),
            (Some(50_000), None, 50_000),
        ] {
            assert_eq!(
                bound(configured, descriptors),
                expected,
                "{configured:?} of {descriptors:?}"
            );
        }
    }
}
