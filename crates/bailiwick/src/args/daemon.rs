//! The arguments of the verbs that speak to a daemon.

use std::path::PathBuf;

use clap::ValueEnum;

/// Where the daemon is, and who asks.
#[derive(Debug, clap::Args)]
pub(crate) struct Reach {
    /// The daemon's folder on this machine: its address and the operator's token are read there
    #[arg(long, value_name = "DIR", default_value = "bailiwick-data")]
    pub(crate) data: PathBuf,
    /// Where the daemon listens, in place of what its folder says [also: BAILIWICK_AT]
    #[arg(long, value_name = "URL")]
    pub(crate) at: Option<String>,
    /// A file with the token to show, in place of the operator's (- for the standard input)
    /// [also: BAILIWICK_TOKEN, which holds the token itself]
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// The certificates (PEM) to believe, in place of the public ones
    #[cfg(feature = "https")]
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
}

/// Open a grant: one task of one agent, for as long as its charter gives it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The token of the grant goes to the standard output, or to --out; what it is for goes to the standard
error. An operator's token mints the join ticket that the grant is opened with; without one, the
ticket is read from --ticket-file or from BAILIWICK_TICKET. No secret is taken on the command line:
others on the machine could read it there.

Examples:
  TOKEN=$(bailiwick grant invoice-reader reconcile --parameter supplier=acme-co)
  bailiwick grant invoice-reader reconcile --parameter supplier=acme-co --seconds 300 --out token
  bailiwick grant invoice-reader --ticket     a ticket for the agent to open the grant itself

Exit codes: 1 the daemon refuses; 2 bad usage or bad input; 3 it is not known whether it was done;
0 done.")]
pub(crate) struct Grant {
    /// The agent, by its charter's name
    pub(crate) agent: String,
    /// The task, by its name in the charter
    #[arg(required_unless_present = "ticket")]
    pub(crate) task: Option<String>,
    /// A parameter of the task
    #[arg(long = "parameter", short = 'p', value_name = "NAME=VALUE")]
    pub(crate) parameters: Vec<String>,
    /// For how long, where that is less than the charter gives the task
    #[arg(long, value_name = "SECONDS")]
    pub(crate) seconds: Option<u64>,
    /// What for, in words; the ledger keeps its hash
    #[arg(long, value_name = "TEXT")]
    pub(crate) purpose: Option<String>,
    /// For whom the agent acts
    #[arg(long, value_name = "NAME")]
    pub(crate) on_behalf_of: Option<String>,
    /// Mint a join ticket only, good once within ten minutes
    #[arg(long, conflicts_with_all = ["task", "parameters", "purpose", "on_behalf_of", "ticket_file"])]
    pub(crate) ticket: bool,
    /// A file with a join ticket (- for the standard input) [also: BAILIWICK_TICKET]
    #[arg(long, value_name = "FILE")]
    pub(crate) ticket_file: Option<PathBuf>,
    /// Write the secret to a new file that only its owner may read
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) reach: Reach,
}

/// End a grant and all that was delegated from it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Every call under it is denied before this returns. The token of the grant itself may do this too.

Exit codes: 1 the daemon refuses; 2 bad usage or bad input; 3 it is not known whether it was done;
0 done.")]
pub(crate) struct Revoke {
    /// The grant, by its id
    pub(crate) grant: String,
    #[command(flatten)]
    pub(crate) reach: Reach,
}

/// Stop all grants of an agent, of an owner, or all there are, and let none open until it is cleared
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Every call they cover is denied from here on, across restarts, whatever becomes of the database.

Examples:
  bailiwick kill agent invoice-reader --reason \"posts twice, incident 31\"
  bailiwick kill all --reason drill
  bailiwick kill --list
  bailiwick kill --clear agent invoice-reader --reason \"incident 31 is closed\"

Exit codes: 1 the daemon refuses; 2 bad usage or bad input; 3 it is not known whether it was done;
0 done.")]
pub(crate) struct Kill {
    /// What is stopped
    #[arg(required_unless_present = "list")]
    pub(crate) scope: Option<ScopeName>,
    /// Which one; not for `all`
    pub(crate) name: Option<String>,
    /// Why; it stands in the ledger
    #[arg(long, value_name = "TEXT", required_unless_present = "list")]
    pub(crate) reason: Option<String>,
    /// Let new grants open again. None that was stopped lives again
    #[arg(long)]
    pub(crate) clear: bool,
    /// Watch each layer take hold, on a canary that the kill covers, and tell what was seen
    #[arg(long, conflicts_with_all = ["clear", "list"])]
    pub(crate) verify: bool,
    /// An object on S3 that the agent's task role may read, by its ARN: the canary's session is tried
    /// on it
    #[arg(long, value_name = "ARN", requires = "verify")]
    pub(crate) object: Option<String>,
    /// The agent that the canary is like; for `owner` and `all`
    #[arg(long, value_name = "NAME", requires = "verify")]
    pub(crate) canary: Option<String>,
    /// For how many seconds it is watched at most
    #[arg(long, value_name = "SECONDS", default_value_t = 45, value_parser = clap::value_parser!(u64).range(1..=50))]
    pub(crate) watch: u64,
    /// Show what is stopped
    #[arg(long, conflicts_with_all = ["scope", "name", "reason", "clear"])]
    pub(crate) list: bool,
    #[command(flatten)]
    pub(crate) reach: Reach,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ScopeName {
    Grant,
    Agent,
    Owner,
    All,
}

impl ScopeName {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Grant => "grant",
            Self::Agent => "agent",
            Self::Owner => "owner",
            Self::All => "all",
        }
    }
}
