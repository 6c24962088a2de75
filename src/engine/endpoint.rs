//! Whether an account's endpoint, or one that it leads to, may be called: the one place that keeps a tenant from sending a credential to a host of their own. Pure.
//!
//! It judges what is written. Where a name resolves to is judged when a connection is made, by `remote/resolver.rs`.

use crate::remote::is_private;
use crate::settings::AllowedHosts;
use url::Url;

/// The endpoint as a URL, if the administrator allows it. `what` names for a message what holds it, such as `spec.endpoint`.
///
/// # Errors
/// What is wrong with it, and what to write instead.
pub fn permitted(
    what: &str,
    endpoint: &str,
    allowed: &AllowedHosts,
    allow_insecure: bool,
) -> Result<Url, String> {
    let url = Url::parse(endpoint).map_err(|_| format!("{what} is no URL"))?;
    if url.scheme() != "https" && !(allow_insecure && url.scheme() == "http") {
        return Err(format!("{what} has to begin with https://"));
    }
    let has_user = !url.username().is_empty() || url.password().is_some();
    if has_user || url.query().is_some() || url.fragment().is_some() {
        return Err(format!("{what} must be a URL without user, query and fragment"));
    }
    if !allowed.allows(&url) {
        return Err(format!(
            "{what} goes to a host that the administrator has not allowed; allowed are {} (--allowed-hosts, or \
             endpoints.allowedHosts of the chart)",
            allowed.list()
        ));
    }
    if !allow_insecure && url.host().is_none_or(|host| is_private(&host)) {
        return Err(format!(
            "{what} goes to a private address; the administrator can allow that with --allow-insecure-endpoints \
                    (endpoints.allowInsecure of the chart)"
        ));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(endpoint: &str, allow_insecure: bool) -> Result<(), String> {
        let hosts = [
            "api.vendor.example",
            "127.0.0.1",
            "10.1.2.3",
            "169.254.169.254",
            "100.100.0.1",
            "[::1]",
            "[fd00::1]",
            "[::ffff:10.0.0.1]",
            "localhost",
            "vendor.internal",
            "8.8.8.8",
        ];
        let allowed = AllowedHosts::parse(&hosts.map(str::to_owned)).expect("hosts");
        permitted("spec.endpoint", endpoint, &allowed, allow_insecure).map(|_| ())
    }

    #[test]
    fn the_vendors_own_host_is_called_by_https_only() {
        assert_eq!(judge("https://api.vendor.example", false), Ok(()));
        assert_eq!(judge("https://8.8.8.8", false), Ok(()), "a public address that was allowed");
        assert!(judge("http://api.vendor.example", false).is_err_and(|why| why.contains("https://")));
        assert_eq!(judge("http://api.vendor.example", true), Ok(()));
        assert!(judge("ftp://api.vendor.example", true).is_err());
    }

    #[test]
    fn no_other_host_is_called_however_it_is_written() {
        for endpoint in [
            "https://evil.example.com",
            "https://api.vendor.example.evil.example.com",
            "https://api.vendor.example@evil.example.com",
            "https://user:password@api.vendor.example",
            "https://api.vendor.example:8443",
            "https://api.vendor.example/?to=evil",
            "https://api.vendor.example/#evil",
            "api.vendor.example",
        ] {
            assert!(judge(endpoint, true).is_err(), "{endpoint} was accepted");
        }
    }

    #[test]
    fn a_private_address_needs_more_than_being_among_the_allowed_hosts() {
        for host in [
            "127.0.0.1",
            "10.1.2.3",
            "169.254.169.254",
            "100.100.0.1",
            "[::1]",
            "[fd00::1]",
            "[::ffff:10.0.0.1]",
            "localhost",
            "vendor.internal",
        ] {
            let endpoint = format!("https://{host}");
            assert!(
                judge(&endpoint, false).is_err_and(|why| why.contains("private")),
                "{endpoint} was accepted"
            );
            assert_eq!(judge(&endpoint, true), Ok(()), "{endpoint}");
        }
    }
}
