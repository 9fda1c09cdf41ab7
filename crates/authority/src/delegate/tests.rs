use bailiwick_charter::Charter;
use proptest::prelude::*;

use super::*;
use crate::authority::{Authority, Settings};
use crate::call::Call;

const CHARTER: &str = r#"
agent: reader
owner: { team: payments, contact: t@example.com }
purpose: p
environment: prod
mode: brokered
role: { arn: "arn:aws:iam::111122223333:role/agents/prod/reader" }
tasks:
  work:
    for: 20m
    read:
      - { actions: ["s3:Get*"], resources: ["arn:aws:s3:::invoices/*"] }
    write:
      - { actions: [s3:PutObject], resources: ["arn:aws:s3:::invoices/*"] }
    tools:
      - { tool: t/a, when: "args.amount <= 100" }
      - { tool: t/b, calls: 6, labels: [private-data] }
      - { tool: t/c, labels: [outward-effect] }
      - { tool: t/d }
    sequence:
      - { tool: t/d, after: t/b }
      - { tool: t/d, never-after: t/c }
      - { tool: t/b, at-most: 4, within: 1m }
    limits: { calls: 12, writes: 6, per-minute: 9, sums: [ { tool: t/a, argument: args.amount, at-most: 300 } ] }
"#;

fn authority() -> Authority {
    let charter = Charter::parse("c.yaml", CHARTER).unwrap();
    Authority::of([charter], Settings::default()).unwrap()
}

const NOW: u64 = 1_790_000_000_000;
const ENDS: u64 = NOW + 1_200_000;

fn set(names: &[&str]) -> Option<BTreeSet<String>> {
    Some(names.iter().map(|name| (*name).to_owned()).collect())
}

fn tool(name: &str, args: &str) -> Call {
    let mut call = Call::tool(name, args.as_bytes()).unwrap();
    call.is_mediated = true;
    call
}

#[test]
fn test_47_what_the_first_grant_does_not_hold_is_not_delegated() {
    let authority = authority();
    let task = authority.task("reader", "work").unwrap();
    let bound = task.bind([]).unwrap();
    let history = History::default();
    let made = |delegation: &Delegation| task.delegate(&bound, &history, delegation, ENDS, NOW);
    for (delegation, fault) in [
        (
            Delegation {
                tools: set(&["t/a", "t/z"]),
                ..Delegation::default()
            },
            DelegationFault::NotHeld("tools"),
        ),
        (
            Delegation {
                actions: set(&["s3:DeleteObject"]),
                ..Delegation::default()
            },
            DelegationFault::NotHeld("actions"),
        ),
        (
            Delegation {
                actions: set(&["s3:*"]),
                ..Delegation::default()
            },
            DelegationFault::NotHeld("actions"),
        ),
        (
            Delegation {
                actions: set(&["s3:GetObject"]),
                resources: set(&["arn:aws:s3:::payroll/1"]),
                ..Delegation::default()
            },
            DelegationFault::NotHeld("resources"),
        ),
        (
            Delegation {
                resources: set(&["arn:aws:s3:::payroll/1"]),
                ..Delegation::default()
            },
            DelegationFault::NotHeld("resources"),
        ),
        (
            Delegation {
                resources: set(&["arn:aws:s3:::invoices/*"]),
                ..Delegation::default()
            },
            DelegationFault::NotHeld("resources"),
        ),
        (
            Delegation {
                resources: Some(
                    (0..3_000)
                        .map(|n| format!("arn:aws:s3:::invoices/{n}"))
                        .collect(),
                ),
                ..Delegation::default()
            },
            DelegationFault::TooManyNamed,
        ),
        (
            Delegation {
                calls: Some(13),
                ..Delegation::default()
            },
            DelegationFault::TooMany("calls"),
        ),
        (
            Delegation {
                share_percent: 101,
                ..Delegation::default()
            },
            DelegationFault::Share,
        ),
        (
            Delegation {
                deadline_ms: Some(NOW),
                ..Delegation::default()
            },
            DelegationFault::Deadline,
        ),
    ] {
        assert_eq!(made(&delegation), Err(fault));
    }
    let only = made(&Delegation {
        tools: set(&["t/a"]),
        share_percent: 50,
        ..Delegation::default()
    })
    .unwrap();
    let wider = task.delegate(
        &only.bound,
        &only.history,
        &Delegation {
            tools: set(&["t/b"]),
            ..Delegation::default()
        },
        ENDS,
        NOW,
    );
    assert_eq!(wider, Err(DelegationFault::NotHeld("tools")));
}

