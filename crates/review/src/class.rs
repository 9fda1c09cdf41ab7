//! When agents may share an identity: they are of one class, and their charters say the same.

use std::collections::BTreeSet;

use bailiwick_charter::{Charter, compile::Closure};
use bailiwick_iam::access::Algebra;

use crate::plan::{Proven, holds};

/// Whether two charters ask for the same: every request that one declares the other does too, and
/// they agree in what a role cannot say.
pub(crate) fn equal(
    algebra: &Algebra<'_>,
    (one, a): (&Charter, &Closure),
    (other, b): (&Charter, &Closure),
) -> Proven {
    if let Some(what) = unlike(one, other) {
        let facts = [format!(
            "`{}` and `{}` differ in {what}",
            one.agent, other.agent
        )];
        return Proven::refuted_by_facts(facts, "so each has a role of its own");
    }
    let (a, b) = (a.declared_layers(), b.declared_layers());
    let (a, b) = (algebra.access(&a, None), algebra.access(&b, None));
    let why = |has: &Charter, lacks: &Charter| {
        format!(
            "`{}` declares this and `{}` does not, so each has a role of its own",
            has.agent, lacks.agent
        )
    };
    let more = || Some(holds(&a, &b, other.agent.as_str(), &why(other, one)));
    holds(&b, &a, one.agent.as_str(), &why(one, other)).and_then(more)
}

/// In what the charters differ beside their requests, if in anything that an identity stands for.
fn unlike(one: &Charter, other: &Charter) -> Option<&'static str> {
    let data = |charter: &Charter| -> BTreeSet<String> {
        charter
            .data
            .iter()
            .map(|it| it.as_str().to_owned())
            .collect()
    };
    let tools = |charter: &Charter| -> BTreeSet<String> {
        let used = charter.tasks.values().flat_map(|task| &task.tools);
        used.map(|used| used.tool.to_string()).collect()
    };
    let differ = [
        (one.mode != other.mode, "mode"),
        (one.environment != other.environment, "environment"),
        (data(one) != data(other), "the data they may meet"),
        (tools(one) != tools(other), "the tools they may call"),
    ];
    differ
        .into_iter()
        .find_map(|(differs, what)| differs.then_some(what))
}
