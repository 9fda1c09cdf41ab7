//! The arguments of `ledger`.

use std::path::PathBuf;

use clap::Subcommand;

/// Check the record of what happened, search it, and prove that an entry is in it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The record is a file with one entry a line, as the daemon exports it, or a folder that holds it as
`ledger.ndjson` with its checkpoints in `checkpoints/`.

Examples:
  bailiwick ledger verify record/ --key \"$(cat ledger.key)\"
  bailiwick ledger query record/ --grant g-7 --from 2026-11-01
  bailiwick ledger prove record/ --seq 4 --key \"$(cat ledger.key)\"

Keep the key and a copy of the checkpoints where whoever can write to the database cannot.")]
pub(crate) struct Ledger {
    #[command(subcommand)]
    pub(crate) verb: LedgerVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LedgerVerb {
    Verify(LedgerVerify),
    Query(LedgerQuery),
    Prove(LedgerProve),
    Replay(LedgerReplay),
}

/// Check every entry, the chain, and what the checkpoints signed for
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit codes: 1 it does not hold, and the first bad entry or the missing checkpoint is named; 3 it
holds, but no checkpoint was given, so nobody can tell whether entries were cut off; 2 bad input;
0 it holds.")]
pub(crate) struct LedgerVerify {
    #[command(flatten)]
    pub(crate) record: Record,
}

/// List the entries that are about something
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Every condition that is given must hold. With --json: the entries with their hashes, one a line, as
`ledger verify` reads them. Exit codes: 1 the chain is broken on the way; 2 bad input; 0 otherwise.")]
pub(crate) struct LedgerQuery {
    /// The file or folder
    pub(crate) path: PathBuf,
    /// About this grant, or one delegated from it
    #[arg(long, value_name = "ID")]
    pub(crate) grant: Option<String>,
    /// About this agent
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,
    /// This event, whole or up to a dot: `grant.active`, `grant`
    #[arg(long, value_name = "EVENT")]
    pub(crate) event: Option<String>,
    /// Decided so: allow, deny, step_up
    #[arg(long, value_name = "EFFECT")]
    pub(crate) effect: Option<String>,
    /// Of this request
    #[arg(long, value_name = "ID")]
    pub(crate) request: Option<String>,
    /// Of this session or trace of a prompt flow
    #[arg(long, value_name = "ID")]
    pub(crate) flow: Option<String>,
    /// From this day or time on (UTC)
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// Before this day or time (UTC)
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
}

/// Prove that an entry is in the record, or that an older record is its beginning
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The proof is JSON, for others to check (docs/formats/ledger.md). It leads to the first checkpoint
that covers the entry where checkpoints and a key are given, else to the root of what was read.

Exit codes: 1 the record does not hold; 2 bad input; 0 otherwise.")]
pub(crate) struct LedgerProve {
    #[command(flatten)]
    pub(crate) record: Record,
    /// The entry, by its number
    #[arg(long, value_name = "NUMBER", required_unless_present = "since")]
    pub(crate) seq: Option<u64>,
    /// The number of entries that the older record had
    #[arg(long, value_name = "SIZE", conflicts_with = "seq")]
    pub(crate) since: Option<u64>,
}

/// Say what other charters would have decided
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Charters are decided by what the daemon decides by, which is not in this small program: it is the
`bailiwickd` beside it, or else the one on the PATH, that does the work.

What hangs on arguments, parameters or answers that are not on record is unknown, and says so.

Exit codes: 1 a decision would be another, or the chain is broken; 3 none would, and some cannot be
told; 2 bad input; 0 all would be as they were.")]
pub(crate) struct LedgerReplay {
    /// The file or folder (- for the standard input)
    pub(crate) path: PathBuf,
    /// The folder with the charters to decide by
    #[arg(long, value_name = "DIR")]
    pub(crate) charters: PathBuf,
    /// The folder with what tool servers say of their tools
    #[arg(long, value_name = "DIR")]
    pub(crate) tools: Option<PathBuf>,
}

/// The record, and what to hold it against.
#[derive(Debug, clap::Args)]
pub(crate) struct Record {
    /// The file or folder
    pub(crate) path: PathBuf,
    /// A checkpoint, or a folder of them; may be given more than once
    #[arg(long, value_name = "PATH")]
    pub(crate) checkpoints: Vec<PathBuf>,
    /// The key that must have signed the checkpoints: name+id+key; may be given more than once
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Vec<String>,
}
