//! The one table of routes: the router is built from it, the published description is written from
//! it, and the tests walk it.

use crate::{operator::Role, shape::Shape, shapes};

/// How a route is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Get,
    Post,
    Delete,
}

impl Verb {
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }
}

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admits {
    /// Everybody: health, discovery, keys. Nothing of it changes anything.
    Anyone,
    /// Whoever proves an identity, by a header or by the certificate of the connection.
    Proof,
    /// Everybody where the daemon listens on loopback alone; else a viewer.
    Near,
    /// Any live grant, or at least this operator.
    GrantOr(Role),
    /// The grant that the path names, or at least this operator.
    OwnGrantOr(Role),
    /// The grant that the path names, and nobody for it.
    OwnGrant,
    /// Any live grant, for itself alone.
    HeldGrant,
    /// At least this operator.
    AtLeast(Role),
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    Evaluate,
    EvaluateMany,
    SearchSubject,
    SearchResource,
    SearchAction,
    Discovery,
    MintTicket,
    OpenGrant,
    ListGrants,
    ReadGrant,
    EndGrant,
    Complete,
    Renew,
    Heartbeat,
    Delegate,
    Credentials,
    ExchangeToken,
    Keys,
    Kill,
    ClearKill,
    ListKills,
    Charters,
    LedgerEntries,
    LedgerInclusion,
    LedgerConsistency,
    LedgerCheckpoint,
    Health,
    Ready,
    Metrics,
    OpenApi,
}

impl Operation {
    /// Its name in the description and in the metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Evaluate => "evaluate",
            Self::EvaluateMany => "evaluateMany",
            Self::SearchSubject => "searchSubject",
            Self::SearchResource => "searchResource",
            Self::SearchAction => "searchAction",
            Self::Discovery => "discovery",
            Self::MintTicket => "mintTicket",
            Self::OpenGrant => "openGrant",
            Self::ListGrants => "listGrants",
            Self::ReadGrant => "readGrant",
            Self::EndGrant => "endGrant",
            Self::Complete => "complete",
            Self::Renew => "renew",
            Self::Heartbeat => "heartbeat",
            Self::Delegate => "delegate",
            Self::Credentials => "credentials",
            Self::ExchangeToken => "exchangeToken",
            Self::Keys => "keys",
            Self::Kill => "kill",
            Self::ClearKill => "clearKill",
            Self::ListKills => "listKills",
            Self::Charters => "charters",
            Self::LedgerEntries => "ledgerEntries",
            Self::LedgerInclusion => "ledgerInclusion",
            Self::LedgerConsistency => "ledgerConsistency",
            Self::LedgerCheckpoint => "ledgerCheckpoint",
            Self::Health => "health",
            Self::Ready => "ready",
            Self::Metrics => "metrics",
            Self::OpenApi => "openApi",
        }
    }
}

