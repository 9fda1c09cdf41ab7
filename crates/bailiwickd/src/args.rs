//! What the daemon is told when it starts.

use std::{net::SocketAddr, path::PathBuf};

use bailiwick_credentials::Receiver;
use clap::{Parser, Subcommand, ValueEnum};

/// Grants, decisions and the record of them, for AI agents on AWS.
#[derive(Debug, Parser)]
#[command(name = "bailiwickd", version, args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) run: Run,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Run {
    /// The folder with the charters: one YAML file an agent
    #[arg(long, value_name = "DIR", default_value = "charters")]
    pub(crate) charters: PathBuf,
    #[command(flatten)]
    pub(crate) data: Data,
    /// Where to listen. Anything but loopback needs TLS
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8470")]
    pub(crate) listen: SocketAddr,
    /// A folder with Cedar policies and entities, for plain AuthZEN decisions beside the charters
    #[arg(long, value_name = "DIR")]
    pub(crate) policies: Option<PathBuf>,
    /// Which proofs of identity are taken beside tickets: a TOML file
    #[arg(long, value_name = "FILE")]
    pub(crate) identity: Option<PathBuf>,
    /// Whom an OpenID Connect issuer vouches for as an operator: a TOML file
    #[arg(long, value_name = "FILE")]
    pub(crate) operators: Option<PathBuf>,
    /// A folder with what tool servers say of their tools: SERVER.json, as `tools/list` answers.
    /// Conditions are typed by it, and the pins in charters compared
    #[arg(long, value_name = "DIR")]
    pub(crate) tools: Option<PathBuf>,
    /// The certificate chain (PEM) with which it speaks TLS
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The key of that certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// A name by which this host is asked, beside `localhost` and its addresses
    #[arg(long = "host", value_name = "NAME")]
    pub(crate) hosts: Vec<String>,
    /// The name of this authority in tokens and checkpoints
    #[arg(long, value_name = "NAME", default_value = "bailiwick")]
    pub(crate) origin: String,
    /// Somebody else for whom grant tokens may be made
    #[arg(long = "audience", value_name = "NAME")]
    pub(crate) audiences: Vec<String>,
    /// No grant lasts longer, whatever its charter says
    #[arg(long, value_name = "SECONDS", default_value_t = 43_200, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub(crate) grant_max: u32,
    /// Seconds between two checkpoints of the ledger
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub(crate) checkpoint_every: u64,
    #[command(flatten)]
    pub(crate) aws: Aws,
    /// Push the end of each grant to this address, as CAEP's `session-revoked`
    #[arg(long = "signal-to", value_name = "URL")]
    pub(crate) signal_to: Vec<Receiver>,
    /// A file with what is sent there as `Authorization`
    #[arg(long, value_name = "FILE", requires = "signal_to")]
    pub(crate) signal_authorization: Option<PathBuf>,
    /// For development: believe whoever asks from this machine which agent it is. Loopback only
    #[arg(long)]
    pub(crate) trust_everybody: bool,
    /// How the log is written
    #[arg(long, value_name = "FORM", value_enum, default_value_t = LogForm::Text)]
    pub(crate) log: LogForm,
    /// What the log tells: `error`, `warn`, `info`, `debug`, or a filter as `tracing` reads it
    #[arg(long, value_name = "FILTER", default_value = "info")]
    pub(crate) log_level: String,
    /// An OpenTelemetry collector to which traces are exported (OTLP over HTTP): http://127.0.0.1:4318
    #[arg(long, value_name = "URL")]
    pub(crate) otlp: Option<String>,
    /// A snapshot that tells which roles agents have: charters are bound to their ids, and one that
    /// the snapshot contradicts is refused
    #[arg(long, value_name = "PATH")]
    pub(crate) estate: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) shared: Shared,
    /// The name of this replica: another for each, and the same at each start
    #[arg(long, value_name = "NAME", requires = "database")]
    pub(crate) replica: Option<String>,
}

