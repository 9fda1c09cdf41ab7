//! The command line, as documented in `--help`.

mod charter;
mod daemon;
mod ledger;
mod plan;

use std::{path::PathBuf, sync::LazyLock};

use clap::{Parser, Subcommand, ValueEnum};

pub(crate) use charter::{Charter, CharterCheck, CharterDraft, CharterVerb, Compile, Language};
pub(crate) use daemon::{Grant, Kill, Reach as DaemonReach, Revoke, ScopeName};
pub(crate) use ledger::{
    Ledger, LedgerProve, LedgerQuery, LedgerReplay, LedgerVerb, LedgerVerify, Record,
};
pub(crate) use plan::{
    Ceiling, Delivery, Diff, Plan, PlanApply, PlanLint, PlanVerb, Sources, Split, Tighten,
};

/// The version of the program and of the catalog of AWS's actions that is built into it.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let catalog = bailiwick_iam_catalog::builtin();
    format!(
        "{} (catalog of AWS actions {} of {})",
        env!("CARGO_PKG_VERSION"),
        catalog.version(),
        catalog.date()
    )
});

#[derive(Debug, Parser)]
#[command(
    name = "bailiwick",
    version = VERSION.as_str(),
    about = "Gives every AI agent on AWS an identity of its own and no more access than its task needs",
    after_help = "Exit codes: 2 bad usage or bad input; 1 found something at or above --fail-on, or a gate stays shut;\n\
                  3 something at that level could not be told; 0 none of these. Data goes to the standard output,\n\
                  everything else to the standard error.\n\n\
                  Start here:  bailiwick scan examples/acme",
    disable_help_subcommand = true,
    arg_required_else_help = true
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub verb: Verb,

    /// Answer in JSON
    #[arg(long, global = true)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Scan(Scan),
    Agents(Agents),
    Reach(Reach),
    Explain(Explain),
    Evaluate(Evaluate),
    Compare(Compare),
    Compact(Compact),
    Charter(Charter),
    Compile(Compile),
    Split(Split),
    Tighten(Tighten),
    Ceiling(Ceiling),
    Diff(Diff),
    Plan(Plan),
    Grant(Grant),
    Revoke(Revoke),
    Kill(Kill),
    Ledger(Ledger),
}

/// Find what is wrong with the identities and permissions of the agents in an estate
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bailiwick scan examples/acme
  aws iam get-account-authorization-details > iam.json && bailiwick scan iam.json
  bailiwick scan snapshot/ --format html --out report.html
  bailiwick scan snapshot/ --format sarif --fail-on critical > bailiwick.sarif

Exit codes: 1 a finding at or above --fail-on; 3 none, but a rule of that level could not tell;
2 bad input; 0 otherwise. A waived finding does not count.")]
pub(crate) struct Scan {
    /// Snapshot folders, or the JSON of `aws iam get-account-authorization-details`
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,

    /// Charters: files or folders, in place of `charters/` beside an `estate/`
    #[arg(long, value_name = "DIR")]
    pub charters: Vec<PathBuf>,

    /// What was observed, one JSON object a line, in place of usage.ndjson beside an estate/
    #[arg(long, value_name = "FILE")]
    pub usage: Option<PathBuf>,

    /// How to show the findings
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "table",
        conflicts_with = "json"
    )]
    pub format: ScanFormat,

    /// The least severity that fails the run
    #[arg(long, value_name = "LEVEL", default_value = "high")]
    pub fail_on: Level,

    /// Findings accepted for a while: owner, reason and expiry of each
    #[arg(long, value_name = "FILE")]
    pub waivers: Option<PathBuf>,

    /// Write the report to a file instead of the standard output
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,

    /// The day on which waivers are judged, instead of today
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub today: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ScanFormat {
    Table,
    Json,
    Sarif,
    Html,
    Markdown,
    Ocsf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Level {
    Critical,
    High,
    Medium,
    Low,
    Info,
}

/// List every agent: its kind, role, who shares the role, what it reaches, owner, environment
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bailiwick agents examples/acme
  bailiwick agents examples/acme --invokers
  bailiwick agents iam.json --json

Exit codes: 2 bad input; 0 otherwise.")]
pub(crate) struct Agents {
    /// Snapshot folders, or the JSON of `aws iam get-account-authorization-details`
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,

    /// Show who may invoke each agent, each with a request that shows it
    #[arg(long)]
    pub invokers: bool,
}

/// Work out what every principal can become, hop by hop
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bailiwick reach examples/acme
  bailiwick reach iam.json --from arn:aws:iam::111122223333:role/support-bot
  bailiwick reach iam.json --json | jq 'select(.admin == \"yes\") | .principal'

With --json: one object a line, for every principal. Exit codes: 2 bad input; 0 otherwise.")]
pub(crate) struct Reach {
    /// Snapshot folders, or the JSON of `aws iam get-account-authorization-details`
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,

    /// Only from this principal (may be given more than once)
    #[arg(long, value_name = "ARN")]
    pub from: Vec<String>,

    /// With --json, list so many ways of each principal at most, and count the others in `more`;
    /// `all` leaves none out [default: 500; with --from: all]
    #[arg(long, value_name = "N|all", value_parser = ways)]
    pub ways: Option<usize>,
}

/// How many ways are listed: a number, or all.
fn ways(text: &str) -> Result<usize, String> {
    match text {
        "all" => Ok(usize::MAX),
        number => {
            let number = number.parse().ok().filter(|number| *number > 0);
            number.ok_or_else(|| "a number from 1 up, or `all`, is expected".to_owned())
        }
    }
}

/// Explain why a request is allowed or denied, layer by layer, and what would change the answer
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bailiwick explain examples/acme --principal arn:aws:iam::111122223333:role/agents/prod/analysis-sandbox \\
      --action s3:GetObject --resource arn:aws:s3:::ledger/1
  bailiwick explain snapshot/ --principal ROLE --action A --resource R --context aws:SourceVpc=vpc-1
  bailiwick explain --request case.json

Exit codes: 2 bad input; 0 otherwise.")]
pub(crate) struct Explain {
    /// Snapshot folders, or the JSON of `aws iam get-account-authorization-details`
    #[arg(value_name = "PATH", required_unless_present = "request")]
    pub(crate) paths: Vec<PathBuf>,

    /// A case with its policies in it, as `evaluate` reads them (- for the standard input)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["paths", "principal", "action", "resource", "context"])]
    pub(crate) request: Option<PathBuf>,

    /// Who asks: the ARN of a role, a user or a session
    #[arg(long, value_name = "ARN", required_unless_present = "request")]
    pub(crate) principal: Option<String>,

    /// What for, for example s3:GetObject
    #[arg(long, value_name = "ACTION", required_unless_present = "request")]
    pub(crate) action: Option<String>,

    /// On what
    #[arg(long, value_name = "ARN", required_unless_present = "request")]
    pub(crate) resource: Option<String>,

    /// A condition key and its value; the same key again adds a value
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) context: Vec<String>,
}

