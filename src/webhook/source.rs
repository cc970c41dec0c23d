//! Where a request came from, behind proxies too.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::{HeaderMap, HeaderName};

use crate::settings::Network;
use crate::vendor::kit::delivery::Source;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Where a request of `peer` came from: the last address on its way that is not a trusted proxy.
///
/// Each proxy adds the address it was called from behind those it was told. Read from the end, what a trusted proxy
/// wrote can be believed, and what stands before it can have been made up by anybody. `Forwarded` is not read: a
/// proxy that writes the one passes the other on as it came.
pub(super) fn of(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> Source {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut nearest = peer.to_canonical();
    if !is_trusted(nearest) {
        return Source::Known(nearest);
    }
    for value in headers.get_all(FORWARDED_FOR).iter().rev() {
        let Ok(text) = value.to_str() else { return Source::Behind(nearest) };
        for entry in text.rsplit(',') {
            match address(entry.trim()) {
                Some(address) if is_trusted(address) => nearest = address,
                Some(address) => return Source::Known(address),
                None => return Source::Behind(nearest),
            }
        }
    }
    Source::Behind(nearest)
}

/// An address, alone or with a port; an IPv6 address may stand in brackets, and must with a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = || text.parse().ok();
    let with_port = || text.parse().ok().map(|address: SocketAddr| address.ip());
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    bare().or_else(with_port).or_else(bracketed).map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const PROXY: &str = "10.0.0.1";

    fn from(peer: &str, headers: &[&[u8]]) -> Source {
        let trusted = ["10.0.0.0/8", "2001:db8::/32"].map(|range| range.parse().unwrap());
        let values = headers.iter().map(|value| (FORWARDED_FOR, HeaderValue::from_bytes(value).unwrap()));
        let mut map = HeaderMap::new();
        values.for_each(|(name, value)| {
            map.append(name, value);
        });
        of(peer.parse().unwrap(), &map, &trusted)
    }

    fn known(address: &str) -> Source {
        Source::Known(address.parse().unwrap())
    }

    fn behind(address: &str) -> Source {
        Source::Behind(address.parse().unwrap())
    }

    #[test]
    fn a_stranger_is_its_own_source_whatever_it_says() {
        assert_eq!(from("203.0.113.7", &[]), known("203.0.113.7"));
        assert_eq!(from("203.0.113.7", &[b"198.51.100.1"]), known("203.0.113.7"));
        assert_eq!(from("::ffff:203.0.113.7", &[b"198.51.100.1"]), known("203.0.113.7"));
        assert_eq!(from("2001:db9::1", &[b"198.51.100.1"]), known("2001:db9::1"));
    }

    #[test]
    fn the_last_address_that_is_no_trusted_proxy_is_the_source() {
        let cases: [(&[&[u8]], &str); 13] = [
            (&[b"203.0.113.7"], "203.0.113.7"),
            (&[b"198.51.100.1, 203.0.113.7"], "203.0.113.7"),
            (&[b"198.51.100.1,203.0.113.7 ,\t10.2.0.1"], "203.0.113.7"),
            (&[b"198.51.100.1, 203.0.113.7", b"10.2.0.1"], "203.0.113.7"),
            (&[b"198.51.100.1", b"203.0.113.7"], "203.0.113.7"),
            (&[b"10.3.0.1, 203.0.113.7, 10.2.0.1"], "203.0.113.7"),
            (&[b"203.0.113.7:4711"], "203.0.113.7"),
            (&[b"2001:db9::7"], "2001:db9::7"),
            (&[b"[2001:db9::7]"], "2001:db9::7"),
            (&[b"[2001:db9::7]:443, [2001:db8::9]:80"], "2001:db9::7"),
            (&[b"::ffff:203.0.113.7, ::ffff:10.0.0.9"], "203.0.113.7"),
            // What cannot be read stands before what counts.
            (&[b"unknown, 203.0.113.7"], "203.0.113.7"),
            (&[b"\xff", b"203.0.113.7"], "203.0.113.7"),
        ];
        for (headers, source) in cases {
            assert_eq!(from(PROXY, headers), known(source), "{headers:?}");
            assert_eq!(from("::ffff:10.0.0.1", headers), known(source), "{headers:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_leaves_the_proxy_that_said_it() {
        let cases: [(&[&[u8]], &str); 14] = [
            (&[], PROXY),
            (&[b""], PROXY),
            (&[b"unknown"], PROXY),
            (&[b"_hidden"], PROXY),
            (&[b"203.0.113.7,"], PROXY),
            (&[b"203.0.113.7, , 10.2.0.1"], "10.2.0.1"),
            (&[b"203.0.113.7, nonsense, 10.2.0.1"], "10.2.0.1"),
            (&[b"203.0.113.7", b"\xff"], PROXY),
            (&[b"203.0.113.7:port"], PROXY),
            (&[b"[203.0.113.7]"], PROXY),
            (&[b"[2001:db9::7"], PROXY),
            (&[b"\"203.0.113.7\""], PROXY),
            (&[b"fe80::1%eth0"], PROXY),
            // Nobody but trusted proxies: who called the first of them is not said.
            (&[b"10.2.0.1, 2001:db8::5"], "10.2.0.1"),
        ];
        for (headers, proxy) in cases {
            let source = from(PROXY, headers);
            assert_eq!(source, behind(proxy), "{headers:?}");
            assert!(!source.is_in(&["0.0.0.0/0".parse().unwrap()]), "{headers:?}");
        }
    }
}
