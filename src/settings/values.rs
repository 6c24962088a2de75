//! Single values as people write them: durations, sizes, names, hosts. Pure; every refusal says what to write instead.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use super::{CONTROLLERS, Url, VENDOR_HOSTS};

/// More than this many at a time only waits for the vendor's rate limit.
const MOST_CONCURRENCY: usize = 256;

/// The hosts that credentials may be sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedHosts(BTreeSet<(String, Option<u16>)>);

impl AllowedHosts {
    /// Whether `url` goes to one of the hosts, on the port that was allowed with it (without one: the scheme's own).
    pub fn allows(&self, url: &Url) -> bool {
        let Some(host) = url.host_str().map(str::to_ascii_lowercase) else { return false };
        let with_port = (host.clone(), url.port_or_known_default());
        self.0.contains(&with_port) || (url.port().is_none() && self.0.contains(&(host, None)))
    }

    /// The hosts as `HOST` or `HOST:PORT`, sorted, for a message.
    pub fn list(&self) -> String {
        let one = |(host, port): &(String, Option<u16>)| match port {
            Some(port) => format!("{host}:{port}"),
            None => host.clone(),
        };
        self.0.iter().map(one).collect::<Vec<_>>().join(", ")
    }

    /// The hosts of these entries, `host` or `host:port`; none given means the vendors' own.
    ///
    /// # Errors
    /// Which entry is wrong, and what to write instead.
    pub fn parse(given: &[String]) -> Result<Self, String> {
        let given = non_empty(given);
        let vendors_own = VENDOR_HOSTS.iter().map(|host| (*host).to_owned());
        let hosts: Vec<String> = if given.is_empty() { vendors_own.collect() } else { given };
        hosts.iter().map(|entry| host_and_port(entry)).collect::<Result<_, _>>().map(Self)
    }
}

fn host_and_port(entry: &str) -> Result<(String, Option<u16>), String> {
    let refuse = || {
        format!(
            "--allowed-hosts {entry:?}: write a host or host:port without a scheme or path, for example api.onomondo.com"
        )
    };
    if entry.contains(['/', '@', '?', '#', '*', '\\']) || entry.contains(char::is_whitespace) {
        return Err(refuse());
    }
    let as_scheme = |scheme: &str| Url::parse(&format!("{scheme}://{entry}/")).map_err(|_| refuse());
    let (https, http) = (as_scheme("https")?, as_scheme("http")?);
    let host = https.host_str().ok_or_else(refuse)?;
    // A URL forgets the port that its scheme implies; no port is forgotten by both.
    Ok((host.to_ascii_lowercase(), https.port().or(http.port())))
}

/// `0.0.0.0:8080` and the like.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| "write an IP address and a port, for example 0.0.0.0:8080 or [::]:8080".to_owned())
}

/// A parser of durations in Go's style (`1m30s`) that refuses what is not between two of them.
pub(super) fn duration_between(
    least: &'static str,
    most: &'static str,
) -> impl Fn(&str) -> Result<Duration, String> + Clone {
    move |text| {
        let duration = duration(text)?;
        if duration < self::duration(least)? || duration > self::duration(most)? {
            return Err(format!("write a duration from {least} to {most}"));
        }
        Ok(duration)
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let refuse = || "write a duration with its units, for example 500ms, 30s, 1m30s or 24h".to_owned();
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let (number, after) = split_where(rest, |c| !c.is_ascii_digit() && c != '.');
        let (unit, after) = split_where(after, |c| c.is_ascii_digit() || c == '.');
        total = total.checked_add(part_of_duration(number, unit).ok_or_else(refuse)?).ok_or_else(refuse)?;
        rest = after;
    }
    if text.is_empty() { Err(refuse()) } else { Ok(total) }
}

