//! The bodies of requests and answers.

use crate::shape::{Field, Holds, Shape, may, must};

const fn exact(name: &'static str, about: &'static str, fields: &'static [Field]) -> Shape {
    Shape {
        name,
        about,
        fields,
        open: false,
    }
}

/// AuthZEN asks that members nobody knows are passed over.
const fn open(name: &'static str, about: &'static str, fields: &'static [Field]) -> Shape {
    Shape {
        open: true,
        ..exact(name, about, fields)
    }
}

// AuthZEN 1.0.

pub(crate) const ENTITY: Shape = open(
    "Entity",
    "A subject or a resource.",
    &[
        must("type", Holds::Text, "Its type."),
        must("id", Holds::Text, "Its id, unique in its type."),
        may("properties", Holds::Anything, "What else is known of it."),
    ],
);

pub(crate) const ENTITY_TYPE: Shape = open(
    "EntityType",
    "What is searched for. An `id` is passed over.",
    &[
        must("type", Holds::Text, "Its type."),
        may("properties", Holds::Anything, "What else is known of it."),
    ],
);

pub(crate) const ACTION: Shape = open(
    "Action",
    "What is to be done.",
    &[
        must("name", Holds::Text, "Its name."),
        may(
            "properties",
            Holds::Anything,
            "What else is known of it: the arguments of a tool.",
        ),
    ],
);

pub(crate) const EVALUATION: Shape = open(
    "Evaluation",
    "May this be done?",
    &[
        must("subject", Holds::Object(&ENTITY), "Who acts."),
        must("action", Holds::Object(&ACTION), "What is to be done."),
        must("resource", Holds::Object(&ENTITY), "To what."),
        may(
            "context",
            Holds::Anything,
            "What else the decision may rest on. `flow` names the prompt flow and lands in the record.",
        ),
    ],
);

pub(crate) const EVALUATIONS: Shape = open(
    "Evaluations",
    "May these be done? What an evaluation leaves out is taken from beside the list.",
    &[
        may(
            "subject",
            Holds::Object(&ENTITY),
            "Who acts, where an evaluation does not say.",
        ),
        may(
            "action",
            Holds::Object(&ACTION),
            "What is to be done, where an evaluation does not say.",
        ),
        may(
            "resource",
            Holds::Object(&ENTITY),
            "To what, where an evaluation does not say.",
        ),
        may(
            "context",
            Holds::Anything,
            "What else, where an evaluation does not say.",
        ),
        may(
            "options",
            Holds::Object(&OPTIONS),
            "How the list is gone through.",
        ),
        may(
            "evaluations",
            Holds::List(&Holds::Anything),
            "Without it, or empty, this is a single evaluation.",
        ),
    ],
);

pub(crate) const OPTIONS: Shape = open(
    "Options",
    "How a list of evaluations is gone through.",
    &[may(
        "evaluations_semantic",
        Holds::Word(&[
            "execute_all",
            "deny_on_first_deny",
            "permit_on_first_permit",
        ]),
        "All of them, or up to and with the first denial, or the first permit.",
    )],
);

pub(crate) const DECISION: Shape = open(
    "Decision",
    "The answer.",
    &[
        must(
            "decision",
            Holds::Truth,
            "Whether it may be done. Its record is durable.",
        ),
        may(
            "context",
            Holds::Anything,
            "The reason, what must be done first, and the place in the ledger.",
        ),
    ],
);

pub(crate) const DECISIONS: Shape = open(
    "Decisions",
    "The answers, in the order of the evaluations; or one answer, where no list was given.",
    &[
        may(
            "evaluations",
            Holds::List(&Holds::Object(&DECISION)),
            "The answers.",
        ),
        may(
            "decision",
            Holds::Truth,
            "The answer, where no list was given.",
        ),
        may("context", Holds::Anything, "Its context."),
    ],
);

pub(crate) const PAGE_WANTED: Shape = open(
    "PageWanted",
    "Which part of the results.",
    &[
        may("limit", Holds::Count, "At most so many."),
        may("token", Holds::Text, "The `next_token` of the page before."),
    ],
);

const SEARCH_CONTEXT: Field = may(
    "context",
    Holds::Anything,
    "What else the decision may rest on.",
);

const WHICH_PAGE: Field = may(
    "page",
    Holds::Object(&PAGE_WANTED),
    "Which part of the results.",
);

pub(crate) const SEARCH_SUBJECT: Shape = open(
    "SearchSubject",
    "Which subjects may do this?",
    &[
        must("subject", Holds::Object(&ENTITY_TYPE), "Of which type."),
        must("action", Holds::Object(&ACTION), "What is to be done."),
        must("resource", Holds::Object(&ENTITY), "To what."),
        SEARCH_CONTEXT,
        WHICH_PAGE,
    ],
);

