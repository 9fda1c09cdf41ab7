//! Proofs of identity that need nobody else: a one-time ticket, and for development a name.
//!
//! A proof stands in the `Authorization` header and not in the body, so that no secret is in what is
//! hashed, logged or kept of a request.

use bailiwick_broker::port::Op;
use bailiwick_ledger::Agent;

use crate::{
    caller::authorization,
    front::Asked,
    gateway::{Gateway, World},
    kill::not_recorded,
    operator::fingerprint,
    problem::{Kind, Problem},
};

/// Tickets begin so.
pub(crate) const TICKET: &str = "bwt_";

const TICKET_SCHEME: &str = "Bailiwick-Ticket";
const LOCAL_SCHEME: &str = "Bailiwick-Local";

/// Who was proved to ask, and what the proof costs: that is paid in the same change that opens the
/// grant, so that a one-time proof opens one.
#[derive(Debug)]
pub(crate) struct Proved {
    pub(crate) agent: Agent,
    pub(crate) costs: Vec<Op>,
}

/// Looks at the proof of a request for a grant.
///
/// # Errors
/// If there is none, or it does not hold.
pub(crate) async fn prove<W: World>(
    gateway: &Gateway<W>,
    asked: &Asked,
) -> Result<Proved, Problem> {
    let Some((scheme, shown)) = authorization(&asked.headers)? else {
        let detail = format!(
            "prove which agent this is: `Authorization: {TICKET_SCHEME}` and a ticket that an operator minted"
        );
        return Err(Problem::new(Kind::Unauthenticated, detail));
    };
    if scheme.eq_ignore_ascii_case(TICKET_SCHEME) {
        by_ticket(gateway, shown).await
    } else if scheme.eq_ignore_ascii_case(LOCAL_SCHEME) {
        by_name(gateway, asked, shown)
    } else {
        let detail = "nobody here knows this kind of proof; a grant token or an operator's is none";
        Err(Problem::new(Kind::Unauthenticated, detail))
    }
}

async fn by_ticket<W: World>(gateway: &Gateway<W>, shown: &str) -> Result<Proved, Problem> {
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
    Ok(Proved {
        agent: Agent {
            id: ticket.agent,
            method: Some("join_ticket".into()),
            attestation_id: Some(hash.to_string()),
            ..Agent::default()
        },
        costs: vec![Op::TakeTicket(hash)],
    })
}

fn by_name<W: World>(gateway: &Gateway<W>, asked: &Asked, name: &str) -> Result<Proved, Problem> {
    if !gateway.settings.trusts_everybody || !asked.is_near() {
        let detail = format!(
            "`{LOCAL_SCHEME}` proves nothing; it is taken by a daemon on loopback that was started with `--trust-everybody`"
        );
        return Err(Problem::new(Kind::Unauthenticated, detail).because("local_development"));
    }
    tracing::warn!(agent = ?name, "an agent is believed without a proof");
    Ok(Proved {
        agent: Agent {
            id: name.to_owned(),
            method: Some("local_development".into()),
            ..Agent::default()
        },
        costs: Vec::new(),
    })
}
