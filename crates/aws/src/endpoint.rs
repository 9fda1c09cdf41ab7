//! Where a service is asked: worked out from the region, never taken from a caller.

use std::fmt;
use std::str::FromStr;

use http::Uri;

/// A region's name: `eu-central-1`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Region(String);

/// A text that names no region.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no region: letters, digits and hyphens, like eu-central-1")]
pub struct ParseRegionError {
    pub text: String,
}

/// The regions with an STS endpoint of their own, as of botocore 1.43.11.
// Partitions `aws`, `aws-cn`, `aws-eusc` and `aws-us-gov` of its `endpoints.json`.
const STS_REGIONS: &[&str] = &[
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eusc-de-east-1",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-west-1",
    "us-west-2",
];

impl Region {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether STS is known to have an endpoint there. A name of the right form is not enough where
    /// somebody else chose it.
    #[must_use]
    pub fn has_sts(&self) -> bool {
        STS_REGIONS.contains(&self.as_str())
    }

    /// What the names of this region's endpoints end in.
    // https://docs.aws.amazon.com/general/latest/gr/rande.html; the partitions in botocore's
    // `partitions.json`.
    fn domain(&self) -> &'static str {
        let starts = |prefix: &str| self.0.starts_with(prefix);
        if starts("cn-") {
            "amazonaws.com.cn"
        } else if starts("eusc-") {
            "amazonaws.eu"
        } else if starts("us-isob-") {
            "sc2s.sgov.gov"
        } else if starts("us-isof-") {
            "csp.hci.ic.gov"
        } else if starts("eu-isoe-") {
            "cloud.adc-e.uk"
        } else if starts("us-iso-") {
            "c2s.ic.gov"
        } else {
            "amazonaws.com"
        }
    }
}

impl FromStr for Region {
    type Err = ParseRegionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_name =
            |part: &&str| !part.is_empty() && part.bytes().all(|it| it.is_ascii_lowercase());
        let parts: Vec<&str> = text.split('-').collect();
        let named = match parts.as_slice() {
            [names @ .., number] => {
                (2..=4).contains(&names.len())
                    && names.iter().all(is_name)
                    && (1..=2).contains(&number.len())
                    && number.bytes().all(|it| it.is_ascii_digit())
            }
            [] => false,
        };
        if !named || text.len() > 32 {
            return Err(ParseRegionError {
                text: text.chars().take(64).collect(),
            });
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A service that is asked at run time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    Sts,
    Iam,
    /// Where a session is tried.
    S3,
}

impl Service {
    /// The name that signatures are made for.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sts => "sts",
            Self::Iam => "iam",
            Self::S3 => "s3",
        }
    }

    /// The version of the Query API.
    pub(crate) fn version(self) -> &'static str {
        match self {
            Self::Sts => "2011-06-15",
            Self::Iam => "2010-05-08",
            Self::S3 => "2006-03-01",
        }
    }
}

/// A service at an address, with the region its signatures name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    service: Service,
    signing_region: Region,
    uri: Uri,
}

/// An address that is not taken for a service's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{address}` is no address of a service: write http://127.0.0.1:4566 or https://host")]
pub struct EndpointError {
    pub address: String,
}

impl Endpoint {
    /// The regional endpoint. IAM has one for each partition, and signs for that one's region.
    #[must_use]
    pub fn regional(service: Service, region: &Region) -> Self {
        let domain = region.domain();
        let (authority, signing) = match service {
            Service::Sts => (format!("sts.{region}.{domain}"), region.as_str()),
            Service::Iam => iam_of_partition(region),
            Service::S3 => (format!("s3.{region}.{domain}"), region.as_str()),
        };
        let uri = Uri::builder()
            .scheme("https")
            .authority(authority)
            .path_and_query("/")
            .build();
        Self {
            service,
            signing_region: Region(signing.to_owned()),
            // A region's name holds nothing that an authority may not.
            uri: uri.unwrap_or_default(),
        }
    }

