//! Answers of service calls: `{"calls": [{"operation", "request", "response"}]}`.
//!
//! One handler an operation. An operation without one is reported, once; an answer that is an error
//! is reported as what it would have told.

mod agentcore;
mod bedrock_agent;
mod components;
mod compute;
mod identities;
mod stores;

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash, Hasher},
};

use bailiwick_iam::{
    arn::{AccountId, Arn},
    json::Kind,
};

use super::{
    LoadError, Loader, Reading,
    read::{Object, Piece, Value},
};
use crate::{
    agent::{ActsAs, AgentKind, Invocation, Network, PolicyEngine, ToolKind},
    arena::Id,
    document::PolicyDocument,
    source::Place,
};

/// Where an agent lives and what it is called there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) account: AccountId,
    pub(super) region: String,
    pub(super) kind: AgentKind,
    pub(super) id: String,
}

/// An agent as far as the answers so far tell of it.
pub(super) struct Draft {
    pub(super) arn: Option<Arn>,
    pub(super) name: Option<String>,
    /// Whether it was described, not only listed.
    pub(super) is_described: bool,
    /// The role of each version; `None` where the kind has no versions.
    pub(super) roles: BTreeMap<Option<String>, Arn>,
    /// The newest version, if the kind numbers them without a draft.
    pub(super) latest: Option<String>,
    /// `None`: nobody asked for its aliases or endpoints.
    pub(super) aliases: Option<BTreeMap<String, DraftAlias>>,
    pub(super) tools: BTreeMap<(Option<String>, String), DraftTool>,
    pub(super) invocation: Invocation,
    pub(super) network: Network,
    pub(super) policy_engine: Option<PolicyEngine>,
    pub(super) model: Option<String>,
    pub(super) guardrail: Option<String>,
    pub(super) workload_identity: Option<Arn>,
    pub(super) uses: BTreeSet<Arn>,
    pub(super) place: Place,
}

pub(super) struct DraftAlias {
    pub(super) name: String,
    pub(super) arn: Option<Arn>,
    pub(super) routes_to: Vec<String>,
    pub(super) accepts_invocations: bool,
    pub(super) place: Place,
}

pub(super) struct DraftTool {
    pub(super) name: String,
    /// `None`: it was listed and not described.
    pub(super) kind: Option<ToolKind>,
    pub(super) is_enabled: bool,
    pub(super) acts_as: ActsAs,
    pub(super) place: Place,
}

/// Calls of one operation that were refused for one reason.
pub(super) struct Refusal {
    pub(super) times: usize,
    pub(super) first: Place,
    pub(super) message: String,
}

/// One call that was answered.
pub(super) struct Call<'a> {
    pub(super) operation: String,
    pub(super) request: Object<'a>,
    pub(super) response: Object<'a>,
    pub(super) account: AccountId,
    pub(super) region: String,
}

pub(crate) use compute::unqualified;

