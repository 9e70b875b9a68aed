//! Proxies that the environment names, which this client does not use.

/// The variables by which programs are told to go through a proxy. Some are written in lower case only, some in upper case.
pub const PROXY_VARIABLES: [&str; 6] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
];

/// Returns what the operator has to know if any of [`PROXY_VARIABLES`] is set; `set` are those that are. Their values are not shown:
/// they may hold a password.
pub fn proxy_warning(set: &[&str]) -> Option<String> {
    let names = match set {
        [] => return None,
        [one] => format!("{one} is set and is"),
        several => format!("{} are set and are", several.join(", ")),
    };
    Some(format!(
        "{names} not used: requests to endpoints go out directly, because the guard against internal addresses has to see the \
         address that is dialled; let this host reach the endpoints, or put a gateway of your own there as the endpoint"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_that_is_not_used_is_named() {
        assert_eq!(proxy_warning(&[]), None);
        let one = proxy_warning(&["HTTPS_PROXY"]).expect("a warning");
        assert!(one.starts_with("HTTPS_PROXY is set and is not used: "), "{one}");
        let two = proxy_warning(&["HTTP_PROXY", "https_proxy"]).expect("a warning");
        assert!(
            two.starts_with("HTTP_PROXY, https_proxy are set and are not used: "),
            "{two}"
        );
    }
}
