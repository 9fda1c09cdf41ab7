//! What one entry says.
//!
//! No field holds a secret or a raw argument: where a reader must be able to recognise one, its
//! keyed hash is written ([`crate::argument`]). Fields that are absent are not written.

use serde::{Deserialize, Serialize};

/// One thing that happened, before it has its place in the ledger.
///
/// `event` is a word with a dot, for example `decision`, `grant.active`, `credential.issued`,
/// `stop.set`. The place, the time and the hashes are added by [`crate::Chain::append`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Entry {
    /// What happened.
    pub event: String,
    /// Which of the two entries of an outward effect this is; absent where one entry is all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// How it ended: `ok`, `refused`, `failed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// Why, as a stable code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason_code: Option<String>,
    /// Joins the entries of one request; an outcome has that of its intent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The trace of the caller, W3C `traceparent`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    /// When it happened, where that was earlier than it could be written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub happened_ms: Option<u64>,
    /// Whose estate this is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Who acted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<Actor>,
    /// For whom the actor acted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<String>,
    /// Which agent this concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<Agent>,
    /// The agent's owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Which grant this concerns, and its transition if it made one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant: Option<Grant>,
    /// For which task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<Task>,
    /// The prompt that led here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow: Option<Flow>,
    /// What was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// What was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// The credential that was made, never its secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<Credential>,
    /// The approval it rests on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// Where the request came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub net: Option<Net>,
    /// Names of fields that were left out on purpose.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub redactions: Vec<String>,
    /// Bytes of the request and of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sizes: Option<[u64; 2]>,
}

impl Entry {
    /// An entry that says no more than what happened.
    pub fn of(event: impl Into<String>) -> Self {
        Self {
            event: event.into(),
            ..Self::default()
        }
    }
}

/// Which entry of an outward effect this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// About to act.
    Intent,
    /// Acted, with this outcome.
    Outcome,
    /// Nobody knows: the process stopped, or no answer came in time.
    Timeout,
}

/// Who acted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Actor {
    /// `agent`, `operator`, `service`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its name.
    pub id: String,
    /// The session it proved itself in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// How it proved itself, as in RFC 8176.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
}

/// Which agent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Agent {
    /// Its name in the charter.
    pub id: String,
    /// The id of its role that is never given again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unique_id: Option<String>,
    /// The version that runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The proof of identity it showed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attestation_id: Option<String>,
    /// The kind of that proof.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
}

/// Which grant, and its transition.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Grant {
    /// Its id: the join key to sessions, CloudTrail and tool calls.
    pub id: String,
    /// The grant it was delegated from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Its version after this entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ver: Option<u64>,
    /// The state it left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_from: Option<String>,
    /// The state it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_to: Option<String>,
    /// When it ends, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
}

/// Which task.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Task {
    /// Its name in the charter.
    pub id: String,
    /// The hash of the charter that declares it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub charter_hash: Option<String>,
    /// The hash of the purpose the agent stated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose_hash: Option<String>,
    /// The keyed hash of the parameters that the grant was opened with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters_hash: Option<String>,
    /// The parameters themselves, only where the charter says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<String>,
}

/// Which prompt led here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Flow {
    /// The session of the agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The trace inside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    /// Which turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turn: Option<u64>,
    /// The hash of the prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_hash: Option<String>,
}

/// What was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Action {
    /// The tool server, or the AWS service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// The tool, or the AWS action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// The hash of the tool's schema as it was reviewed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_schema_hash: Option<String>,
    /// What kind of act it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verb_class: Option<VerbClass>,
    /// The keyed hash of the arguments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub args_hash: Option<String>,
    /// The arguments as JSON text, only where the charter says that they are recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub args: Option<String>,
    /// On what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
}

/// What kind of act a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerbClass {
    /// It changes nothing.
    Read,
    /// It changes data.
    Write,
    /// It runs a tool.
    Exec,
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The answer.
    pub effect: Effect,
    /// The policies that made it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policy_ids: Vec<String>,
    /// The hash of the set they come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_version: Option<String>,
    /// What could not be evaluated, which made it a denial.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<String>,
    /// What the caller must do first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub obligations: Vec<String>,
}

/// The answer to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It may happen.
    Allow,
    /// It may not.
    Deny,
    /// It may not, unless somebody approves.
    StepUp,
}

/// A credential, without its secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Credential {
    /// `token`, `sts`.
    pub kind: String,
    /// The keyed hash by which it is recognised.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_hash: Option<String>,
    /// The name of the STS session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sts_session: Option<String>,
    /// The access key id, which is no secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_key_id: Option<String>,
    /// When it expires by its own clock, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<u64>,
}

/// An approval.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Approval {
    /// Its id.
    pub id: String,
    /// Who gave it.
    pub approver: String,
    /// The hash of the request it was given for.
    pub request_hash: String,
}

/// Where a request came from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Net {
    /// The peer's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// Its user agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ua: Option<String>,
    /// The host it asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}