type Handler = fn(&mut Loader, &Call<'_>) -> Result<(), LoadError>;

fn handler(operation: &str) -> Option<Handler> {
    bedrock_agent::handler(operation)
        .or_else(|| agentcore::handler(operation))
        .or_else(|| compute::handler(operation))
        .or_else(|| stores::handler(operation))
}

impl Loader {
    pub(super) fn calls(&mut self, reading: &mut Reading<'_, '_>) -> Result<(), LoadError> {
        let (account, region) = (reading.account, reading.region.clone());
        reading.expect(b'{', "an object")?;
        let mut seen = Vec::new();
        while let Some(name) = reading.member(&mut seen, "")? {
            if name == "calls" {
                reading.each("/calls", |piece| {
                    self.call(piece, account, region.as_deref())
                })?;
            } else {
                let piece = reading.piece(format!("/{name}"))?;
                return Err(piece.value()?.wrong(
                    format!("`{name}` is not known here"),
                    "a file of answers has `calls` alone",
                ));
            }
        }
        Ok(())
    }

    fn call(
        &mut self,
        piece: &Piece<'_>,
        account: Option<AccountId>,
        region: Option<&str>,
    ) -> Result<(), LoadError> {
        let object = piece.value()?.object()?;
        object.only(&["operation", "request", "response", "error"])?;
        let operation = object.need_text("operation")?;
        let response = object.field("response");
        let text = object.value.node().text();
        let Some(account) = account.or_else(|| first_account(text)) else {
            return Err(object.value.wrong(
                "nothing says which account answered",
                "put the file into accounts/<id>/<region>/",
            ));
        };
        let region = region.map(str::to_owned).or_else(|| first_region(text));
        let region = region.unwrap_or_else(|| "global".into());
        if let Some(error) = object.field("error") {
            return self.refused(&operation, &object, &error, (account, &region));
        }
        let Some(response) = response else {
            return Err(object.lacks("response"));
        };
        let Some(handle) = handler(&operation) else {
            self.unknown_operations
                .entry(operation)
                .or_insert_with(|| object.place());
            return Ok(());
        };
        let request = object.object("request")?;
        let call = Call {
            request: match request {
                Some(request) => request,
                None => response.object()?,
            },
            response: response.object()?,
            operation,
            account,
            region,
        };
        self.hear(&call, &object)?;
        handle(self, &call)
    }

    /// Notes that a call was answered, and refuses two answers to one question that disagree.
    fn hear(&mut self, call: &Call<'_>, object: &Object<'_>) -> Result<(), LoadError> {
        let Call {
            operation,
            request,
            response,
            account,
            region,
        } = call;
        let answered = format!("{region}/{operation}");
        self.account(*account).answered.insert(answered);
        let hash = |value: &Value<'_>| {
            let mut hasher = DefaultHasher::new();
            value.node().text().hash(&mut hasher);
            hasher.finish()
        };
        let question = (
            *account,
            region.clone(),
            operation.clone(),
            hash(&request.value),
        );
        let answer = hash(&response.value);
        let before = self.answers.insert(question, answer);
        let contradicts = before.is_some_and(|before| before != answer);
        if contradicts && operation.starts_with("Get") {
            return Err(object.value.wrong(
                format!("{operation} is answered twice, and the answers differ"),
                "give one snapshot of this account",
            ));
        }
        for (offered, used) in [
            ("nextToken", "nextToken"),
            ("NextToken", "NextToken"),
            ("NextMarker", "Marker"),
        ] {
            if let Some(token) = response.text(offered)? {
                let page = (*account, region.clone(), operation.clone(), token);
                self.pages_offered.insert(page);
            }
            if let Some(token) = request.text(used)? {
                let page = (*account, region.clone(), operation.clone(), token);
                self.pages_read.insert(page);
            }
        }
        Ok(())
    }

    /// An error is an answer too: that something has no policy, or that we may not know.
    fn refused(
        &mut self,
        operation: &str,
        object: &Object<'_>,
        error: &Value<'_>,
        (account, region): (AccountId, &str),
    ) -> Result<(), LoadError> {
        let (code, message) = match error.kind() {
            Kind::Object => {
                let error = error.object()?;
                (error.text("code")?, error.text("message")?)
            }
            Kind::Null | Kind::Bool | Kind::Number | Kind::String | Kind::List => {
                (Some(error.text()?), None)
            }
        };
        let code = code.unwrap_or_else(|| "error".into());
        let is_absence = ["NoSuch", "NotFound"]
            .iter()
            .any(|word| code.contains(word));
        if is_absence && stores::is_about_a_policy(operation) {
            let request = object.object("request")?;
            return stores::no_policy(self, request.as_ref(), (account, region));
        }
        if is_absence && operation == "GetBucketTagging" {
            return Ok(());
        }
        let message = message.unwrap_or_else(|| code.clone());
        let question = (account, region.to_owned(), operation.to_owned(), code);
        let refused = self.refusals.entry(question).or_insert_with(|| Refusal {
            times: 0,
            first: object.place(),
            message,
        });
        refused.times += 1;
        Ok(())
    }

    fn draft(&mut self, call: &Call<'_>, kind: AgentKind, id: String, place: Place) -> &mut Draft {
        let key = Key {
            account: call.account,
            region: call.region.clone(),
            kind,
            id,
        };
        self.drafts.entry(key).or_insert_with(|| Draft::new(place))
    }

    /// A policy that an answer holds as a string.
    fn policy_in(
        &mut self,
        arn: &Arn,
        value: Option<&Value<'_>>,
    ) -> Result<Option<Id<PolicyDocument>>, LoadError> {
        let Some(value) = value else {
            return Ok(None);
        };
        let name = format!("policy of {}", arn.resource_name());
        self.document(name, None, value, arn).map(Some)
    }
}

impl Draft {
    fn new(place: Place) -> Self {
        Self {
            arn: None,
            name: None,
            is_described: false,
            roles: BTreeMap::new(),
            latest: None,
            aliases: None,
            tools: BTreeMap::new(),
            invocation: Invocation::Unknown,
            network: Network::Unknown,
            policy_engine: None,
            model: None,
            guardrail: None,
            workload_identity: None,
            uses: BTreeSet::new(),
            place,
        }
    }

    fn tool(&mut self, version: Option<&str>, id: &str, tool: DraftTool) {
        let key = (version.map(str::to_owned), id.to_owned());
        match self.tools.get(&key) {
            // A listing says less than a description, whichever comes first.
            Some(known) if known.kind.is_some() && tool.kind.is_none() => {}
            _ => {
                self.tools.insert(key, tool);
            }
        }
    }

    fn alias(&mut self, id: String, alias: DraftAlias) {
        let aliases = self.aliases.get_or_insert_default();
        match aliases.get_mut(&id) {
            Some(known) if alias.arn.is_none() => {
                let arn = known.arn.take();
                *known = DraftAlias { arn, ..alias };
            }
            _ => {
                aliases.insert(id, alias);
            }
        }
    }
}

impl Call<'_> {
    /// The ARN of a resource of this account and region.
    fn arn(&self, service: &str, resource: &str) -> Option<Arn> {
        let (account, region) = (self.account, &self.region);
        let partition = partition(region);
        format!("arn:{partition}:{service}:{region}:{account}:{resource}")
            .parse()
            .ok()
    }
}

pub(super) fn partition(region: &str) -> &'static str {
    match region {
        _ if region.starts_with("cn-") => "aws-cn",
        _ if region.starts_with("us-gov-") => "aws-us-gov",
        _ if region.starts_with("eusc-") => "aws-eusc",
        _ => "aws",
    }
}

/// Every ARN that stands as a whole string in a value, in its order.
fn arns_in(value: &Value<'_>) -> Vec<Arn> {
    arns(value.node().text()).collect()
}

fn arns(text: &str) -> impl Iterator<Item = Arn> {
    text.split('"')
        .filter(|part| part.starts_with("arn:"))
        .filter_map(|part| part.parse().ok())
}

fn first_account(text: &str) -> Option<AccountId> {
    arns(text).find_map(|arn| arn.account_id())
}

fn first_region(text: &str) -> Option<String> {
    arns(text)
        .map(|arn| arn.region().to_owned())
        .find(|region| !region.is_empty())
}
