//! The values that conditions compare: numbers, dates, addresses, bytes.

mod date;
mod number;

use std::net::{IpAddr, Ipv6Addr};

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

pub(crate) use date::Moment;
pub(crate) use number::Number;

/// A range of addresses; a bare address is a range of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    address: IpAddr,
    prefix: u8,
}

impl Range {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            None => (text, None),
            Some((address, prefix)) => (address, Some(prefix)),
        };
        let written: IpAddr = address.parse().ok()?;
        let whole: u8 = if written.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => whole,
            Some(digits) => {
                let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
                let prefix: u8 = digits.parse().ok().filter(|_| plain)?;
                if prefix > whole {
                    return None;
                }
                prefix
            }
        };
        let range = Self {
            address: written,
            prefix,
        };
        Some(range.unmapped())
    }

    /// A range within `::ffff:0:0/96` is the IPv4 range it stands for.
    // IAM-034
    fn unmapped(self) -> Self {
        let IpAddr::V6(address) = self.address else {
            return self;
        };
        match (address.to_ipv4_mapped(), self.prefix.checked_sub(96)) {
            (Some(mapped), Some(prefix)) => Self {
                address: IpAddr::V4(mapped),
                prefix,
            },
            _ => self,
        }
    }

    pub(crate) fn contains(self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let shift = 32 - u32::from(self.prefix);
                let cut = |bits: u32| bits.checked_shr(shift).unwrap_or(0);
                cut(own.to_bits()) == cut(other.to_bits())
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let shift = 128 - u32::from(self.prefix);
                let cut = |bits: u128| bits.checked_shr(shift).unwrap_or(0);
                cut(own.to_bits()) == cut(other.to_bits())
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

/// One address. An IPv4 address written as IPv6 (`::ffff:10.0.0.1`) is the IPv4 address.
// IAM-034
pub(crate) fn address(text: &str) -> Option<IpAddr> {
    let written: IpAddr = text.parse().ok()?;
    Some(match written {
        IpAddr::V4(_) => written,
        IpAddr::V6(address) => unmapped(address),
    })
}

fn unmapped(address: Ipv6Addr) -> IpAddr {
    address
        .to_ipv4_mapped()
        .map_or(IpAddr::V6(address), IpAddr::V4)
}

/// The bytes of a base64 text, with or without its padding.
pub(crate) fn bytes(text: &str) -> Option<Vec<u8>> {
    const ENGINE: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    ENGINE.decode(text).ok()
}

pub(crate) fn boolean(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(range: &str, text: &str) -> bool {
        Range::parse(range)
            .unwrap()
            .contains(address(text).unwrap())
    }

    #[test]
    fn a_range_holds_its_first_and_last_address_and_not_their_neighbours() {
        assert!(contains("10.0.0.0/30", "10.0.0.0"));
        assert!(contains("10.0.0.0/30", "10.0.0.3"));
        assert!(!contains("10.0.0.0/30", "10.0.0.4"));
        assert!(!contains("10.0.0.0/30", "9.255.255.255"));
        assert!(contains("0.0.0.0/0", "255.255.255.255"));
        assert!(contains("2001:db8::/126", "2001:db8::3"));
        assert!(!contains("2001:db8::/126", "2001:db8::4"));
        assert!(contains("::/0", "2001:db8::4"));
    }

    #[test]
    fn a_bare_address_is_a_range_of_one() {
        assert!(contains("10.0.0.1", "10.0.0.1"));
        assert!(!contains("10.0.0.1", "10.0.0.2"));
        assert!(contains("2001:db8::1", "2001:DB8:0::1"));
    }

    #[test]
    fn the_two_families_never_meet_but_a_mapped_address_is_the_ipv4_one() {
        assert!(!contains("0.0.0.0/0", "2001:db8::1"));
        assert!(!contains("::/0", "10.0.0.1"));
        assert!(contains("10.0.0.0/8", "::ffff:10.1.2.3"));
        assert!(contains("::ffff:10.0.0.0/104", "10.1.2.3"));
        assert!(!contains("::ffff:10.0.0.0/104", "11.1.2.3"));
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in [
            "10.0.0.0/33",
            "10.0.0/8",
            "10.0.0.0/+8",
            "",
            "10.0.0.0/",
            "x",
        ] {
            assert_eq!(Range::parse(text), None, "{text}");
        }
    }

    #[test]
    fn base64_may_lack_its_padding() {
        assert_eq!(bytes("QQ=="), Some(b"A".to_vec()));
        assert_eq!(bytes("QQ"), bytes("QQ=="));
        assert_eq!(bytes("Q!"), None);
    }
}
