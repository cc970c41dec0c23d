//! Ranges of IP addresses.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// Length of the prefix under which IPv6 speaks of IPv4 addresses, `::ffff:0:0/96`.
const MAPPED: u8 = 96;

/// A range of IP addresses in settings: `203.0.113.0/24`, `2001:db8::/32`, or one address.
///
/// An IPv4 address is the same whether it is written as such or mapped into IPv6 (`::ffff:203.0.113.7`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network(IpNet);

/// Text that is no [`Network`], as a sentence that says what is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// Neither a range nor an address.
    #[error("must be an IP address or a range such as 203.0.113.0/24 or 2001:db8::/32")]
    Malformed,
    /// Bits are set behind the prefix: an address was meant, or another range.
    #[error("must be a range without bits behind its prefix, such as 203.0.113.0/24, not 203.0.113.7/24")]
    HostBits,
}

impl Network {
    /// Whether `address` lies in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let range: Option<IpNet> = text.parse().ok();
        let range = range.or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
        let range = range.ok_or(NetworkError::Malformed)?;
        if range.trunc() != range {
            return Err(NetworkError::HostBits);
        }
        Ok(Self(unmapped(range)))
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

fn unmapped(range: IpNet) -> IpNet {
    let (IpAddr::V4(address), Some(length)) =
        (range.addr().to_canonical(), range.prefix_len().checked_sub(MAPPED))
    else {
        return range;
    };
    // An IPv4 range has at most 32 bits and never comes here; what is left of a mapped one is at most 32 too.
    Ipv4Net::new(address, length).map_or(range, IpNet::V4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_their_addresses_and_no_others() {
        for (range, inside, outside) in [
            ("213.95.145.0/27", "213.95.145.31", "213.95.145.32"),
            ("193.169.187.168/32", "193.169.187.168", "193.169.187.169"),
            ("52.18.79.87", "52.18.79.87", "52.18.79.86"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("::1", "::1", "::2"),
            ("::/0", "2001:db8::1", "203.0.113.7"),
            // Mapped on one side, or on both.
            ("203.0.113.0/24", "::ffff:203.0.113.7", "::ffff:203.0.114.7"),
            ("::ffff:203.0.113.0/120", "203.0.113.7", "203.0.114.7"),
            ("::ffff:203.0.113.7", "::ffff:203.0.113.7", "203.0.113.8"),
            ("::ffff:0:0/96", "203.0.113.7", "::1"),
        ] {
            let range: Network = range.parse().unwrap();
            assert!(range.contains(inside.parse().unwrap()), "{range:?} {inside}");
            assert!(!range.contains(outside.parse().unwrap()), "{range:?} {outside}");
        }
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in
            ["", "idnow.de", "10.0.0.1/33", "10.0.0.1/-1", "10.0.0/8", "::1/129", "10.0.0.1:80", " 10.0.0.1"]
        {
            assert_eq!(text.parse::<Network>(), Err(NetworkError::Malformed), "{text}");
        }
        for text in ["10.0.0.1/8", "2001:db8::1/32", "::ffff:203.0.113.7/120"] {
            assert_eq!(text.parse::<Network>(), Err(NetworkError::HostBits), "{text}");
        }
    }
}
