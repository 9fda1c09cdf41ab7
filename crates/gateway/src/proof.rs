//! Proofs of identity: a one-time ticket, for development a name, and those that the crate `identity`
//! verifies; and which agent each stands for.
//!
//! A proof stands in the `Authorization` header and not in the body, so that no secret is in what is
//! hashed, logged or kept of a request.

use bailiwick_broker::port::Op;
use bailiwick_identity::{Proved, Shown, Subject, Unbound, Unproved, Verdict, bind};
use bailiwick_ledger::{Actor, Agent, Hash};

use crate::{
    caller::authorization,
    front::{Asked, Certificates},
    gateway::{Gateway, World},
    kill::not_recorded,
    metrics::{Outcome, Shows},
    operator::fingerprint,
    problem::{Kind, Problem},
    rules::Rules,
};

/// Tickets begin so.
pub(crate) const TICKET: &str = "bwt_";

const TICKET_SCHEME: &str = "Bailiwick-Ticket";
const LOCAL_SCHEME: &str = "Bailiwick-Local";

/// What must be seen for the first time is looked for among the proofs before it.
const SPACE: &str = "proof";

/// Who was proved to ask, and what the proof costs: that is paid in the same change that opens the
/// grant, so that a one-time proof opens one.
#[derive(Debug)]
pub(crate) struct Paying {
    pub(crate) agent: Agent,
    /// The instance of the agent, where the proof tells it.
    pub(crate) actor: Option<Actor>,
    pub(crate) costs: Vec<Op>,
}

/// Whether what is shown is a ticket: that is worth nothing as soon as it was taken, and whoever
/// shows it again has the grant that was opened for it.
pub(crate) fn is_ticket(asked: &Asked) -> Result<bool, Problem> {
    let shown = authorization(&asked.headers)?;
    Ok(shown.is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case(TICKET_SCHEME)))
}

/// Looks at the proof of a request for a grant of this agent.
///
/// # Errors
/// If there is none, it does not hold, or it is another agent's.
pub(crate) async fn prove<W: World>(
    gateway: &Gateway<W>,
    rules: &Rules,
    asked: &Asked,
    agent: &str,
) -> Result<Paying, Problem> {
    let Some((scheme, shown)) = authorization(&asked.headers)? else {
        let Some(Certificates(chain)) = &asked.certificates else {
            return Err(nothing_shown(gateway));
        };
        let proved = gateway
            .proofs
            .verify_certificates(chain, gateway.broker.now_ms());
        let paying = bound(rules, proved, agent);
        count(gateway, Shows::Certificate, &paying);
        return paying;
    };
    let is = |known: &str| scheme.eq_ignore_ascii_case(known);
    let (shows, proved) = if is(TICKET_SCHEME) {
        (Shows::Ticket, by_ticket(gateway, shown, agent).await)
    } else if is(LOCAL_SCHEME) {
        (Shows::Name, by_name(gateway, asked, shown, agent))
    } else {
        let shown = Shown {
            scheme,
            proof: shown,
            request: Hash::of(&[&asked.raw]),
            now_ms: gateway.broker.now_ms(),
        };
        (Shows::Proof, by_proof(gateway, rules, &shown, agent).await)
    };
    count(gateway, shows, &proved);
    proved
}

fn count<W: World>(gateway: &Gateway<W>, shows: Shows, proved: &Result<Paying, Problem>) {
    let outcome = proved.as_ref().map_or_else(outcome, |_| Outcome::Proved);
    gateway.metrics.shown(shows, outcome);
}

/// How a proof ended that did not hold, for counting.
fn outcome(problem: &Problem) -> Outcome {
    match problem.kind {
        Kind::Malformed => Outcome::Malformed,
        Kind::Forbidden => Outcome::Unbound,
        Kind::Unavailable | Kind::Internal | Kind::Busy => Outcome::Unavailable,
        Kind::Unauthenticated
        | Kind::WrongHost
        | Kind::NotFound
        | Kind::MethodNotAllowed
        | Kind::Conflict
        | Kind::TooLarge
        | Kind::KeyReused
        | Kind::Refused => Outcome::Refused,
    }
}

fn nothing_shown<W: World>(gateway: &Gateway<W>) -> Problem {
    let mut schemes = vec![TICKET_SCHEME];
    schemes.extend(gateway.proofs.schemes());
    let or = if gateway.proofs.takes_certificates() {
        ", or a certificate of a SPIFFE trust domain"
    } else {
        ""
    };
    let detail = format!(
        "prove which agent this is: an `Authorization` header with one of the schemes {}{or}",
        schemes.join(", ")
    );
    Problem::new(Kind::Unauthenticated, detail)
}