#[test]
fn a_resource_without_an_action_is_one_that_some_action_of_the_grant_reaches() {
    let authority = authority();
    let task = authority.task("reader", "work").unwrap();
    let bound = task.bind([]).unwrap();
    let history = History::default();
    let one = Delegation {
        resources: set(&["arn:aws:s3:::invoices/1", "arn:aws:s3:::invoices/2"]),
        ..Delegation::default()
    };
    let child = task.delegate(&bound, &history, &one, ENDS, NOW).unwrap();
    let may = |bound: &Bound, action: &str, resource: &str| {
        let call = Call::aws(action, resource);
        task.judge(bound, &History::default(), &call, NOW)
            .is_allowed()
    };
    for action in ["s3:GetObject", "s3:PutObject"] {
        assert!(
            may(&child.bound, action, "arn:aws:s3:::invoices/1"),
            "{action}"
        );
        assert!(
            !may(&child.bound, action, "arn:aws:s3:::invoices/3"),
            "{action}"
        );
    }
    // What was left of the actions is what a resource is held against next.
    let reads = Delegation {
        actions: set(&["s3:GetObject"]),
        ..Delegation::default()
    };
    let reader = task.delegate(&bound, &history, &reads, ENDS, NOW).unwrap();
    let part = task
        .delegate(&reader.bound, &history, &one, ENDS, NOW)
        .unwrap();
    assert!(may(&part.bound, "s3:GetObject", "arn:aws:s3:::invoices/1"));
    assert!(!may(&part.bound, "s3:PutObject", "arn:aws:s3:::invoices/1"));
    let wider = Delegation {
        resources: set(&["arn:aws:s3:::invoices/3"]),
        ..Delegation::default()
    };
    assert_eq!(
        task.delegate(&part.bound, &history, &wider, ENDS, NOW),
        Err(DelegationFault::NotHeld("resources"))
    );
}

#[test]
fn test_47_a_later_deadline_than_the_first_grant_s_is_clamped_and_said_so() {
    let authority = authority();
    let task = authority.task("reader", "work").unwrap();
    let bound = task.bind([]).unwrap();
    let with = |deadline_ms| {
        let delegation = Delegation {
            deadline_ms: Some(deadline_ms),
            ..Delegation::default()
        };
        task.delegate(&bound, &History::default(), &delegation, ENDS, NOW)
            .unwrap()
    };
    let later = with(ENDS + 1);
    assert_eq!((later.deadline_ms, later.is_clamped), (ENDS, true));
    let sooner = with(ENDS - 1);
    assert_eq!((sooner.deadline_ms, sooner.is_clamped), (ENDS - 1, false));
}

#[test]
fn test_36_a_line_of_grants_has_an_end() {
    let authority = authority();
    let task = authority.task("reader", "work").unwrap();
    let mut bound = task.bind([]).unwrap();
    let mut history = History::default();
    for _ in 0..DELEGATIONS_MAX {
        let made = task
            .delegate(&bound, &history, &Delegation::default(), ENDS, NOW)
            .unwrap();
        (bound, history) = (made.bound, made.history);
    }
    let made = task.delegate(&bound, &history, &Delegation::default(), ENDS, NOW);
    assert_eq!(made, Err(DelegationFault::TooDeep));
}