pub(crate) const SEARCH_RESOURCE: Shape = open(
    "SearchResource",
    "To which resources may this be done?",
    &[
        must("subject", Holds::Object(&ENTITY), "Who acts."),
        must("action", Holds::Object(&ACTION), "What is to be done."),
        must("resource", Holds::Object(&ENTITY_TYPE), "Of which type."),
        SEARCH_CONTEXT,
        WHICH_PAGE,
    ],
);

pub(crate) const SEARCH_ACTION: Shape = open(
    "SearchAction",
    "What may be done?",
    &[
        must("subject", Holds::Object(&ENTITY), "Who acts."),
        must("resource", Holds::Object(&ENTITY), "To what."),
        SEARCH_CONTEXT,
        WHICH_PAGE,
    ],
);

pub(crate) const RESULTS: Shape = open(
    "Results",
    "What was found.",
    &[
        must(
            "results",
            Holds::List(&Holds::Anything),
            "In the order of their ids.",
        ),
        may("page", Holds::Object(&PAGE), "Where there is more."),
    ],
);

pub(crate) const PAGE: Shape = open(
    "Page",
    "Where there is more.",
    &[
        must(
            "next_token",
            Holds::Text,
            "Asks for the next page; empty at the end.",
        ),
        may("count", Holds::Count, "How many are on this page."),
    ],
);

pub(crate) const DISCOVERY: Shape = open(
    "Discovery",
    "Where the AuthZEN endpoints are.",
    &[
        must("policy_decision_point", Holds::Text, "The base URL."),
        must("access_evaluation_endpoint", Holds::Text, "One evaluation."),
        must(
            "access_evaluations_endpoint",
            Holds::Text,
            "Many evaluations.",
        ),
        must("search_subject_endpoint", Holds::Text, "Subjects."),
        must("search_resource_endpoint", Holds::Text, "Resources."),
        must("search_action_endpoint", Holds::Text, "Actions."),
    ],
);

// Grants.

pub(crate) const TICKET_WANTED: Shape = exact(
    "TicketWanted",
    "A ticket for one agent.",
    &[
        must(
            "agent",
            Holds::Text,
            "The name of the agent in its charter.",
        ),
        may(
            "seconds",
            Holds::Count,
            "For how long it may be redeemed; at most 600, which is also the default.",
        ),
    ],
);

pub(crate) const TICKET: Shape = exact(
    "Ticket",
    "A one-time join ticket.",
    &[
        must(
            "ticket",
            Holds::Text,
            "The secret. It is not kept and cannot be asked for again.",
        ),
        must("agent", Holds::Text, "The agent it is for."),
        must(
            "expires_at_ms",
            Holds::Count,
            "From when on it is worth nothing.",
        ),
    ],
);

pub(crate) const FLOW: Shape = exact(
    "Flow",
    "The prompt flow that led here.",
    &[
        may("session", Holds::Text, "The session of the agent."),
        may("trace", Holds::Text, "The trace in it."),
        may("turn", Holds::Count, "Which turn."),
        may("prompt_hash", Holds::Text, "The hash of the prompt."),
    ],
);

pub(crate) const GRANT_WANTED: Shape = exact(
    "GrantWanted",
    "One task of one agent instance.",
    &[
        must(
            "agent",
            Holds::Text,
            "The name of the agent in its charter.",
        ),
        must("task", Holds::Text, "The name of the task in the charter."),
        may(
            "parameters",
            Holds::Texts,
            "The task's parameters, each with its value.",
        ),
        may(
            "seconds",
            Holds::Count,
            "For how long; at most, and by default, as long as the charter gives the task.",
        ),
        may(
            "heartbeat_seconds",
            Holds::Count,
            "The grant ends so long after it was last heard of (`POST /v1/grants/{id}/heartbeat`); its token lasts as long as the task.",
        ),
        may(
            "flow",
            Holds::Object(&FLOW),
            "The prompt flow that led here.",
        ),
        may(
            "purpose",
            Holds::Text,
            "What for, in words; the ledger has its hash.",
        ),
        may("on_behalf_of", Holds::Text, "For whom the agent acts."),
        may(
            "key_thumbprint",
            Holds::Text,
            "The RFC 7638 thumbprint of a key: the token is then worth nothing without a DPoP proof of it.",
        ),
    ],
);