/// Decide requests: cases in, decisions out, one JSON object a line
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  bailiwick evaluate --cases cases.ndjson

Each line holds a request and the policies around it; each answer names the decision, the layer and
the statements that decided, and what context is missing. Exit codes: 2 bad input; 0 otherwise.")]
pub(crate) struct Evaluate {
    /// The cases, one JSON object a line (- for the standard input)
    #[arg(long, value_name = "FILE")]
    pub(crate) cases: PathBuf,
}

/// Compare what two policies allow, with a request that shows each difference
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bailiwick compare new.json old.json
  bailiwick compare new.json old.json --gate no-new-access
  bailiwick compare new.json old.json --format markdown
  bailiwick compare --cases pairs.ndjson
  bailiwick compare bucket-new.json bucket-old.json --kind resource

A side is a policy; or a JSON list of policies, each a document or an object with its `name` and
`document`; or layers, an object with `identity`, `boundary` and `session`, which are such lists,
and `scp`, a list of levels with `target` and `policies`.
A is the candidate, B the reference: `wider` means A allows something that B does not.
Exit codes: with --gate, 1 if A allows anything new and 3 if that cannot be told; 2 bad input;
0 otherwise.")]
pub(crate) struct Compare {
    /// The candidate: a policy, a list of policies, or layers
    #[arg(value_name = "A", required_unless_present = "cases")]
    pub(crate) a: Option<PathBuf>,

    /// The reference
    #[arg(value_name = "B", required_unless_present = "cases")]
    pub(crate) b: Option<PathBuf>,

    /// Many pairs, one JSON object a line (- for the standard input)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["a", "b", "gate", "format"])]
    pub(crate) cases: Option<PathBuf>,

    /// What the policies are attached to
    #[arg(long, value_name = "KIND", default_value = "identity")]
    pub(crate) kind: PolicyKind,

    /// Fail if the comparison shows this
    #[arg(long, value_name = "GATE")]
    pub(crate) gate: Option<Gate>,

    /// Say which proofs of containment the small independent checker has checked (it checks all)
    #[arg(long)]
    pub(crate) check: bool,

    /// How to show the difference
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "table",
        conflicts_with = "json"
    )]
    pub(crate) format: CompareFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PolicyKind {
    Identity,
    Resource,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Gate {
    /// A may allow nothing that B does not
    NoNewAccess,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CompareFormat {
    Table,
    Json,
    Markdown,
}

/// Rewrite a policy as small as it can be said, with a proof that it says the same
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  bailiwick compact policy.json > smaller.json

The policy goes to the standard output, as a list where one document is not enough; what was saved
and proved goes to the standard error.

Exit codes: 1 if AWS's limits would refuse it still; 3 if it cannot be proved that nothing changes;
2 bad input; 0 otherwise.")]
pub(crate) struct Compact {
    /// The policy (- for the standard input)
    #[arg(value_name = "POLICY")]
    pub(crate) policy: PathBuf,

    /// Use wildcards where they match, in the built-in catalog, exactly the actions they stand for
    #[arg(long)]
    pub(crate) wildcards: bool,

    /// Whose limits of size it must keep to
    #[arg(long, value_name = "LIMIT", default_value = "managed")]
    pub(crate) fit: SizeOf,

    /// Write the policy to a file instead of the standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SizeOf {
    /// Managed policies: 6,144 characters each, ten of them
    Managed,
    /// All inline policies of a role: 10,240
    RoleInline,
    /// All inline policies of a user: 2,048
    UserInline,
}