/// By a proof that somebody else vouches for.
async fn by_proof<W: World>(
    gateway: &Gateway<W>,
    rules: &Rules,
    shown: &Shown<'_>,
    agent: &str,
) -> Result<Paying, Problem> {
    bound(rules, gateway.proofs.verify(shown).await, agent)
}

/// The agent that a proved identity stands for.
fn bound(rules: &Rules, proved: Result<Proved, Unproved>, agent: &str) -> Result<Paying, Problem> {
    let proved = proved.map_err(|error| unproved(&error))?;
    let charter = bind(rules.charters.iter(), &proved, agent);
    let charter = charter.map_err(|error| unbound(&error, &proved))?;
    let costs = proved.once.map(|once| Op::Once {
        space: SPACE,
        value: once.value,
        until_ms: once.until_ms,
    });
    Ok(Paying {
        actor: proved.instance.as_ref().map(|instance| Actor {
            kind: "agent".into(),
            id: charter.agent.to_string(),
            session: Some(instance.clone()),
            amr: vec![proved.method.name().into()],
        }),
        agent: Agent {
            id: charter.agent.to_string(),
            unique_id: Some(unique_id(&proved.subject)),
            method: Some(proved.method.name().into()),
            attestation_id: Some(proved.id.to_string()),
            ..Agent::default()
        },
        costs: costs.into_iter().collect(),
    })
}

/// What the subject is called in the record.
fn unique_id(subject: &Subject) -> String {
    match subject {
        Subject::Role(role) => role.unique_id.clone().unwrap_or_else(|| {
            let path = role.path.as_deref().unwrap_or("/");
            let (partition, account, name) = (&role.partition, &role.account, &role.name);
            format!("arn:{partition}:iam::{account}:role{path}{name}")
        }),
        Subject::Token {
            issuer, subject, ..
        } => format!("{issuer} {subject}"),
        Subject::Spiffe(id) => id.to_string(),
    }
}

pub(crate) fn unproved(error: &Unproved) -> Problem {
    let kind = match error.verdict() {
        Verdict::Malformed => Kind::Malformed,
        Verdict::Refused => Kind::Unauthenticated,
        Verdict::Unavailable => Kind::Unavailable,
    };
    if kind == Kind::Unavailable {
        tracing::warn!(%error, "a proof of identity cannot be verified");
    }
    Problem::new(kind, error.to_string()).because(error.code())
}

fn unbound(error: &Unbound, proved: &Proved) -> Problem {
    tracing::warn!(%error, subject = unique_id(&proved.subject), "a proved identity stands for no agent that was asked for");
    Problem::new(Kind::Forbidden, error.to_string())
        .at("/agent")
        .because(error.code())
}

/// The proof is of another agent than the one that is asked for.
fn of_another() -> Problem {
    Problem::new(Kind::Forbidden, "the proof is of another agent").at("/agent")
}

async fn by_ticket<W: World>(
    gateway: &Gateway<W>,
    shown: &str,
    agent: &str,
) -> Result<Paying, Problem> {
    use bailiwick_broker::port::Store as _;
    let hash = fingerprint(shown);
    let found = gateway.broker.store().ticket(hash).await;
    let found = found.map_err(|error| not_recorded(&error.into()))?;
    let in_time = found.filter(|ticket| gateway.broker.now_ms() < ticket.until_ms);
    let Some(ticket) = in_time else {
        let detail =
            "the ticket was redeemed, has lapsed, or never was; ask an operator for another";
        return Err(Problem::new(Kind::Unauthenticated, detail).because("ticket"));
    };
    if ticket.agent != agent {
        return Err(of_another());
    }
    Ok(Paying {
        actor: None,
        agent: Agent {
            id: ticket.agent,
            method: Some("join_ticket".into()),
            attestation_id: Some(hash.to_string()),
            ..Agent::default()
        },
        costs: vec![Op::TakeTicket(hash)],
    })
}

fn by_name<W: World>(
    gateway: &Gateway<W>,
    asked: &Asked,
    name: &str,
    agent: &str,
) -> Result<Paying, Problem> {
    if !gateway.settings.trusts_everybody || !asked.is_near() {
        let detail = format!(
            "`{LOCAL_SCHEME}` proves nothing; it is taken by a daemon on loopback that was started with `--trust-everybody`"
        );
        return Err(Problem::new(Kind::Unauthenticated, detail).because("local_development"));
    }
    if name != agent {
        return Err(of_another());
    }
    tracing::warn!(agent = ?name, "an agent is believed without a proof");
    Ok(Paying {
        actor: None,
        agent: Agent {
            id: name.to_owned(),
            method: Some("local_development".into()),
            ..Agent::default()
        },
        costs: Vec::new(),
    })
}
