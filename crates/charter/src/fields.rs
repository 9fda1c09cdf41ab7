//! The fields of a charter, as data: what the parser accepts and the JSON Schema publishes.

/// A record of a charter and the fields it has.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) name: &'static str,
    pub(crate) fields: &'static [Field],
}

/// One field: its name in the file, what it says, and the shape of its value.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) says: &'static str,
    pub(crate) required: bool,
    pub(crate) shape: Shape,
}

#[derive(Debug)]
pub(crate) enum Shape {
    /// Text that matches this expression (JSON Schema's dialect).
    Text(&'static str),
    Count,
    Flag,
    OneOf(&'static [&'static str]),
    List(&'static Self),
    Record(&'static Record),
    /// Names that match the expression, each with such a value.
    Map(&'static str, &'static Self),
}

const fn must(name: &'static str, shape: Shape, says: &'static str) -> Field {
    Field {
        name,
        says,
        required: true,
        shape,
    }
}

const fn may(name: &'static str, shape: Shape, says: &'static str) -> Field {
    Field {
        name,
        says,
        required: false,
        shape,
    }
}

const KEBAB: &str = "^[a-z][a-z0-9]*(-[a-z0-9]+)*$";
const SPAN: &str = "^[0-9]+[smhd]$";
const ARN: &str = "^arn:[^:]+:[^:]+:[^:]*:[^:]*:.+$";
const RESOURCE: &str = "^(\\*|arn:[^:]+:[^:]+:[^:]*:[^:]*:.+)$";
const TOOL: &str = "^[A-Za-z0-9][A-Za-z0-9_.-]*/[A-Za-z0-9][A-Za-z0-9_.-]*$";
const ACTION: &str = "^[a-z0-9-]+:[A-Za-z0-9*?]+$";
const ANY: &str = "^.+$";
const PARAMETER: &str = "^[a-z][a-z0-9_]*$";

pub(crate) const CHARTER: Record = Record {
    name: "charter",
    fields: &[
        must(
            "agent",
            Shape::Text(KEBAB),
            "The agent's name, one in the organisation.",
        ),
        must("owner", Shape::Record(&OWNER), "Who answers for the agent."),
        must(
            "purpose",
            Shape::Text(ANY),
            "What the agent is for, in a sentence.",
        ),
        must(
            "environment",
            Shape::Text(KEBAB),
            "Where it works: prod, staging.",
        ),
        may(
            "data",
            Shape::List(&Shape::Text(KEBAB)),
            "The classes of data it may meet.",
        ),
        may(
            "runs-as",
            Shape::List(&Shape::Text(ARN)),
            "What the platform calls it; a `*` at the end stands for an id that is not given yet.",
        ),
        may(
            "role",
            Shape::Record(&ROLE),
            "The role that a proof of identity must show.",
        ),
        may(
            "identity",
            Shape::List(&Shape::Record(&IDENTITY)),
            "Other identities that prove the agent: of an issuer of tokens, or of SPIFFE.",
        ),
        must(
            "mode",
            Shape::OneOf(&["brokered", "standing"]),
            "brokered: each grant mints its own credentials. standing: the platform's role holds the rights.",
        ),
        may(
            "models",
            Shape::List(&Shape::Text(ARN)),
            "The models and inference profiles it thinks with.",
        ),
        may(
            "invokers",
            Shape::List(&Shape::Text(ARN)),
            "Who may start it; an empty list is nobody, and no list says nothing.",
        ),
        may(
            "review",
            Shape::Record(&REVIEW),
            "When somebody looks again.",
        ),
        may(
            "class",
            Shape::Text(KEBAB),
            "Agents of one class may share an identity where their charters are proved equal.",
        ),
        must(
            "tasks",
            Shape::Map(KEBAB, &Shape::Record(&TASK)),
            "Its jobs, by name.",
        ),
    ],
};

pub(crate) const OWNER: Record = Record {
    name: "owner",
    fields: &[
        must("team", Shape::Text(ANY), "The team."),
        must(
            "contact",
            Shape::Text(ANY),
            "Where a person is reached: an address or a URL.",
        ),
    ],
};

pub(crate) const ROLE: Record = Record {
    name: "role",
    fields: &[
        must("arn", Shape::Text(ARN), "The role."),
        may(
            "id",
            Shape::Text("^AROA[A-Z0-9]{12,28}$"),
            "Its unique id, which a role made again does not have.",
        ),
    ],
};

pub(crate) const IDENTITY: Record = Record {
    name: "identity",
    fields: &[
        may(
            "issuer",
            Shape::Text(ANY),
            "The issuer of its tokens, letter for letter as they name it.",
        ),
        may(
            "subject",
            Shape::Text(ANY),
            "Their subject, letter for letter.",
        ),
        may(
            "claims",
            Shape::Map(ANY, &Shape::Text(ANY)),
            "Claims that must have these values, by name or by JSON pointer.",
        ),
        may(
            "spiffe",
            Shape::Text("^spiffe://[a-z0-9._-]+(/[A-Za-z0-9._-]+)+$"),
            "Its SPIFFE ID, in place of all the others.",
        ),
    ],
};

pub(crate) const REVIEW: Record = Record {
    name: "review",
    fields: &[must("every", Shape::Text(SPAN), "How often, such as 90d.")],
};

pub(crate) const TASK: Record = Record {
    name: "task",
    fields: &[
        must("for", Shape::Text(SPAN), "How long one grant lives: 20m."),
        may(
            "parameters",
            Shape::Map(PARAMETER, &Shape::Text(ANY)),
            "What it is called with: a name and a regular expression that matches the whole value.",
        ),
        may(
            "record-parameters",
            Shape::Flag,
            "Whether the ledger holds the values of parameters, and not their hash alone.",
        ),
        may(
            "read",
            Shape::List(&Shape::Record(&REACH)),
            "What it reads.",
        ),
        may(
            "write",
            Shape::List(&Shape::Record(&REACH)),
            "What it changes.",
        ),
        may(
            "tools",
            Shape::List(&Shape::Record(&TOOL_USE)),
            "What it calls.",
        ),
        may(
            "sequence",
            Shape::List(&Shape::Record(&SEQUENCE)),
            "What must, or must not, come before a call.",
        ),
        may(
            "limits",
            Shape::Record(&LIMITS),
            "How much one grant has of everything.",
        ),
    ],
};

pub(crate) const REACH: Record = Record {
    name: "reach",
    fields: &[
        must("actions", Shape::List(&Shape::Text(ACTION)), "AWS actions."),
        must(
            "resources",
            Shape::List(&Shape::Text(RESOURCE)),
            "ARNs with wildcards and `${parameter}`; `*` alone for actions that take no resource.",
        ),
        may(
            "account",
            Shape::Text("^[0-9]{12}$"),
            "The account of resources whose ARN names none.",
        ),
    ],
};

pub(crate) const TOOL_USE: Record = Record {
    name: "tool",
    fields: &[
        must("tool", Shape::Text(TOOL), "server/tool."),
        may(
            "when",
            Shape::Text(ANY),
            "A Cedar expression over `args` that each call must meet.",
        ),
        may("calls", Shape::Count, "How often in one grant."),
        may(
            "approve",
            Shape::Text("^(human|team/[a-z][a-z0-9-]*)$"),
            "Who agrees before each call: human, or team/NAME.",
        ),
        may(
            "labels",
            Shape::List(&Shape::OneOf(&[
                "untrusted-source",
                "private-data",
                "outward-effect",
            ])),
            "What a call brings in, sees or sends out.",
        ),
        may(
            "accepts",
            Shape::List(&Shape::OneOf(&["untrusted-source", "private-data"])),
            "Whose values may flow into an outward effect.",
        ),
        may(
            "record-arguments",
            Shape::Flag,
            "Whether the ledger holds the arguments, and not their hash alone.",
        ),
        may(
            "schema",
            Shape::Text("^sha256:[0-9a-f]{64}$"),
            "The tool's schema as its owner saw it.",
        ),
    ],
};

pub(crate) const SEQUENCE: Record = Record {
    name: "sequence",
    fields: &[
        must("tool", Shape::Text(TOOL), "The tool that waits."),
        may(
            "after",
            Shape::Text(TOOL),
            "Only once this one has been called.",
        ),
        may(
            "before",
            Shape::Text(TOOL),
            "This other one only once `tool` has been called.",
        ),
        may(
            "never-after",
            Shape::Text(TOOL),
            "No more once this one has been called.",
        ),
        may(
            "at-most",
            Shape::Count,
            "So many calls, together with `within`.",
        ),
        may(
            "within",
            Shape::Text(SPAN),
            "The span that `at-most` counts over.",
        ),
    ],
};

pub(crate) const LIMITS: Record = Record {
    name: "limits",
    fields: &[
        may("calls", Shape::Count, "Calls of all tools together."),
        may("writes", Shape::Count, "Calls that change something."),
        may("per-minute", Shape::Count, "Calls in any minute."),
        may(
            "sums",
            Shape::List(&Shape::Record(&SUM)),
            "What arguments may add up to.",
        ),
    ],
};

pub(crate) const SUM: Record = Record {
    name: "sum",
    fields: &[
        must("tool", Shape::Text(TOOL), "The tool."),
        must(
            "argument",
            Shape::Text("^args(\\.[A-Za-z_][A-Za-z0-9_]*)+$"),
            "The argument: args.amount.",
        ),
        must("at-most", Shape::Count, "Its sum over one grant."),
    ],
};
