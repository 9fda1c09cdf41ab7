//! Charters: checked, drafted and compiled.

use std::path::PathBuf;

use bailiwick_review::print;
use clap::{Subcommand, ValueEnum};

use super::Level;

/// What agents are for: check what their owners wrote, or draft what they would write
#[derive(Debug, clap::Args)]
pub(crate) struct Charter {
    #[command(subcommand)]
    pub(crate) verb: CharterVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CharterVerb {
    Check(CharterCheck),
    Draft(CharterDraft),
}

/// Read charters and say what is doubtful about them
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bailiwick charter check examples/acme/charters
  bailiwick charter check charters/invoice-reader.yaml --json
  bailiwick charter check charters/ --fail-on medium

Exit codes: 1 a remark at or above --fail-on; 3 none, but something of that level could not be told;
2 a file that is no charter; 0 otherwise.")]
pub(crate) struct CharterCheck {
    /// Charters, or folders of them (.yaml, .yml)
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,

    /// The least weight that fails the run
    #[arg(long, value_name = "LEVEL", default_value = "high")]
    pub(crate) fail_on: Level,

    /// The longest that a task may last
    #[arg(long, value_name = "SPAN", default_value = "4h")]
    pub(crate) ttl_ceiling: String,
}

/// Write a first charter from what an agent has and did, with every guess marked
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bailiwick charter draft support_copilot --estate examples/acme
  bailiwick charter draft support_copilot --estate snapshot/ --usage usage.ndjson \\
      --out charters/support-copilot.yaml

A draft is a beginning: what it guesses says `# guess:` above it. Exit codes: 2 bad input;
0 otherwise.")]
pub(crate) struct CharterDraft {
    /// The agent: its name in its charter or on its platform, its id, its ARN, or the name of its
    /// role where nothing else has it
    #[arg(value_name = "AGENT")]
    pub(crate) agent: String,

    /// Snapshot folders, or the JSON of `aws iam get-account-authorization-details`
    #[arg(long, required = true, value_name = "PATH")]
    pub(crate) estate: Vec<PathBuf>,

    /// What was observed, one JSON object a line; by default usage.ndjson beside the estate
    #[arg(long, value_name = "FILE")]
    pub(crate) usage: Option<PathBuf>,

    /// Write the charter to a file instead of the standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// Compile charters to roles, policies, Cedar and CloudTrail selectors
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bailiwick compile examples/acme/charters
  bailiwick compile charters/invoice-reader.yaml --out out/ --as terraform
  bailiwick compile charters/ --with-broker arn:aws:ecs:us-east-1:111122223333:task-definition/bailiwickd

Nothing is applied. Exit codes: 2 a file that is no charter, or one that AWS's limits would refuse;
0 otherwise.")]
pub(crate) struct Compile {
    /// Charters, or folders of them (.yaml, .yml)
    #[arg(required = true, value_name = "CHARTER")]
    pub(crate) paths: Vec<PathBuf>,

    /// Snapshot folders: what the estate knows of the agents' models, images and tools is used
    #[arg(long, value_name = "PATH")]
    pub(crate) estate: Vec<PathBuf>,

    /// Write a folder with a file for each policy, and templates if --as names their language
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,

    /// The language of the output
    #[arg(long = "as", value_name = "LANGUAGE", default_value = "json")]
    pub(crate) language: Language,

    /// The account of agents whose charter names none
    #[arg(long, value_name = "ID")]
    pub(crate) account: Option<String>,

    /// The broker's role, if it is not role/bailiwick/bailiwick-broker of the agent's account
    #[arg(long, value_name = "ARN")]
    pub(crate) broker: Option<String>,

    /// The organisation (o-…), so that resource policies can keep others out; by default the one of
    /// the estate
    #[arg(long, value_name = "ID")]
    pub(crate) organization: Option<String>,

    /// Whom web identity tokens are for: the authority's URL
    #[arg(long, value_name = "URL")]
    pub(crate) audience: Option<String>,

    /// A repository that the agents' images are pulled from (may be given more than once)
    #[arg(long, value_name = "ARN")]
    pub(crate) image: Vec<String>,

    /// Compile the broker's own role too, for a broker that runs as this workload
    #[arg(long, value_name = "ARN")]
    pub(crate) with_broker: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    Cloudformation,
    Terraform,
    Json,
}

impl Language {
    /// As the printers call it.
    pub(crate) fn printed(self) -> print::Language {
        match self {
            Self::Cloudformation => print::Language::Cloudformation,
            Self::Terraform => print::Language::Terraform,
            Self::Json => print::Language::Json,
        }
    }
}
