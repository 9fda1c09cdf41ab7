//! The example organisation, read whole.

use std::fmt::Write as _;

use bailiwick_estate::{Agent, Estate, source::Holds};

use crate::disk::files_below;

fn acme() -> Estate {
    Estate::load(files_below(
        &bailiwick_testkit::repository().join("examples/acme"),
    ))
    .unwrap()
}

fn tell(agent: &Agent, into: &mut String) {
    let environment = agent.environment.as_ref().map_or("-", |it| &it.name);
    let owner = agent.owner.as_ref().map_or("-", |it| &it.value);
    writeln!(
        into,
        "{} {} [{environment}, {owner}]",
        agent.kind, agent.name
    )
    .unwrap();
    for role in &agent.roles {
        let version = |version: &bailiwick_estate::agent::AgentVersion| {
            let number = version.number.as_deref().unwrap_or("-");
            format!("{number}<{}", version.routed_by.join("+"))
        };
        let versions: Vec<_> = role.versions.iter().map(version).collect();
        writeln!(
            into,
            "  role {} {}",
            role.role.arn.resource_name(),
            versions.join(" ")
        )
        .unwrap();
    }
    for tool in &agent.tools {
        let roles: Vec<_> = tool.roles.iter().map(|it| it.arn.resource_name()).collect();
        let kind = format!("{:?}", tool.kind);
        let kind = kind.split([' ', '{']).next().unwrap();
        writeln!(
            into,
            "  tool {} {kind} {:?} {}",
            tool.name,
            tool.acts_as,
            roles.join("+")
        )
        .unwrap();
    }
}

#[test]
fn every_agent_is_found_with_its_roles_versions_and_tools() {
    let mut told = String::new();
    for agent in acme().agents.values() {
        tell(agent, &mut told);
    }
    insta::assert_snapshot!(told);
}

#[test]
fn nothing_is_left_unread_without_a_reason_one_can_act_on() {
    let estate = acme();
    let gaps: Vec<_> = estate.incomplete.iter().map(ToString::to_string).collect();
    assert_eq!(gaps.len(), 1, "{gaps:#?}");
    assert!(gaps[0].contains("account 444455556666") && gaps[0].contains("no iam-extra.json"));
    let ignored = estate
        .sources
        .values()
        .filter(|it| matches!(it.holds, Holds::Ignored(_)));
    // The cast list is for people, and waivers are given to `scan` by name.
    let for_others = |name: &str| name.ends_with(".md") || name.ends_with("/waivers.json");
    for source in ignored {
        assert!(for_others(&source.name), "{}", source.name);
    }
}

#[test]
fn every_role_that_anything_names_is_in_the_estate() {
    let estate = acme();
    for agent in estate.agents.values() {
        for role in &agent.roles {
            assert!(role.role.id.is_some(), "{}", role.role.arn);
        }
    }
}
