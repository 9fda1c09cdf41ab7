//! What a command line calls an agent or a role, found in the estate.

use bailiwick_charter::Charters;
use bailiwick_estate::{Agent, Estate, Id, Organization};
use bailiwick_iam::arn::{AccountId, Arn};

use crate::fault::Fault;

/// As many names as a reader takes in at a glance.
const NEAR_MAX: usize = 3;

/// Names less alike than this are not a slip of the same hand.
const ALIKE: f64 = 0.6;

/// The agent of this ARN; or of this name in its charter, on its platform, as an id, or of its
/// role: the first of these that anything answers to.
pub(crate) fn agent(
    estate: &Estate,
    charters: &Charters,
    asked: &str,
    counts: impl Fn(&Agent) -> bool,
) -> Result<Id<Agent>, Fault> {
    let charter = charters.iter().find(|it| it.agent.as_str() == asked);
    let kebab_asked = kebab(asked);
    let by_arn = |agent: &Agent| agent.arn.as_str() == asked;
    let by_charter =
        |agent: &Agent| charter.is_some_and(|charter| charter.runs_as.contains(&agent.arn));
    let by_name = |agent: &Agent| agent.name == asked || kebab(&agent.name) == kebab_asked;
    let by_id = |agent: &Agent| agent.arn.resource_name() == asked;
    let by_role = |agent: &Agent| {
        let mut roles = agent.roles.iter();
        roles.any(|held| held.role.arn.as_str() == asked || held.role.arn.resource_name() == asked)
    };
    let ways: [&dyn Fn(&Agent) -> bool; 5] = [&by_arn, &by_charter, &by_name, &by_id, &by_role];
    let candidates = || estate.agents.iter().filter(|(_, agent)| counts(agent));
    for way in ways {
        let found: Vec<_> = candidates().filter(|(_, agent)| way(agent)).collect();
        match found.as_slice() {
            [] => {}
            [(only, _)] => return Ok(*only),
            several => {
                let arns: Vec<_> = several.iter().map(|(_, it)| it.arn.as_str()).collect();
                let count = arns.len();
                return Err(Fault::new(format!("{count} agents answer to `{asked}`"))
                    .mend(format!("name one by its ARN: {}", arns.join(", "))));
            }
        }
    }
    let declared = charters.iter().map(|charter| charter.agent.as_str());
    let known = candidates().map(|(_, agent)| agent.name.as_str());
    Err(
        Fault::new(format!("there is no agent `{asked}` in the estate")).mend(match charter {
            Some(_) => "its charter's `runs-as` names nothing that the estate has".to_owned(),
            None => did_you_mean(asked, declared.chain(known), "lists them"),
        }),
    )
}

/// The id of an organisation: an RCP for another than the caller's own would shut everybody out.
pub(crate) fn organization(asked: Option<&str>) -> Result<Option<String>, Fault> {
    match asked {
        Some(text) if !Organization::is_id(text) => Err(Fault::new(format!(
            "`{text}` is no id of an organisation"
        ))
        .mend("it is `o-` and ten letters or digits and more: `aws organizations describe-organization` tells it")),
        Some(_) | None => Ok(asked.map(str::to_owned)),
    }
}

/// A pattern of the ARNs of users or roles. One that can match nobody would exempt nobody, and one
/// that matches everybody would limit nobody.
pub(crate) fn principals(flag: &str, pattern: &str) -> Result<(), Fault> {
    let parts: Vec<&str> = pattern.splitn(6, ':').collect();
    let names_principals = match parts.as_slice() {
        ["arn", _, "iam", "", account, resource] => {
            let is_account = *account == "*" || account.parse::<AccountId>().is_ok();
            let kind = resource.split('/').next().unwrap_or_default();
            let names = resource.split_once('/').map_or("", |(_, rest)| rest);
            is_account && matches!(kind, "role" | "user") && !names.is_empty()
        }
        _ => false,
    };
    if names_principals {
        return Ok(());
    }
    Err(Fault::new(format!(
        "`{pattern}` of {flag} is no pattern of role or user ARNs"
    ))
    .mend("write it as aws:PrincipalArn shows them: arn:aws:iam::*:role/admins/*"))
}

