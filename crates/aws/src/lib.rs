//! Speaks to AWS: signs a call, asks STS or IAM, reads what they answer.
//!
//! It knows the wire: Signature Version 4, the Query protocol, the limits AWS puts on names, tags and
//! policies, and what each refusal means for a credential that may or may not exist by now. It
//! refuses to know who may have which credential: it is handed an order and carries it out.
//!
//! There is no SDK below it. A handful of calls are made at run time, and the service crates of the
//! SDK are built in many minutes; the signature itself is AWS's own crate, `aws-sigv4`.
//!
//! ```
//! use bailiwick_aws::{endpoint::{Endpoint, Region, Service}};
//!
//! let region: Region = "eu-central-1".parse()?;
//! let endpoint = Endpoint::regional(Service::Sts, &region);
//! assert_eq!(endpoint.authority(), "sts.eu-central-1.amazonaws.com");
//! assert!("eu-central-1.evil.test".parse::<Region>().is_err());
//! # Ok::<(), bailiwick_aws::endpoint::ParseRegionError>(())
//! ```

pub mod answer;
pub mod bucket;
pub mod call;
pub mod endpoint;
pub mod iam;
pub mod key;
pub mod limits;
pub mod mint;
pub mod probe;
pub mod proof;
mod query;
pub mod revoke;
pub mod sign;
pub mod sts;
pub mod time;
pub mod transport;