pub(crate) const GRANT: Shape = exact(
    "Grant",
    "A grant as it is.",
    &[
        must(
            "id",
            Holds::Text,
            "Its id: the join key to sessions, records and trails.",
        ),
        must("agent", Holds::Text, "The agent."),
        must("owner", Holds::Text, "The agent's owner."),
        must("task", Holds::Text, "The task."),
        must("state", Holds::Text, "Where it is in its life."),
        must("version", Holds::Count, "Grows with each step."),
        must(
            "charter",
            Holds::Text,
            "The hash of the charter that it is pinned to.",
        ),
        must(
            "parents",
            Holds::List(&Holds::Text),
            "The grants it was delegated from, the first one first.",
        ),
        must("issued_at_ms", Holds::Count, "When it was opened."),
        must("deadline_ms", Holds::Count, "When it ends."),
        must(
            "deadline_max_ms",
            Holds::Count,
            "No renewal goes beyond this.",
        ),
        must(
            "uses",
            Holds::Count,
            "How many calls it was used for, and how often it was delegated.",
        ),
    ],
);

pub(crate) const GRANTS: Shape = exact(
    "Grants",
    "A page of grants.",
    &[
        must(
            "grants",
            Holds::List(&Holds::Object(&GRANT)),
            "In the order of their ids.",
        ),
        may(
            "next",
            Holds::Text,
            "The `after` of the next page, where there may be one.",
        ),
    ],
);

pub(crate) const GRANTED: Shape = exact(
    "Granted",
    "A grant and its token.",
    &[
        must("grant", Holds::Object(&GRANT), "The grant."),
        must(
            "token",
            Holds::Text,
            "Shows that its bearer acts under the grant.",
        ),
        must(
            "token_type",
            Holds::Word(&["Bearer", "DPoP"]),
            "How it is shown.",
        ),
        must(
            "expires_at_ms",
            Holds::Count,
            "From when on the token is worth nothing.",
        ),
        may(
            "clamped",
            Holds::Truth,
            "Whether more time was asked for than there is.",
        ),
    ],
);

pub(crate) const CREDENTIALS: Shape = exact(
    "Credentials",
    "AWS credentials, as the SDKs read them, and when they end.",
    &[
        must("AccessKeyId", Holds::Text, "Their id, which is no secret."),
        must(
            "SecretAccessKey",
            Holds::Text,
            "What requests are signed with.",
        ),
        must("Token", Holds::Text, "The session token."),
        must(
            "Expiration",
            Holds::Text,
            "From when on they are of no use: the enforced deadline.",
        ),
        must("AccountId", Holds::Text, "The account they are good in."),
        must("RoleArn", Holds::Text, "The ARN of the session."),
        must(
            "EnforcedDeadline",
            Holds::Text,
            "From when on the session policy denies everything.",
        ),
        must(
            "StsExpiration",
            Holds::Text,
            "From when on AWS knows the session no more.",
        ),
    ],
);

pub(crate) const RENEWAL: Shape = exact(
    "Renewal",
    "More time.",
    &[may(
        "seconds",
        Holds::Count,
        "From now on; by default as long as the charter gives the task.",
    )],
);

pub(crate) const HEARTBEAT: Shape = exact(
    "Heartbeat",
    "The agent lives.",
    &[must(
        "seconds",
        Holds::Count,
        "The grant ends so long after this, if it is not heard again; never later than the charter lets it.",
    )],
);

pub(crate) const BEATEN: Shape = exact(
    "Beaten",
    "The grant as it is now.",
    &[
        must("grant", Holds::Object(&GRANT), "The grant."),
        may(
            "clamped",
            Holds::Truth,
            "Whether more time was asked for than there is.",
        ),
    ],
);

pub(crate) const DELEGATION: Shape = exact(
    "Delegation",
    "What is left to the new grant. A list that is absent takes nothing away.",
    &[
        may(
            "tools",
            Holds::List(&Holds::Text),
            "The tools it may call, of those this grant may.",
        ),
        may(
            "actions",
            Holds::List(&Holds::Text),
            "The AWS actions, written out.",
        ),
        may(
            "resources",
            Holds::List(&Holds::Text),
            "The resources, each by its ARN.",
        ),
        may(
            "arguments",
            Holds::Anything,
            "By tool and argument (`args.amount`), a list of the values it may have.",
        ),
        may(
            "share_percent",
            Holds::Count,
            "How much of what is left of every limited budget, 1 to 100; all, by default.",
        ),
        may("calls", Holds::Count, "No more calls, whatever the share."),
        may("writes", Holds::Count, "No more writes."),
        may("per_minute", Holds::Count, "No more calls a minute."),
        may(
            "seconds",
            Holds::Count,
            "For how long; at most, and by default, as long as this grant.",
        ),
        may(
            "flow",
            Holds::Object(&FLOW),
            "The prompt flow that led here.",
        ),
        may(
            "purpose",
            Holds::Text,
            "What for, in words; the ledger has its hash.",
        ),
        may(
            "key_thumbprint",
            Holds::Text,
            "The RFC 7638 thumbprint of the new holder's key.",
        ),
    ],
);

