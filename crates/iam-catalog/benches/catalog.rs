//! What the catalog costs: to read it once, and to ask it.

#![expect(clippy::unwrap_used, reason = "a benchmark")]

use bailiwick_iam_catalog::{Catalog, builtin, builtin_text};

fn main() {
    builtin();
    divan::main();
}

/// Every line of every service.
#[divan::bench]
fn decode() -> Catalog<'static> {
    Catalog::decode(builtin_text()).unwrap()
}

#[divan::bench(args = ["s3:GetObject", "bedrock-agentcore:InvokeAgentRuntime", "ec2:RunInstances"])]
fn action(name: &str) -> bool {
    builtin().action(name).unwrap().has_resources()
}

#[divan::bench(args = ["s3:Get*", "ec2:*", "*"])]
fn expand(pattern: &str) -> usize {
    builtin().expand(pattern).unwrap().len()
}

#[divan::bench(args = ["aws:TagKeys", "aws:PrincipalTag/team", "s3:prefix"])]
fn multi_valued(key: &str) -> bool {
    builtin().condition_key(key).unwrap().multi_valued()
}