#[test]
fn a_delegated_argument_has_one_of_its_values() {
    let authority = authority();
    let task = authority.task("reader", "work").unwrap();
    let bound = task.bind([]).unwrap();
    let delegation = Delegation {
        arguments: [(
            "t/a".to_owned(),
            [(
                "args.amount".to_owned(),
                vec![Value::Long(5), Value::Long(7)],
            )]
            .into(),
        )]
        .into(),
        ..Delegation::default()
    };
    let made = task
        .delegate(&bound, &History::default(), &delegation, ENDS, NOW)
        .unwrap();
    let code = |args: &str| {
        let kept = task.read(&made.bound.to_bytes()).unwrap();
        task.judge(&kept, &made.history, &tool("t/a", args), NOW)
            .code()
    };
    assert_eq!(code(r#"{"amount":5}"#), "allowed");
    assert_eq!(code(r#"{"amount":6}"#), "not_delegated");
    assert_eq!(code("{}"), "not_delegated");
}

#[test]
fn what_one_of_two_grants_may_do_unseen_counts_as_done() {
    let authority = authority();
    let task = authority.task("reader", "work").unwrap();
    let bound = task.bind([]).unwrap();
    let read = task.judge(&bound, &History::default(), &tool("t/b", "{}"), NOW);
    let history = read.history().unwrap();
    let made = task
        .delegate(
            &bound,
            history,
            &Delegation {
                share_percent: 50,
                ..Delegation::default()
            },
            ENDS,
            NOW,
        )
        .unwrap();
    // Either may call `t/c`, after which neither may call `t/d`; either may read what the other sends.
    for (bound, history) in [(&made.bound, &made.history), (&bound, &made.parent_history)] {
        let code = |call: &Call| task.judge(bound, history, call, NOW).code();
        assert_eq!(code(&tool("t/d", "{}")), "sequence_too_late");
        assert_eq!(code(&tool("t/c", r#"{"body":"something"}"#)), "flow");
        assert_eq!(code(&tool("t/c", "{}")), "allowed");
    }
}

fn calls() -> impl Strategy<Value = Call> {
    prop_oneof![
        (0_i64..150).prop_map(|amount| tool("t/a", &format!("{{\"amount\":{amount}}}"))),
        Just(tool("t/a", r#"{"amount":"5"}"#)),
        Just(tool("t/b", "{}")),
        Just(tool("t/c", "{}")),
        Just(tool("t/c", r#"{"body":"a text"}"#)),
        Just(tool("t/d", "{}")),
        Just(tool("t/e", "{}")),
        prop::sample::select(vec!["s3:GetObject", "s3:PutObject", "s3:DeleteObject"])
            .prop_map(|action| Call::aws(action, "arn:aws:s3:::invoices/1")),
        Just(Call::aws("s3:GetObject", "arn:aws:s3:::invoices/2")),
    ]
}

fn subset(of: &'static [&'static str]) -> impl Strategy<Value = Option<BTreeSet<String>>> {
    prop::option::of(
        prop::sample::subsequence(of, 0..=of.len())
            .prop_map(|some| some.into_iter().map(str::to_owned).collect()),
    )
}

fn delegations() -> impl Strategy<Value = Delegation> {
    (
        subset(&["t/a", "t/b", "t/c", "t/d"]),
        subset(&["s3:GetObject", "s3:PutObject"]),
        1_u8..=100,
        prop::option::of(0_u64..6),
    )
        .prop_map(|(tools, actions, share_percent, writes)| Delegation {
            tools,
            actions,
            share_percent,
            writes,
            ..Delegation::default()
        })
}

proptest! {
    /// Whatever a delegated grant may do, the first could have done when it was made.
    #[test]
    fn a_delegated_grant_may_nothing_that_the_first_may_not(
        before in prop::collection::vec(calls(), 0..8),
        delegation in delegations(),
        after in prop::collection::vec(calls(), 1..16),
    ) {
        let authority = authority();
        let task = authority.task("reader", "work").unwrap();
        let bound = task.bind([]).unwrap();
        let mut first = History::default();
        for call in &before {
            if let Some(history) = task.judge(&bound, &first, call, NOW).history() {
                first = history.clone();
            }
        }
        let Ok(made) = task.delegate(&bound, &first, &delegation, ENDS, NOW) else {
            return Ok(());
        };
        let (mut child, mut alone) = (made.history, first);
        for call in &after {
            if let Some(history) = task.judge(&made.bound, &child, call, NOW).history() {
                let allowed = task.judge(&bound, &alone, call, NOW);
                prop_assert!(allowed.is_allowed(), "{call:?}: {}", allowed.code());
                child = history.clone();
                alone = allowed.history().unwrap().clone();
            }
        }
    }

    /// However calls of a grant and of those made of it interleave, together they spend no more than
    /// the charter gives one, and keep its order.
    #[test]
    fn a_family_of_grants_spends_no_more_than_one(
        delegations in prop::collection::vec((0_usize..20, delegations()), 0..4),
        calls in prop::collection::vec((calls(), 0_usize..8, 0_u64..4_000), 1..60),
    ) {
        let authority = authority();
        let task = authority.task("reader", "work").unwrap();
        let mut family = vec![(task.bind([]).unwrap(), History::default())];
        let mut now = NOW;
        let mut done: Vec<(u64, Call)> = Vec::new();
        for (at, (call, who, wait)) in calls.iter().enumerate() {
            now += wait;
            for (when, delegation) in &delegations {
                if *when == at {
                    let last = family.len() - 1;
                    let (bound, history) = family[last].clone();
                    if let Ok(made) = task.delegate(&bound, &history, delegation, NOW + ENDS, now) {
                        family[last].1 = made.parent_history;
                        family.push((made.bound, made.history));
                    }
                }
            }
            let who = who % family.len();
            let (bound, history) = &family[who];
            let judged = task.judge(bound, history, call, now);
            if let Some(history) = judged.history() {
                family[who].1 = history.clone();
                done.push((now, call.clone()));
            }
        }
        let is = |name: &str, call: &Call| match &call.target {
            crate::Target::Tool { tool, .. } => tool.as_str() == name,
            crate::Target::Aws { .. } => false,
        };
        let is_write = |call: &Call| match &call.target {
            crate::Target::Tool { tool, .. } => tool.as_str() != "t/b",
            crate::Target::Aws { action, .. } => action == "s3:PutObject",
        };
        prop_assert!(done.len() <= 12);
        prop_assert!(done.iter().filter(|(_, call)| is_write(call)).count() <= 6);
        prop_assert!(done.iter().filter(|(_, call)| is("t/b", call)).count() <= 6);
        let amount = |call: &Call| {
            let crate::Target::Tool { tool, args, .. } = &call.target else {
                return 0;
            };
            let is_summed = tool.as_str() == "t/a";
            let amount = args.get("amount").filter(|_| is_summed);
            let amount = amount.and_then(crate::argument::amount);
            amount.map_or(0, |amount| amount.ten_thousandths() / 10_000)
        };
        let sum: i64 = done.iter().map(|(_, call)| amount(call)).sum();
        prop_assert!(sum <= 300);
        for (end, _) in &done {
            let within = done.iter().filter(|(at, _)| at <= end && *at + 60_000 > *end);
            prop_assert!(within.clone().count() <= 9);
            prop_assert!(within.filter(|(_, call)| is("t/b", call)).count() <= 4);
        }
        let first_c = done.iter().position(|(_, call)| is("t/c", call));
        let first_b = done.iter().position(|(_, call)| is("t/b", call));
        for (at, (_, call)) in done.iter().enumerate() {
            if is("t/d", call) {
                prop_assert!(first_b.is_some_and(|b| b < at), "before its turn");
                prop_assert!(first_c.is_none_or(|c| c > at), "after its end");
            }
        }
    }
}

#[test]
fn a_pattern_matches_as_a_policy_s_does() {
    for (pattern, action, is) in [
        ("s3:Get*", "s3:GetObject", true),
        ("s3:get*", "S3:GETOBJECT", true),
        ("s3:*Object", "s3:GetObject", true),
        ("s3:*a*b*", "s3:xxaxxbxx", true),
        ("s3:Get?bject", "s3:GetObject", true),
        ("s3:Get*", "s3:PutObject", false),
        ("s3:GetObject", "s3:GetObjectAcl", false),
        ("s3:Get?", "s3:Get", false),
    ] {
        assert_eq!(matches(pattern, action), is, "{pattern} {action}");
    }
}