fn part_of_duration(number: &str, unit: &str) -> Option<Duration> {
    let nanoseconds_a_unit: u64 = match unit {
        "ns" => 1,
        "us" | "µs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.len() > 9 {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let numerator: u64 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    let denominator = 10u64.pow(u32::try_from(fraction.len()).ok()?);
    let of_fraction = u128::from(numerator) * u128::from(nanoseconds_a_unit) / u128::from(denominator);
    let nanoseconds = whole.checked_mul(nanoseconds_a_unit)?.checked_add(u64::try_from(of_fraction).ok()?)?;
    Some(Duration::from_nanos(nanoseconds))
}

/// A parser of sizes in bytes (`64MiB`) that refuses what is not between two of them.
pub(super) fn size_between(
    least: &'static str,
    most: &'static str,
) -> impl Fn(&str) -> Result<usize, String> + Clone {
    move |text| {
        let size = size(text)?;
        if size < self::size(least)? || size > self::size(most)? {
            return Err(format!("write a size from {least} to {most}"));
        }
        Ok(size)
    }
}

fn size(text: &str) -> Result<usize, String> {
    let refuse = || "write a size with its unit, for example 512KiB, 64MiB or 1GiB".to_owned();
    let (number, unit) = split_where(text, |c| !c.is_ascii_digit());
    let bytes_a_unit: usize = match unit {
        "KiB" | "Ki" => 1 << 10,
        "MiB" | "Mi" => 1 << 20,
        "GiB" | "Gi" => 1 << 30,
        _ => return Err(refuse()),
    };
    number.parse::<usize>().ok().and_then(|n| n.checked_mul(bytes_a_unit)).ok_or_else(refuse)
}

/// The controllers that were named; all of them when none was.
pub(super) fn controllers(given: &[String]) -> Result<BTreeSet<&'static str>, String> {
    let given = non_empty(given);
    if given.is_empty() {
        return Ok(CONTROLLERS.iter().copied().collect());
    }
    given.iter().map(|name| controller("--controllers", name)).collect()
}

fn controller(flag: &str, name: &str) -> Result<&'static str, String> {
    CONTROLLERS.iter().copied().find(|known| *known == name).ok_or_else(|| {
        format!(
            "{flag}: there is no controller {name:?} in this version; there are: {}",
            CONTROLLERS.join(", ")
        )
    })
}

/// A number for all controllers, and numbers of their own for some, such as `8,onomondo=16`.
pub(super) fn concurrency(
    given: &[String],
    controllers: &BTreeSet<&'static str>,
) -> Result<BTreeMap<&'static str, usize>, String> {
    let mut for_all = 8;
    let mut own = BTreeMap::new();
    for entry in non_empty(given) {
        match entry.split_once('=') {
            None => for_all = workers(&entry)?,
            Some((name, number)) => {
                own.insert(controller("--concurrency", name)?, workers(number)?);
            }
        }
    }
    Ok(controllers.iter().map(|name| (*name, own.get(name).copied().unwrap_or(for_all))).collect())
}

fn workers(number: &str) -> Result<usize, String> {
    number.parse().ok().filter(|n| (1..=MOST_CONCURRENCY).contains(n)).ok_or_else(|| {
        format!(
            "--concurrency {number:?}: write a number from 1 to {MOST_CONCURRENCY}, for example 8 or onomondo=16"
        )
    })
}

/// Namespaces, sorted, each once.
pub(super) fn namespaces(flag: &str, given: &[String]) -> Result<Vec<String>, String> {
    let names: BTreeSet<String> = non_empty(given).into_iter().collect();
    names.iter().try_for_each(|name| namespace(flag, name))?;
    Ok(names.into_iter().collect())
}

/// A namespace is a DNS label.
pub(super) fn namespace(flag: &str, name: &str) -> Result<(), String> {
    if name.len() <= 63 && !name.contains('.') && is_dns_name(name) {
        return Ok(());
    }
    Err(format!(
        "{flag} {name:?}: write the name of one namespace: lower case letters, digits and '-', at most 63 of them"
    ))
}

/// The name of an object is a DNS subdomain.
pub(super) fn object_name(flag: &str, name: &str) -> Result<(), String> {
    if name.len() <= 253 && is_dns_name(name) {
        return Ok(());
    }
    Err(format!(
        "{flag} {name:?}: write the name of an object: lower case letters, digits, '-' and '.', at most 253 of them"
    ))
}

fn is_dns_name(name: &str) -> bool {
    let is_alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    name.split('.').all(|label| {
        label.bytes().all(|byte| is_alphanumeric(byte) || byte == b'-')
            && label.bytes().next().is_some_and(is_alphanumeric)
            && label.bytes().last().is_some_and(is_alphanumeric)
    })
}

/// An environment variable that is set to nothing, as charts like to do, is a list of nothing.
fn non_empty(given: &[String]) -> Vec<String> {
    given.iter().map(|entry| entry.trim().to_owned()).filter(|entry| !entry.is_empty()).collect()
}

fn split_where(text: &str, end: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(end).unwrap_or(text.len()))
}
