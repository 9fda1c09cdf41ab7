//! Amazon Resource Names, and the account ids in them.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>.

use std::{fmt, str::FromStr};

/// A concrete ARN: `arn:partition:service:region:account:resource`.
///
/// ```
/// use bailiwick_iam::arn::Arn;
///
/// let arn: Arn = "arn:aws:iam::111122223333:role/agents/prod/reader".parse()?;
/// assert_eq!(arn.service(), "iam");
/// assert_eq!(arn.region(), "");
/// assert_eq!(arn.resource(), "role/agents/prod/reader");
/// assert_eq!(arn.resource_name(), "reader");
/// # Ok::<(), bailiwick_iam::arn::ParseArnError>(())
/// ```
///
/// A pattern with wildcards has the same six parts but is not one thing; it parses here too, and
/// only its user knows which it is. Use `policy::ResourcePattern` for what a policy says.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Arn {
    text: Box<str>,
    colons: [u32; 5],
}

/// Why a text is no ARN.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not an ARN: it needs six parts, arn:partition:service:region:account:resource"
)]
pub struct ParseArnError {
    pub text: String,
}

/// The longest text read as an ARN. AWS's longest are 2,048; a longer one is somebody's mistake.
pub const ARN_LENGTH_MAX: usize = 8_192;

impl Arn {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    #[must_use]
    pub fn partition(&self) -> &str {
        self.part(0)
    }

    #[must_use]
    pub fn service(&self) -> &str {
        self.part(1)
    }

    #[must_use]
    pub fn region(&self) -> &str {
        self.part(2)
    }

    /// The account as written: twelve digits, empty, or a word such as `aws`.
    #[must_use]
    pub fn account(&self) -> &str {
        self.part(3)
    }

    #[must_use]
    pub fn account_id(&self) -> Option<AccountId> {
        self.account().parse().ok()
    }

    /// All after the fifth colon, slashes and colons included.
    #[must_use]
    pub fn resource(&self) -> &str {
        self.part(4)
    }

    /// What the resource is, where the ARN says so: `role` in `role/agents/reader`, `function` in
    /// `function:post`. Empty where it does not, as in S3.
    #[must_use]
    pub fn resource_kind(&self) -> &str {
        let resource = self.resource();
        resource.split_once(['/', ':']).map_or("", |(kind, _)| kind)
    }

    /// The last part of the resource, after every slash and colon.
    #[must_use]
    pub fn resource_name(&self) -> &str {
        let resource = self.resource();
        resource
            .rsplit_once(['/', ':'])
            .map_or(resource, |(_, name)| name)
    }

    fn part(&self, index: usize) -> &str {
        let colon = |at: usize| self.colons.get(at).map(|&colon| colon as usize);
        let start = colon(index).map_or(0, |colon| colon + 1);
        let end = colon(index + 1).unwrap_or(self.text.len());
        self.text.get(start..end).unwrap_or_default()
    }
}

impl FromStr for Arn {
    type Err = ParseArnError;

    fn from_str(text: &str) -> Result<Self, ParseArnError> {
        let refused = || ParseArnError {
            text: text.chars().take(200).collect(),
        };
        let sized = text.starts_with("arn:") && text.len() <= ARN_LENGTH_MAX;
        if !sized {
            return Err(refused());
        }
        let mut found = text.bytes().zip(0_u32..).filter(|(byte, _)| *byte == b':');
        let mut colons = [0; 5];
        for colon in &mut colons {
            let (_, at) = found.next().ok_or_else(refused)?;
            *colon = at;
        }
        let arn = Self {
            text: text.into(),
            colons,
        };
        let named =
            !arn.partition().is_empty() && !arn.service().is_empty() && !arn.resource().is_empty();
        if named { Ok(arn) } else { Err(refused()) }
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Arn({})", self.text)
    }
}

impl AsRef<str> for Arn {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

impl serde::Serialize for Arn {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> serde::Deserialize<'de> for Arn {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// An AWS account id: twelve digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId([u8; 12]);

/// Why a text is no account id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an account id is twelve digits")]
pub struct ParseAccountIdError;

impl AccountId {
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for AccountId {
    type Err = ParseAccountIdError;

    fn from_str(text: &str) -> Result<Self, ParseAccountIdError> {
        let digits: [u8; 12] = text
            .as_bytes()
            .try_into()
            .map_err(|_| ParseAccountIdError)?;
        let twelve_digits = digits.iter().all(u8::is_ascii_digit);
        if !twelve_digits {
            return Err(ParseAccountIdError);
        }
        Ok(Self(digits))
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl serde::Serialize for AccountId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> serde::Deserialize<'de> for AccountId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resource_keeps_its_colons_and_slashes() {
        let arn: Arn = "arn:aws:lambda:us-east-1:111122223333:function:post:live"
            .parse()
            .unwrap();
        assert_eq!(arn.resource(), "function:post:live");
        assert_eq!(arn.resource_kind(), "function");
        assert_eq!(arn.account_id().unwrap().as_str(), "111122223333");
    }

    #[test]
    fn region_and_account_may_be_empty_but_the_service_may_not() {
        assert!("arn:aws:s3:::bucket/key".parse::<Arn>().is_ok());
        assert!("arn:aws::us-east-1:111122223333:x".parse::<Arn>().is_err());
    }

    #[test]
    fn five_parts_are_not_an_arn() {
        assert!("arn:aws:s3:::".parse::<Arn>().is_err());
        assert!("arn:aws:s3::bucket".parse::<Arn>().is_err());
    }

    #[test]
    fn eleven_or_thirteen_digits_are_not_an_account() {
        assert!("111122223333".parse::<AccountId>().is_ok());
        assert!("11112222333".parse::<AccountId>().is_err());
        assert!("1111222233334".parse::<AccountId>().is_err());
        assert!("11112222333a".parse::<AccountId>().is_err());
    }
}