/// The role of this ARN, or the one role of this name.
pub(crate) fn role(estate: &Estate, asked: &str) -> Result<Arn, Fault> {
    let answers: Vec<&Arn> = estate
        .roles
        .values()
        // IAM tells no two roles of an account apart by case.
        .filter(|role| role.arn.as_str() == asked || role.name.eq_ignore_ascii_case(asked))
        .map(|role| &role.arn)
        .collect();
    match answers.as_slice() {
        [only] => Ok((*only).clone()),
        [] => {
            let name = asked.rsplit('/').next().unwrap_or(asked);
            let known = estate.roles.values().map(|role| role.name.as_str());
            Err(
                Fault::new(format!("there is no role `{asked}` in the estate")).mend(did_you_mean(
                    name,
                    known,
                    "lists agents with their roles",
                )),
            )
        }
        several => {
            let arns: Vec<_> = several.iter().map(|arn| arn.as_str()).collect();
            Err(
                Fault::new(format!("several accounts have a role `{asked}`"))
                    .mend(format!("name one by its ARN: {}", arns.join(", "))),
            )
        }
    }
}

fn did_you_mean<'n>(asked: &str, known: impl Iterator<Item = &'n str>, lists: &str) -> String {
    let near = nearest(asked, known);
    if near.is_empty() {
        return format!("`bailiwick agents PATH` {lists}");
    }
    format!(
        "did you mean {}? `bailiwick agents PATH` {lists}",
        near.join(" or ")
    )
}

/// The names that are a slip away, nearest first, each in backquotes.
fn nearest<'n>(asked: &str, known: impl Iterator<Item = &'n str>) -> Vec<String> {
    let asked = kebab(asked);
    let mut near: Vec<(f64, &str)> = known
        .map(|name| {
            let alike = strsim::normalized_damerau_levenshtein(&asked, &kebab(name));
            (alike, name)
        })
        .filter(|(alike, _)| *alike >= ALIKE)
        .collect();
    near.sort_by(|(a, one), (b, other)| b.total_cmp(a).then(one.cmp(other)));
    near.dedup();
    let near = near.into_iter().take(NEAR_MAX);
    near.map(|(_, name)| format!("`{name}`")).collect()
}

/// Any name as lower-case words joined by hyphens.
pub(crate) fn kebab(name: &str) -> String {
    let mut text = String::new();
    let mut before = ' ';
    for letter in name.chars() {
        let begins_word = letter.is_ascii_uppercase() && before.is_ascii_lowercase();
        let ends_word = !letter.is_ascii_alphanumeric();
        if (begins_word || ends_word) && !text.is_empty() && !text.ends_with('-') {
            text.push('-');
        }
        if letter.is_ascii_alphanumeric() {
            text.push(letter.to_ascii_lowercase());
        }
        before = letter;
    }
    let cut: String = text.trim_matches('-').chars().take(57).collect();
    let cut = cut.trim_end_matches('-');
    let begins = cut.starts_with(|first: char| first.is_ascii_lowercase());
    if begins && cut.len() > 1 {
        cut.to_owned()
    } else {
        format!("a-{cut}").trim_end_matches('-').to_owned()
    }
}

#[cfg(test)]
mod tests {
    use bailiwick_charter::AgentName;

    use super::*;

    #[test]
    fn a_slip_is_near_and_another_word_is_not() {
        let known = ["invoice_reader", "order-desk", "invoice-reader"];
        let near = |asked| nearest(asked, known.into_iter());
        assert_eq!(
            near("invoce-reader"),
            ["`invoice-reader`", "`invoice_reader`"]
        );
        assert_eq!(near("OrderDesc"), ["`order-desk`"]);
        assert!(near("nobody").is_empty());
    }

    #[test]
    fn any_name_becomes_one_that_a_charter_takes() {
        for (name, expected) in [
            ("support_copilot", "support-copilot"),
            ("OrderDesk", "order-desk"),
            (
                "AmazonBedrockExecutionRoleForAgents_X1",
                "amazon-bedrock-execution-role-for-agents-x1",
            ),
            ("9lives", "a-9lives"),
            ("--", "a"),
            ("Ü x", "x"),
        ] {
            let name = kebab(name);
            assert!(
                name == expected || name == format!("a-{expected}"),
                "{name}"
            );
            if name.len() > 1 {
                assert!(name.parse::<AgentName>().is_ok(), "{name}");
            }
        }
        assert!(kebab(&"long ".repeat(40)).parse::<AgentName>().is_ok());
    }
}
