//! One function a parser and a decoder: any bytes in, and it returns; what it accepts holds together.
//!
//! `cargo xtask fuzz` drives them with libFuzzer, coverage-guided, on the stable toolchain; so does
//! `cargo fuzz run TARGET --features libfuzzer` on nightly.

mod authority;
mod authzen;
mod aws;
mod catalog;
mod charter;
mod estate;
mod iam;
mod identity;
mod ledger;
mod review;

pub use authority::{arguments, token};
pub use authzen::authzen;
pub use aws::sts;
pub use catalog::catalog;
pub use charter::charter;
pub use estate::{authorization_details, iam_extra, organization, resources, service_calls, usage};
pub use iam::{access, arn, case, policy, request};
pub use identity::{identity_certificate, identity_keys, identity_signature, identity_token};
pub use ledger::ledger;
pub use review::{plan, waivers};

fn text(input: &[u8]) -> &str {
    str::from_utf8(input).unwrap_or_default()
}
