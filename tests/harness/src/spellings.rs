//! How forbidden addresses can be written in a URL, for every way out that a URL from outside may lead to.

/// Spellings that lead to the IPv4 loopback address, all of which a naive parser lets through.
pub const LOOPBACK_V4: &[&str] = &[
    "127.0.0.1",
    "2130706433",
    "0x7f000001",
    "0X7F.0x0.0x0.0x1",
    "017700000001",
    "0177.0.0.1",
    "127.1",
    "127.0.1",
    "0x7f.1",
    "127.0.0.1.",
    "127%2e0%2e0%2e1",
    "①②⑦.⓪.⓪.①",
    "127。0。0。1",
    "0",
    "0.0.0.0",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:7f00:0001]",
    "[::ffff:0:0]",
    "localhost",
    "LOCALHOST",
];

/// The same of IPv6.
pub const LOOPBACK_V6: &[&str] = &["[::1]", "[0:0:0:0:0:0:0:1]", "[0000::0001]", "[::]"];

/// Forms that must not be dialled and do not lead to this machine's listener.
pub const OTHERS: &[&str] = &[
    "127.0.0.2",
    "127.255.255.254",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.0.1",
    "100.64.0.1",
    "169.254.169.254",
    "0xa9fea9fe",
    "2852039166",
    "169.254.43518",
    "168.63.129.16",
    "192.0.0.192",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "[::127.0.0.1]",
    "[::ffff:0:127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b:1::7f00:1]",
    "[2002:7f00:1::1]",
    "[2001:0:7f00:1::]",
    "[fec0::1]",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "[100::1]",
    "[3fff::1]",
    "[5f00::1]",
    "[ff02::1]",
    "[2001:db8::1]",
];

/// URLs with all of these as their host, in several forms. Some are no URLs for a strict parser.
pub fn urls(port: u16) -> Vec<String> {
    let hosts = LOOPBACK_V4.iter().chain(LOOPBACK_V6).chain(OTHERS);
    hosts
        .flat_map(|host| {
            [
                format!("http://{host}:{port}/"),
                format!("HTTP:\\\\{host}:{port}\\x"),
                format!("https://{host}:{port}/?a=b#@example.com"),
                format!("http://\t{host}\n:{port}//x"),
            ]
        })
        .collect()
}