    /// Another address in its place: a private endpoint, or a server of a test.
    ///
    /// Clear text is taken for the own machine alone.
    ///
    /// # Errors
    /// If the address holds more than scheme, host and port, or would send secrets over a network
    /// in clear text.
    pub fn at(service: Service, region: &Region, address: &str) -> Result<Self, EndpointError> {
        let refused = || EndpointError {
            address: address.to_owned(),
        };
        let uri: Uri = address.parse().map_err(|_| refused())?;
        let authority = uri.authority().ok_or_else(refused)?;
        let is_bare = uri.path() == "/" && uri.query().is_none() && !address.contains('@');
        let own_machine = matches!(authority.host(), "127.0.0.1" | "localhost" | "[::1]");
        let is_safe = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => own_machine,
            Some(_) | None => false,
        };
        if !is_bare || !is_safe {
            return Err(refused());
        }
        Ok(Self {
            service,
            signing_region: region.clone(),
            uri,
        })
    }

    #[must_use]
    pub fn service(&self) -> Service {
        self.service
    }

    #[must_use]
    pub fn signing_region(&self) -> &Region {
        &self.signing_region
    }

    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Host and port, as the `Host` header names them.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.uri.authority().map_or("", |it| it.as_str())
    }
}

// https://docs.aws.amazon.com/general/latest/gr/iam-service.html
fn iam_of_partition(region: &Region) -> (String, &'static str) {
    let name = region.as_str();
    if name.starts_with("cn-") {
        ("iam.cn-north-1.amazonaws.com.cn".to_owned(), "cn-north-1")
    } else if name.starts_with("us-gov-") {
        ("iam.us-gov.amazonaws.com".to_owned(), "us-gov-west-1")
    } else if name.starts_with("eusc-") {
        (
            "iam.eusc-de-east-1.amazonaws.eu".to_owned(),
            "eusc-de-east-1",
        )
    } else {
        ("iam.amazonaws.com".to_owned(), "us-east-1")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(name: &str) -> Region {
        name.parse().unwrap()
    }

    #[test]
    fn each_partition_has_its_own_names() {
        for (service, name, authority, signing) in [
            (
                Service::Sts,
                "eu-central-1",
                "sts.eu-central-1.amazonaws.com",
                "eu-central-1",
            ),
            (
                Service::Sts,
                "cn-north-1",
                "sts.cn-north-1.amazonaws.com.cn",
                "cn-north-1",
            ),
            (
                Service::Sts,
                "us-gov-east-1",
                "sts.us-gov-east-1.amazonaws.com",
                "us-gov-east-1",
            ),
            (
                Service::Iam,
                "eu-central-1",
                "iam.amazonaws.com",
                "us-east-1",
            ),
            (
                Service::Iam,
                "cn-northwest-1",
                "iam.cn-north-1.amazonaws.com.cn",
                "cn-north-1",
            ),
            (
                Service::Iam,
                "us-gov-east-1",
                "iam.us-gov.amazonaws.com",
                "us-gov-west-1",
            ),
        ] {
            let endpoint = Endpoint::regional(service, &region(name));
            assert_eq!(endpoint.authority(), authority);
            assert_eq!(endpoint.signing_region().as_str(), signing);
        }
    }

    #[test]
    fn what_could_lead_elsewhere_is_no_region() {
        for name in [
            "",
            "eu",
            "eu-central",
            "eu-central-1.evil.test",
            "eu-central-1@evil",
            "eu-central-1/",
            "EU-central-1",
            "eu--1",
            "eu-central-123",
            "еu-central-1",
            "eu-central-1\n",
        ] {
            assert!(name.parse::<Region>().is_err(), "{name}");
        }
    }

    #[test]
    fn secrets_go_in_clear_text_to_the_own_machine_alone() {
        let at = |address| Endpoint::at(Service::Sts, &region("us-east-1"), address);
        assert!(at("http://127.0.0.1:4566").is_ok());
        assert!(at("https://sts.internal.example.com").is_ok());
        for address in [
            "http://sts.us-east-1.amazonaws.com",
            "http://127.0.0.1.evil.test",
            "http://127.0.0.1@evil.test",
            "https://host/path",
            "https://host/?query",
            "ftp://127.0.0.1",
            "127.0.0.1:4566",
        ] {
            assert!(at(address).is_err(), "{address}");
        }
    }
}
