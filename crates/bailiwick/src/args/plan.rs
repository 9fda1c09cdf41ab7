//! Plans: made, looked at and tried.

use std::path::PathBuf;

use clap::Subcommand;

use super::charter::Language;

/// What plans are made from
#[derive(Debug, clap::Args)]
pub(crate) struct Sources {
    /// Snapshot folders, or the JSON of `aws iam get-account-authorization-details`
    #[arg(long, required = true, value_name = "PATH")]
    pub(crate) estate: Vec<PathBuf>,

    /// Charters, or folders of them; by default charters/ beside the estate
    #[arg(long, value_name = "DIR")]
    pub(crate) charters: Vec<PathBuf>,

    /// What was observed, one JSON object a line; by default usage.ndjson beside the estate
    #[arg(long, value_name = "FILE")]
    pub(crate) usage: Option<PathBuf>,
}

/// Where a plan goes
#[derive(Debug, clap::Args)]
pub(crate) struct Delivery {
    /// Write plan.json, one policy document a file and the templates into a folder
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,

    /// In which language templates are written
    #[arg(long = "as", value_name = "LANGUAGE", default_value = "json")]
    pub(crate) language: Language,
}

/// Plan a role of its own for each agent that shares one, with proofs and a way back
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bailiwick split agents-shared --estate examples/acme --out plan/
  bailiwick split arn:aws:iam::111122223333:role/service-role/agents-shared \\
      --estate snapshot/ --charters charters/ --usage usage.ndjson --out plan/
  bailiwick plan apply-to-snapshot plan/ --estate examples/acme --out after/

Nothing is applied. Exit codes: 1 a proof is refuted; 3 none is, but one is unknown; 2 bad input;
0 every proof holds.")]
pub(crate) struct Split {
    /// The role: its ARN, or its name where one account alone has it
    #[arg(value_name = "ROLE")]
    pub(crate) role: String,

    #[command(flatten)]
    pub(crate) sources: Sources,

    #[command(flatten)]
    pub(crate) delivery: Delivery,
}

/// Plan to take from an agent what it neither declares nor uses
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bailiwick tighten invoice_reader --estate examples/acme
  bailiwick tighten invoice-reader --estate snapshot/ --charters charters/ --usage usage.ndjson \\
      --out plan/ --as terraform

What the trail could not have seen is not called unused: such a proof is unknown. Exit codes: 1 a
proof is refuted; 3 none is, but one is unknown; 2 bad input; 0 every proof holds.")]
pub(crate) struct Tighten {
    /// The agent: its name in its charter or on its platform, its id, or its ARN
    #[arg(value_name = "AGENT")]
    pub(crate) agent: String,

    #[command(flatten)]
    pub(crate) sources: Sources,

    #[command(flatten)]
    pub(crate) delivery: Delivery,
}

/// Plan SCPs and RCPs over the units in which agents run, proved to break no charter
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bailiwick ceiling --estate examples/acme
  bailiwick ceiling --estate snapshot/ --unit Production --without AgentsInsideVpc \\
      --out plan/ --as terraform
  bailiwick ceiling --estate snapshot/ --only NoInlineAgents --only NoNewBedrockKeys --out plan/
  bailiwick ceiling --list

Each statement is named by its Sid, and drawn only where what it rests on is known; the others are
left out, and the plan says why. Exit codes: 1 a declared request would be denied; 3 none is known
to be, but one could not be told; 2 bad input, or no room for the policies; 0 otherwise.")]
pub(crate) struct Ceiling {
    /// Say what every statement is good for and on which page of AWS it rests, and do no more
    #[arg(long)]
    pub(crate) list: bool,

    /// Snapshot folders; organization.json must be among their files
    #[arg(long, required_unless_present = "list", value_name = "PATH")]
    pub(crate) estate: Vec<PathBuf>,

    /// Charters, or folders of them; by default charters/ beside the estate
    #[arg(long, value_name = "DIR")]
    pub(crate) charters: Vec<PathBuf>,

    /// What was observed, one JSON object a line; by default usage.ndjson beside the estate
    #[arg(long, value_name = "FILE")]
    pub(crate) usage: Option<PathBuf>,

    /// Only for this unit, by id or name (may be given more than once)
    #[arg(long, value_name = "OU")]
    pub(crate) unit: Vec<String>,

    /// Only this statement (may be given more than once)
    #[arg(long, value_name = "STATEMENT", conflicts_with = "without")]
    pub(crate) only: Vec<String>,

    /// All but this statement (may be given more than once)
    #[arg(long, value_name = "STATEMENT")]
    pub(crate) without: Vec<String>,

    /// Who may still change what is protected, as a pattern of role ARNs; by default whom the SCPs
    /// that are attached exempt
    #[arg(long, value_name = "ARN")]
    pub(crate) admin: Vec<String>,

    /// The role with which the pipeline moves aliases and endpoints
    #[arg(long, value_name = "ARN")]
    pub(crate) pipeline: Vec<String>,

    /// The organisation (o-…), so that an RCP can keep others out; by default `id` in
    /// organization.json
    #[arg(long, value_name = "ID")]
    pub(crate) organization: Option<String>,

    #[command(flatten)]
    pub(crate) delivery: Delivery,
}

/// Look at a plan, or try it on a snapshot
#[derive(Debug, clap::Args)]
pub(crate) struct Plan {
    #[command(subcommand)]
    pub(crate) verb: PlanVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PlanVerb {
    Lint(PlanLint),
    ApplyToSnapshot(PlanApply),
}

/// Read a plan and say what is wrong with it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  bailiwick plan lint plan/

Exit codes: 1 a proof is refuted, or a change is out of order or beyond a limit of AWS; 3 a proof is
unknown; 2 no plan; 0 otherwise.")]
pub(crate) struct PlanLint {
    /// A folder that a plan was written to, or its plan.json
    #[arg(value_name = "PLAN")]
    pub(crate) plan: PathBuf,
}

/// Write the snapshot as it would be after a plan, to scan it again
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bailiwick plan apply-to-snapshot plan/ --estate examples/acme --out after/
  bailiwick plan apply-to-snapshot plan/ --estate after/ --undo --out before/

AWS is not touched. Exit codes: 2 the plan does not fit the snapshot; 0 otherwise.")]
pub(crate) struct PlanApply {
    /// A folder that a plan was written to, or its plan.json
    #[arg(value_name = "PLAN")]
    pub(crate) plan: PathBuf,

    /// The snapshot folder that the plan was made from
    #[arg(long, required = true, value_name = "PATH")]
    pub(crate) estate: PathBuf,

    /// Undo the plan on a snapshot it was applied to
    #[arg(long)]
    pub(crate) undo: bool,

    /// The folder to write
    #[arg(long, required = true, value_name = "DIR")]
    pub(crate) out: PathBuf,
}

/// Compare charter, access and trail: what agents may, do and declare, and how these differ
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bailiwick diff examples/acme examples/acme/charters
  bailiwick diff snapshot/ charters/ --usage usage.ndjson --json

Exit codes: 1 the three differ; 3 they do not, but something could not be told; 2 bad input;
0 they are equal.")]
pub(crate) struct Diff {
    /// A snapshot folder, or the JSON of `aws iam get-account-authorization-details`
    #[arg(value_name = "ESTATE")]
    pub(crate) estate: PathBuf,

    /// Charters, or a folder of them
    #[arg(value_name = "CHARTERS")]
    pub(crate) charters: PathBuf,

    /// What was observed, one JSON object a line; by default usage.ndjson beside the estate
    #[arg(long, value_name = "FILE")]
    pub(crate) usage: Option<PathBuf>,
}