pub(crate) const ENDED: Shape = exact(
    "Ended",
    "What ended.",
    &[
        must("id", Holds::Text, "The grant."),
        must(
            "ended",
            Holds::Count,
            "How many grants ended with it, itself included.",
        ),
    ],
);

pub(crate) const EXCHANGE: Shape = open(
    "Exchange",
    "RFC 8693.",
    &[
        must(
            "grant_type",
            Holds::Word(&["urn:ietf:params:oauth:grant-type:token-exchange"]),
            "Token exchange.",
        ),
        must("subject_token", Holds::Text, "The grant token."),
        must(
            "subject_token_type",
            Holds::Text,
            "`urn:ietf:params:oauth:token-type:jwt` or `…:access_token`.",
        ),
        may("requested_token_type", Holds::Text, "The same."),
        may(
            "audience",
            Holds::Text,
            "For whom the new token is: a name of this authority.",
        ),
        may(
            "scope",
            Holds::Text,
            "Names of tools, with spaces: fewer than the grant has.",
        ),
        may(
            "actor_token",
            Holds::Text,
            "Who acts; needed where it is another than the subject.",
        ),
        may("actor_token_type", Holds::Text, "The type of that token."),
    ],
);

pub(crate) const EXCHANGED: Shape = exact(
    "Exchanged",
    "RFC 8693.",
    &[
        must("access_token", Holds::Text, "The new token."),
        must("issued_token_type", Holds::Text, "Its type."),
        must(
            "token_type",
            Holds::Word(&["Bearer", "DPoP"]),
            "How it is shown.",
        ),
        must("expires_in", Holds::Count, "In seconds."),
        may("scope", Holds::Text, "What it is for."),
    ],
);

pub(crate) const KEYS: Shape = open(
    "Keys",
    "RFC 7517.",
    &[must("keys", Holds::List(&Holds::Anything), "The keys.")],
);

// Kill.

const SCOPE: &[&str] = &["grant", "agent", "owner", "all"];

pub(crate) const KILL: Shape = exact(
    "Kill",
    "What is stopped, and why.",
    &[
        must("scope", Holds::Word(SCOPE), "What is stopped."),
        may("name", Holds::Text, "Which one; not for `all`."),
        must("reason", Holds::Text, "Why. It stands in the ledger."),
        may(
            "verify",
            Holds::Object(&VERIFY),
            "Watch each layer take hold, on a canary that the kill covers; answer then.",
        ),
    ],
);

pub(crate) const VERIFY: Shape = exact(
    "Verify",
    "How a kill is watched.",
    &[
        may(
            "agent",
            Holds::Text,
            "The agent that the canary is like; for `owner` and `all`.",
        ),
        may(
            "object",
            Holds::Text,
            "An object on S3 that the agent's task role may read, by its ARN: the canary's session is tried on it.",
        ),
        may(
            "seconds",
            Holds::Count,
            "For how long at most; 60 without it.",
        ),
    ],
);

pub(crate) const VERIFIED: Shape = exact(
    "Verified",
    "What was seen, on what, and for how long.",
    &[
        must(
            "held",
            Holds::Truth,
            "Whether every layer that was looked at was seen to hold.",
        ),
        may("why_not", Holds::Text, "Why nothing could be looked at."),
        may("canary", Holds::Text, "The canary's grant."),
        must(
            "layers",
            Holds::List(&Holds::Object(&LAYER)),
            "Layer by layer.",
        ),
        may(
            "tries",
            Holds::Count,
            "How often the canary's session was tried after the kill.",
        ),
        may(
            "successes",
            Holds::Count,
            "How many of them were let through.",
        ),
        may(
            "last_success_after_ms",
            Holds::Count,
            "When the last of them was; absent or null if none was.",
        ),
        may("watched_ms", Holds::Count, "For how long it was watched."),
        may("seq", Holds::Count, "The entry in the ledger that says so."),
    ],
);

pub(crate) const LAYER: Shape = exact(
    "Layer",
    "One layer of a kill.",
    &[
        must(
            "layer",
            Holds::Word(&["own", "deadline", "iam_policy", "iam_effect"]),
            "Which one.",
        ),
        may(
            "holds",
            Holds::Truth,
            "Whether it was seen to hold; null if it was not looked at.",
        ),
        may(
            "after_ms",
            Holds::Count,
            "How long after the kill it was first seen to hold.",
        ),
        must("coverage", Holds::Text, "What that was seen on."),
    ],
);