/// A database that replicas share.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Shared {
    /// A PostgreSQL database that many replicas share: postgres://USER@HOST/NAME. Its password is
    /// read from PGPASSWORD. Without it, SQLite in --data serves this process alone
    #[arg(long, value_name = "URL")]
    pub(crate) database: Option<String>,
    /// The certificate (PEM) of the authority that vouches for the server of that database
    #[arg(long, value_name = "FILE", requires = "database")]
    pub(crate) database_ca: Option<PathBuf>,
}

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Aws {
    /// Make AWS credentials for grants, asking STS in this region
    #[arg(long, value_name = "REGION")]
    pub(crate) aws_region: Option<String>,
    /// A program that prints the broker's own key, as the SDKs' `credential_process` does. Without
    /// it, the key is AWS_ACCESS_KEY_ID's, or that of the container the daemon runs in
    #[arg(long, value_name = "COMMAND", requires = "aws_region")]
    pub(crate) aws_credential_process: Option<String>,
    /// Where STS is asked instead; or AWS_ENDPOINT_URL_STS
    #[arg(long, value_name = "URL", requires = "aws_region")]
    pub(crate) sts_endpoint: Option<String>,
    /// Where IAM is asked instead; or AWS_ENDPOINT_URL_IAM
    #[arg(long, value_name = "URL", requires = "aws_region")]
    pub(crate) iam_endpoint: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogForm {
    Text,
    Json,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Data {
    /// The folder with the database, the secrets and the checkpoints; made if it is not there
    #[arg(long = "data", value_name = "DIR", default_value = "bailiwick-data")]
    pub(crate) folder: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Says what is wrong with the folders, without starting
    Doctor(Doctor),
    /// Copies the database, as it is at one instant, into a new file; the daemon may be running
    Backup(Backup),
    /// Puts a backup in the place of the database. Everything is stopped until an operator clears it
    Restore(Restore),
    /// Brings the database to this release's schema, whole or not at all
    Migrate(Migrate),
    /// Says what other charters would have decided, from an exported record
    Replay(Replay),
    /// Operators: who may look after this authority
    Operator(Operator),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Doctor {
    #[command(flatten)]
    pub(crate) data: Data,
    #[command(flatten)]
    pub(crate) shared: Shared,
    /// The folder with the charters
    #[arg(long, value_name = "DIR")]
    pub(crate) charters: Option<PathBuf>,
    /// The folder with the policies
    #[arg(long, value_name = "DIR")]
    pub(crate) policies: Option<PathBuf>,
    /// The file that says which proofs of identity are taken
    #[arg(long, value_name = "FILE")]
    pub(crate) identity: Option<PathBuf>,
    /// The file that names whom an issuer vouches for as an operator
    #[arg(long, value_name = "FILE")]
    pub(crate) operators: Option<PathBuf>,
    /// The folder with what tool servers say of their tools
    #[arg(long, value_name = "DIR")]
    pub(crate) tools: Option<PathBuf>,
    /// The snapshot that tells which roles agents have
    #[arg(long, value_name = "PATH")]
    pub(crate) estate: Option<PathBuf>,
    /// One JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Backup {
    #[command(flatten)]
    pub(crate) data: Data,
    /// The new file
    #[arg(long, value_name = "FILE")]
    pub(crate) to: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Restore {
    #[command(flatten)]
    pub(crate) data: Data,
    /// The backup
    #[arg(long, value_name = "FILE")]
    pub(crate) from: PathBuf,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
The record is a file with one entry a line, as `GET /v1/ledger/entries` gives it from the first on,
or a folder that holds it as `ledger.ndjson`. Each decision on a call of a grant is made again, in
its order, budgets and sequences counted. What hangs on arguments, parameters or answers that are
not on record is unknown, and says so; charters record arguments of tools with `record-arguments`.

Exit codes: 1 a decision would be another, or the chain is broken; 3 none would, and some cannot be
told; 2 bad input; 0 all would be as they were.")]
pub(crate) struct Replay {
    /// The record (- for the standard input)
    pub(crate) path: PathBuf,
    /// The folder with the charters to decide by
    #[arg(long, value_name = "DIR")]
    pub(crate) charters: PathBuf,
    /// The folder with what tool servers say of their tools
    #[arg(long, value_name = "DIR")]
    pub(crate) tools: Option<PathBuf>,
    /// One JSON object a line, the sums at the end
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Migrate {
    #[command(flatten)]
    pub(crate) data: Data,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Operator {
    #[command(subcommand)]
    pub(crate) verb: OperatorVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum OperatorVerb {
    /// Adds an operator; prints the token, once
    Add(OperatorAdd),
    /// Removes an operator
    Remove(OperatorRemove),
    /// Lists the operators
    List(OperatorList),
}

#[derive(Debug, clap::Args)]
pub(crate) struct OperatorAdd {
    #[command(flatten)]
    pub(crate) data: Data,
    pub(crate) name: String,
    /// What the operator may do
    #[arg(long, value_enum)]
    pub(crate) role: RoleName,
}

#[derive(Debug, clap::Args)]
pub(crate) struct OperatorRemove {
    #[command(flatten)]
    pub(crate) data: Data,
    pub(crate) name: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct OperatorList {
    #[command(flatten)]
    pub(crate) data: Data,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoleName {
    Viewer,
    Approver,
    Operator,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
    }
}