/// What the body of a request is.
#[derive(Debug)]
pub enum Takes {
    Nothing,
    Json(&'static Shape),
    /// `application/x-www-form-urlencoded`, as OAuth has it.
    Form(&'static Shape),
}

/// What the answer is.
#[derive(Debug)]
pub enum Gives {
    Json(u16, &'static Shape),
    /// Text of this type.
    Text(&'static str),
    Nothing,
}

/// A query parameter.
#[derive(Debug)]
pub struct Parameter {
    pub name: &'static str,
    pub about: &'static str,
}

/// One row of the table.
#[derive(Debug)]
pub struct Route {
    pub verb: Verb,
    pub path: &'static str,
    pub operation: Operation,
    pub admits: Admits,
    pub takes: Takes,
    pub gives: Gives,
    pub query: &'static [Parameter],
    /// Whether it honours `Idempotency-Key`.
    pub once: bool,
    pub about: &'static str,
}

const fn post(path: &'static str, operation: Operation, admits: Admits) -> Route {
    Route {
        verb: Verb::Post,
        path,
        operation,
        admits,
        takes: Takes::Nothing,
        gives: Gives::Nothing,
        query: &[],
        once: false,
        about: "",
    }
}

const fn get(path: &'static str, operation: Operation, admits: Admits) -> Route {
    Route {
        verb: Verb::Get,
        ..post(path, operation, admits)
    }
}

const fn delete(path: &'static str, operation: Operation, admits: Admits) -> Route {
    Route {
        verb: Verb::Delete,
        ..post(path, operation, admits)
    }
}

/// Every route there is.
pub const ROUTES: &[Route] = &[
    Route {
        takes: Takes::Json(&shapes::EVALUATION),
        gives: Gives::Json(200, &shapes::DECISION),
        about: "Decides one call: with a grant token against the grant, as an operator against the policies.",
        ..post(
            "/access/v1/evaluation",
            Operation::Evaluate,
            Admits::GrantOr(Role::Viewer),
        )
    },
    Route {
        takes: Takes::Json(&shapes::EVALUATIONS),
        gives: Gives::Json(200, &shapes::DECISIONS),
        about: "Decides many calls, in their order.",
        ..post(
            "/access/v1/evaluations",
            Operation::EvaluateMany,
            Admits::GrantOr(Role::Viewer),
        )
    },
    Route {
        takes: Takes::Json(&shapes::SEARCH_SUBJECT),
        gives: Gives::Json(200, &shapes::RESULTS),
        about: "Which subjects of a type may do this, by the policies.",
        ..post(
            "/access/v1/search/subject",
            Operation::SearchSubject,
            Admits::AtLeast(Role::Viewer),
        )
    },
    Route {
        takes: Takes::Json(&shapes::SEARCH_RESOURCE),
        gives: Gives::Json(200, &shapes::RESULTS),
        about: "Which resources of a type this may be done to, by the policies.",
        ..post(
            "/access/v1/search/resource",
            Operation::SearchResource,
            Admits::AtLeast(Role::Viewer),
        )
    },
    Route {
        takes: Takes::Json(&shapes::SEARCH_ACTION),
        gives: Gives::Json(200, &shapes::RESULTS),
        about: "What may be done, by the policies.",
        ..post(
            "/access/v1/search/action",
            Operation::SearchAction,
            Admits::AtLeast(Role::Viewer),
        )
    },
    Route {
        gives: Gives::Json(200, &shapes::DISCOVERY),
        about: "Where the AuthZEN endpoints are.",
        ..get(
            "/.well-known/authzen-configuration",
            Operation::Discovery,
            Admits::Anyone,
        )
    },
    Route {
        takes: Takes::Json(&shapes::TICKET_WANTED),
        gives: Gives::Json(201, &shapes::TICKET),
        about: "Mints a one-time join ticket for one agent. It is told here and never again.",
        ..post(
            "/v1/tickets",
            Operation::MintTicket,
            Admits::AtLeast(Role::Operator),
        )
    },
    Route {
        takes: Takes::Json(&shapes::GRANT_WANTED),
        gives: Gives::Json(201, &shapes::GRANTED),
        once: true,
        about: "Opens a grant: one task of one agent instance, for a proof of identity.",
        ..post("/v1/grants", Operation::OpenGrant, Admits::Proof)
    },
    Route {
        gives: Gives::Json(200, &shapes::GRANTS),
        query: &[
            Parameter {
                name: "state",
                about: "Only grants in this state; without it, those that have not begun to end.",
            },
            Parameter {
                name: "after",
                about: "Only grants after this id.",
            },
            Parameter {
                name: "limit",
                about: "At most so many.",
            },
        ],
        about: "Lists grants, in the order of their ids.",
        ..get(
            "/v1/grants",
            Operation::ListGrants,
            Admits::AtLeast(Role::Viewer),
        )
    },
    Route {
        gives: Gives::Json(200, &shapes::GRANT),
        about: "One grant as it is.",
        ..get(
            "/v1/grants/{id}",
            Operation::ReadGrant,
            Admits::OwnGrantOr(Role::Viewer),
        )
    },
    Route {
        gives: Gives::Json(200, &shapes::ENDED),
        about: "Revokes a grant and all that was delegated from it, before this returns.",
        ..delete(
            "/v1/grants/{id}",
            Operation::EndGrant,
            Admits::OwnGrantOr(Role::Operator),
        )
    },
    Route {
        gives: Gives::Json(200, &shapes::ENDED),
        about: "The task is done: the grant and all that was delegated from it end.",
        ..post(
            "/v1/grants/{id}/complete",
            Operation::Complete,
            Admits::OwnGrant,
        )
    },
    Route {
        takes: Takes::Json(&shapes::RENEWAL),
        gives: Gives::Json(200, &shapes::GRANTED),
        about: "Moves the deadline, never beyond what the charter gives the task, and says so if it would be.",
        ..post("/v1/grants/{id}/renew", Operation::Renew, Admits::OwnGrant)
    },
    Route {
        takes: Takes::Json(&shapes::HEARTBEAT),
        gives: Gives::Json(200, &shapes::BEATEN),
        about: "The agent lives: a grant that was opened with `heartbeat_seconds` ends so long after the last of these.",
        ..post(
            "/v1/grants/{id}/heartbeat",
            Operation::Heartbeat,
            Admits::OwnGrant,
        )
    },
    Route {
        takes: Takes::Json(&shapes::DELEGATION),
        gives: Gives::Json(201, &shapes::GRANTED),
        once: true,
        about: "Makes a grant out of this one: the same task with less. What it may spend is taken out of this one's budgets.",
        ..post(
            "/v1/grants/{id}/delegate",
            Operation::Delegate,
            Admits::OwnGrant,
        )
    },
    Route {
        gives: Gives::Json(200, &shapes::CREDENTIALS),
        query: &[Parameter {
            name: "account",
            about: "The account; without it, the one the charter calls home.",
        }],
        about: "AWS credentials of the grant, as any AWS SDK asks a container's credentials provider.",
        ..get("/v1/credentials", Operation::Credentials, Admits::HeldGrant)
    },
    Route {
        takes: Takes::Form(&shapes::EXCHANGE),
        gives: Gives::Json(200, &shapes::EXCHANGED),
        about: "RFC 8693: a grant token against one with a narrower audience, shorter life or another key.",
        ..post("/v1/token", Operation::ExchangeToken, Admits::Proof)
    },
    Route {
        gives: Gives::Json(200, &shapes::KEYS),
        about: "The keys that grant tokens are signed with.",
        ..get("/.well-known/jwks.json", Operation::Keys, Admits::Anyone)
    },
    Route {
        takes: Takes::Json(&shapes::KILL),
        gives: Gives::Json(200, &shapes::KILLED),
        about: "Stops all grants of a scope, at once, and refuses new ones until it is cleared.",
        ..post("/v1/kill", Operation::Kill, Admits::AtLeast(Role::Operator))
    },
    Route {
        takes: Takes::Json(&shapes::CLEARING),
        gives: Gives::Json(200, &shapes::CLEARED),
        about: "Lets new grants of a scope open again. None that was stopped lives again.",
        ..post(
            "/v1/kill/clear",
            Operation::ClearKill,
            Admits::AtLeast(Role::Operator),
        )
    },
    Route {
        gives: Gives::Json(200, &shapes::KILLS),
        about: "What is stopped.",
        ..get(
            "/v1/kill",
            Operation::ListKills,
            Admits::AtLeast(Role::Viewer),
        )
    },
    Route {
        gives: Gives::Json(200, &shapes::CHARTERS),
        about: "The charters in force, and what the last reading of the folder came to.",
        ..get(
            "/v1/charters",
            Operation::Charters,
            Admits::AtLeast(Role::Viewer),
        )
    },
    Route {
        gives: Gives::Text("application/x-ndjson"),
        query: &[
            Parameter {
                name: "from",
                about: "The number of the first entry.",
            },
            Parameter {
                name: "limit",
                about: "At most so many.",
            },
        ],
        about: "Entries of the ledger, one a line, as `ledger verify` reads them.",
        ..get(
            "/v1/ledger/entries",
            Operation::LedgerEntries,
            Admits::AtLeast(Role::Viewer),
        )
    },
    Route {
        gives: Gives::Json(200, &shapes::INCLUSION),
        query: &[
            Parameter {
                name: "seq",
                about: "The number of the entry.",
            },
            Parameter {
                name: "size",
                about: "How many entries the tree is over; without it, all.",
            },
        ],
        about: "The proof that an entry is in the ledger.",
        ..get(
            "/v1/ledger/inclusion",
            Operation::LedgerInclusion,
            Admits::AtLeast(Role::Viewer),
        )
    },
    Route {
        gives: Gives::Json(200, &shapes::CONSISTENCY),
        query: &[
            Parameter {
                name: "old",
                about: "How many entries the shorter ledger had.",
            },
            Parameter {
                name: "new",
                about: "How many the longer has; without it, all.",
            },
        ],
        about: "The proof that a shorter ledger is the beginning of a longer one.",
        ..get(
            "/v1/ledger/consistency",
            Operation::LedgerConsistency,
            Admits::AtLeast(Role::Viewer),
        )
    },
    Route {
        gives: Gives::Json(200, &shapes::CHECKPOINT),
        about: "A signed checkpoint over all entries, and the key that verifies it.",
        ..get(
            "/v1/ledger/checkpoint",
            Operation::LedgerCheckpoint,
            Admits::AtLeast(Role::Viewer),
        )
    },
    Route {
        gives: Gives::Json(200, &shapes::HEALTH),
        about: "The process answers.",
        ..get("/healthz", Operation::Health, Admits::Anyone)
    },
    Route {
        gives: Gives::Json(200, &shapes::HEALTH),
        about: "The process can decide: its store answers and it is not draining.",
        ..get("/readyz", Operation::Ready, Admits::Anyone)
    },
    Route {
        gives: Gives::Text("text/plain; version=0.0.4"),
        about: "Counters for Prometheus.",
        ..get("/metrics", Operation::Metrics, Admits::Near)
    },
    Route {
        gives: Gives::Text("application/json"),
        about: "This description.",
        ..get("/openapi.json", Operation::OpenApi, Admits::Anyone)
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_route_has_one_row_and_every_operation_one_name() {
        let rows: BTreeSet<_> = ROUTES
            .iter()
            .map(|route| (route.path, route.verb.name()))
            .collect();
        assert_eq!(rows.len(), ROUTES.len());
        let names: BTreeSet<_> = ROUTES.iter().map(|route| route.operation.name()).collect();
        assert_eq!(names.len(), ROUTES.len());
        for route in ROUTES {
            assert!(!route.about.is_empty(), "{}", route.path);
        }
    }

    // Test 77 of the list of required ones.
    #[test]
    fn who_proves_nothing_learns_health_discovery_and_keys_and_changes_nothing() {
        for route in ROUTES {
            match route.admits {
                Admits::Anyone => {
                    assert_eq!(route.verb, Verb::Get, "{}", route.path);
                    assert!(matches!(
                        route.operation,
                        Operation::Health
                            | Operation::Ready
                            | Operation::Discovery
                            | Operation::Keys
                            | Operation::OpenApi
                    ));
                }
                Admits::Near => assert_eq!(route.operation, Operation::Metrics),
                Admits::Proof => assert!(matches!(
                    route.operation,
                    Operation::OpenGrant | Operation::ExchangeToken
                )),
                Admits::GrantOr(_)
                | Admits::HeldGrant
                | Admits::OwnGrantOr(_)
                | Admits::OwnGrant
                | Admits::AtLeast(_) => {}
            }
        }
    }
}