pub(crate) const KILLED: Shape = exact(
    "Killed",
    "A stop that acts: every decision after this is a denial.",
    &[
        must("scope", Holds::Word(SCOPE), "What is stopped."),
        may("name", Holds::Text, "Which one."),
        must(
            "ended",
            Holds::Count,
            "How many grants were ended already; the rest is denied and ended soon.",
        ),
        must(
            "known",
            Holds::Truth,
            "Whether a grant ended by it, or a charter has this name. If neither, look at the spelling.",
        ),
        must("recorded", Holds::Truth, "Whether the ledger has it."),
        must(
            "kept",
            Holds::Truth,
            "Whether it survives a restart: in the ledger, or beside it until the ledger can take it. Where not, mend the disk before the daemon is restarted, or kill again.",
        ),
        may("seq", Holds::Count, "Its entry in the ledger."),
        may(
            "verified",
            Holds::Object(&VERIFIED),
            "What was seen, where it was asked for.",
        ),
    ],
);

pub(crate) const CLEARING: Shape = exact(
    "Clearing",
    "Which kill is cleared.",
    &[
        must(
            "scope",
            Holds::Word(&["agent", "owner", "all"]),
            "What was killed.",
        ),
        may("name", Holds::Text, "Which one; not for `all`."),
        must("reason", Holds::Text, "Why. It stands in the ledger."),
    ],
);

pub(crate) const CLEARED: Shape = exact(
    "Cleared",
    "New grants open again.",
    &[
        must("scope", Holds::Word(SCOPE), "What was killed."),
        may("name", Holds::Text, "Which one."),
        must("seq", Holds::Count, "Its entry in the ledger."),
    ],
);

pub(crate) const STOP: Shape = exact(
    "Stop",
    "Something that is stopped.",
    &[
        must("scope", Holds::Word(SCOPE), "What is stopped."),
        may("name", Holds::Text, "Which one."),
        must("kill", Holds::Truth, "Whether new grants are refused too."),
        must(
            "at_ms",
            Holds::Count,
            "Grants opened up to then are stopped.",
        ),
        must("by", Holds::Text, "Who stopped it."),
        must("reason", Holds::Text, "Why."),
    ],
);

pub(crate) const KILLS: Shape = exact(
    "Kills",
    "Everything that is stopped.",
    &[must(
        "stops",
        Holds::List(&Holds::Object(&STOP)),
        "In the order of their scopes.",
    )],
);

pub(crate) const CHARTERS: Shape = exact(
    "Charters",
    "What is in force.",
    &[
        must(
            "charters",
            Holds::List(&Holds::Anything),
            "Agent, owner, file, hash and tasks of each.",
        ),
        must("read_at_ms", Holds::Count, "When the folder was last read."),
        must(
            "problems",
            Holds::List(&Holds::Text),
            "Why the folder as it is now is not in force; empty if it is.",
        ),
        may(
            "policies",
            Holds::Text,
            "The hash of the policies in force.",
        ),
    ],
);

// The ledger.

pub(crate) const INCLUSION: Shape = exact(
    "Inclusion",
    "The proof that an entry is in the ledger.",
    &[
        must("seq", Holds::Count, "The number of the entry."),
        must("size", Holds::Count, "How many entries the tree is over."),
        must("leaf", Holds::Text, "The hash of the entry."),
        must(
            "proof",
            Holds::List(&Holds::Text),
            "The hashes beside its way to the root.",
        ),
    ],
);

pub(crate) const CONSISTENCY: Shape = exact(
    "Consistency",
    "The proof that a shorter ledger is the beginning of a longer one.",
    &[
        must("old", Holds::Count, "How many entries the shorter has."),
        must("new", Holds::Count, "How many the longer has."),
        must("proof", Holds::List(&Holds::Text), "The hashes."),
    ],
);

pub(crate) const CHECKPOINT: Shape = exact(
    "Checkpoint",
    "A signed checkpoint.",
    &[
        must("size", Holds::Count, "How many entries it signs for."),
        must("note", Holds::Text, "The signed note, in C2SP form."),
        must("key", Holds::Text, "The key that verifies it."),
    ],
);

pub(crate) const HEALTH: Shape = exact(
    "Health",
    "How the process is.",
    &[
        must(
            "status",
            Holds::Word(&["ok", "unavailable"]),
            "In one word.",
        ),
        may("why", Holds::Text, "What is missing."),
    ],
);
