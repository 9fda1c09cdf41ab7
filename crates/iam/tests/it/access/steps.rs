//! What a question costs, in steps, which are the same on every machine.
//!
//! A ceiling is the number of search nodes and automaton states that the answer may take. It is
//! near what the answer takes today, so that a change which makes the search blind is seen here
//! and not in a customer's pipeline.

use bailiwick_iam::access::{Algebra, Contained, Limits};
use bailiwick_iam::layers::{Layers, Level};
use bailiwick_iam::vocabulary::{KeyFacts, KeyKind, Vocabulary};

use super::generate::Dice;
use super::layers;

/// The keys of these questions.
#[derive(Debug)]
struct Keys;

impl Vocabulary for Keys {
    fn key(&self, key: &str) -> Option<KeyFacts> {
        let key = key.to_ascii_lowercase();
        let (kind, multivalued) = match key.as_str() {
            "aws:securetransport" | "aws:multifactorauthpresent" => (KeyKind::Bool, false),
            "aws:tagkeys" => (KeyKind::String, true),
            "iam:permissionsboundary" | "aws:principalarn" => (KeyKind::Arn, false),
            "aws:sourceip" => (KeyKind::IpAddress, false),
            key if key.starts_with("flag:") => (KeyKind::Bool, false),
            _ => (KeyKind::String, false),
        };
        Some(KeyFacts { kind, multivalued })
    }
}

/// Is all of `inner` in `outer`?
pub(super) struct Question {
    inner: Layers,
    outer: Layers,
}

impl Question {
    fn of(inner: &[String], outer: &[String]) -> Self {
        Self {
            inner: layers(&[policy(inner)]),
            outer: layers(&[policy(outer)]),
        }
    }

    pub(super) fn ask(&self, limits: Limits) -> Contained {
        let algebra = Algebra::new(&Keys).with_limits(limits);
        let outer = algebra.access(&self.outer, None);
        outer.contains(&algebra.access(&self.inner, None))
    }

    /// The fewest search nodes and automaton states with which it is answered.
    pub(super) fn steps(&self) -> (u32, u32) {
        let most = Limits::default();
        let searched = least(|search_nodes| {
            self.is_answered(Limits {
                search_nodes,
                ..most
            })
        });
        let walked = least(|product_nodes| {
            self.is_answered(Limits {
                product_nodes,
                ..most
            })
        });
        (searched, walked)
    }

    fn is_answered(&self, limits: Limits) -> bool {
        !matches!(self.ask(limits), Contained::Unknown(_))
    }
}

/// The smallest number that is enough, if more is never less.
fn least(enough: impl Fn(u32) -> bool) -> u32 {
    let mut above = 1;
    while !enough(above - 1) {
        above *= 2;
        assert!(above < 1 << 20, "beyond the default limits");
    }
    let mut below = above / 2;
    while below < above - 1 {
        let middle = below.midpoint(above - 1);
        if enough(middle) {
            above = middle + 1;
        } else {
            below = middle + 1;
        }
    }
    above - 1
}

fn policy(statements: &[String]) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{}]}}"#,
        statements.join(",")
    )
}

fn statement(rest: &str) -> String {
    format!(r#"{{"Effect":"Allow",{rest}}}"#)
}

fn on(resource: &str) -> String {
    statement(&format!(
        r#""Action":"s3:GetObject","Resource":"{resource}""#
    ))
}

fn when(condition: &str) -> String {
    statement(&format!(
        r#""Action":"s3:GetObject","Resource":"*","Condition":{{{condition}}}"#
    ))
}

/// Everything against random conjunctions of three flags.
pub(super) fn flags(count: usize, statements: usize) -> Question {
    let mut dice = Dice::new(5);
    let mut conjunction = || {
        let mut flags = std::collections::BTreeMap::new();
        while flags.len() < 3 {
            flags.insert(dice.roll(count), dice.chance(50));
        }
        let flags: Vec<String> = flags
            .iter()
            .map(|(flag, value)| format!(r#""flag:{flag}":"{value}""#))
            .collect();
        when(&format!(r#""Bool":{{{}}}"#, flags.join(",")))
    };
    let outer: Vec<String> = (0..statements).map(|_| conjunction()).collect();
    let present: Vec<String> = (0..count)
        .map(|flag| format!(r#""flag:{flag}":"false""#))
        .collect();
    let inner = when(&format!(r#""Null":{{{}}}"#, present.join(",")));
    Question::of(&[inner], &outer)
}

/// Each pigeon is in a hole and no two are in one: with one pigeon too many there is no such flock,
/// so that all is held, and a search that learns nothing looks at every way to try.
pub(super) fn pigeons(holes: usize) -> Question {
    let sits = |pigeon: usize, hole: usize| format!("flag:p{pigeon}h{hole}");
    let flags = |flags: Vec<String>, value: bool| {
        let flags: Vec<String> = flags
            .iter()
            .map(|flag| format!(r#""{flag}":"{value}""#))
            .collect();
        when(&format!(r#""Bool":{{{}}}"#, flags.join(",")))
    };
    let nowhere =
        (0..=holes).map(|pigeon| flags((0..holes).map(|hole| sits(pigeon, hole)).collect(), false));
    let pairs = (0..=holes).flat_map(|one| (0..one).map(move |other| (one, other)));
    let together = pairs.flat_map(|(one, other)| {
        (0..holes).map(move |hole| flags(vec![sits(one, hole), sits(other, hole)], true))
    });
    let outer: Vec<String> = nowhere.chain(together).collect();
    let all = (0..=holes).flat_map(|pigeon| (0..holes).map(move |hole| sits(pigeon, hole)));
    let present: Vec<String> = all.map(|flag| format!(r#""{flag}":"false""#)).collect();
    let inner = when(&format!(r#""Null":{{{}}}"#, present.join(",")));
    Question::of(&[inner], &outer)
}

/// Everything in all the cells that some keys split it into.
pub(super) fn cells(keys: u32) -> Question {
    let cell = |cell: u32| {
        let sides = |wanted: u32, operator: &str| {
            let keys = (0..keys).filter(|key| cell >> key & 1 == wanted);
            let keys: Vec<String> = keys.map(|key| format!(r#""t:k{key}":"a""#)).collect();
            format!(r#""{operator}":{{{}}}"#, keys.join(","))
        };
        when(&format!(
            "{},{}",
            sides(0, "StringEquals"),
            sides(1, "StringNotEquals")
        ))
    };
    let all: Vec<String> = (0..1 << keys).map(cell).collect();
    Question::of(&[when("")], &all)
}

/// A text that each of some levels wants to hold a letter of its own, and that lacks one more.
pub(super) fn letters(levels: u8) -> Question {
    let level = |at: u8| Level {
        target: format!("level-{at}").into(),
        policies: layers(&[policy(&[on(&format!(
            "arn:aws:s3:::*{}*",
            char::from(b'a' + at)
        ))])])
        .identity
        .unwrap(),
    };
    let inner = Layers {
        scp: Some((0..levels).map(level).collect()),
        ..layers(&[policy(&[on("*")])])
    };
    let outer = layers(&[policy(&[on("arn:aws:s3:::*z*")])]);
    Question { inner, outer }
}

/// A letter in front of some places, against another letter in each of them.
pub(super) fn tails(places: usize) -> Question {
    let tail = |at: usize| {
        on(&format!(
            "arn:aws:s3:::*{}b{}",
            "?".repeat(at + 1),
            "?".repeat(places - 1 - at)
        ))
    };
    let outer: Vec<String> = (0..places).map(tail).collect();
    Question::of(
        &[on(&format!("arn:aws:s3:::*a{}", "?".repeat(places)))],
        &outer,
    )
}

/// A tag, value by value, and the rest.
pub(super) fn partition(values: usize) -> Question {
    let quoted: Vec<String> = (0..values).map(|value| format!(r#""v{value}""#)).collect();
    let one = |value: &String| when(&format!(r#""StringEquals":{{"t:team":{value}}}"#));
    let rest = when(&format!(
        r#""StringNotEquals":{{"t:team":[{}]}}"#,
        quoted.join(",")
    ));
    let outer: Vec<String> = quoted.iter().map(one).chain([rest]).collect();
    Question::of(&[when("")], &outer)
}

/// Two policies as people write them.
fn pair(inner: &str, outer: &str) -> Question {
    Question::of(&[inner.to_owned()], &[outer.to_owned()])
}

const ADMINISTRATOR: &str = r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#;
const POWER: &str = r#"
    {"Effect":"Allow","NotAction":["iam:*","organizations:*","account:*"],"Resource":"*"},
    {"Effect":"Allow","Action":["account:GetAccountInformation","iam:CreateServiceLinkedRole",
     "iam:DeleteServiceLinkedRole","iam:ListRoles","organizations:DescribeOrganization"],"Resource":"*"}"#;
const HOME: &str = r#"
    {"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::homes",
     "Condition":{"StringLike":{"s3:prefix":["${aws:username}/*"]}}},
    {"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],
     "Resource":"arn:aws:s3:::homes/${aws:username}/*"}"#;
const HOMES: &str = r#"
    {"Effect":"Allow","Action":["s3:ListBucket","s3:*Object"],
     "Resource":["arn:aws:s3:::homes","arn:aws:s3:::homes/*"]}"#;
const OWN_TEAM: &str = r#"
    {"Effect":"Allow","Action":["ec2:StartInstances","ec2:StopInstances"],
     "Resource":"arn:aws:ec2:*:*:instance/*",
     "Condition":{"StringEquals":{"aws:ResourceTag/team":"${aws:PrincipalTag/team}"}}}"#;
const SOME_TEAM: &str = r#"
    {"Effect":"Allow","Action":["ec2:Start*","ec2:Stop*"],"Resource":"*",
     "Condition":{"Null":{"aws:ResourceTag/team":"false"}}},
    {"Effect":"Allow","Action":"ec2:Describe*","Resource":"*"}"#;
const WITHIN_EUROPE: &str = r#"
    {"Effect":"Allow","Action":"*","Resource":"*"},
    {"Effect":"Deny","NotAction":["iam:*","sts:*","route53:*"],"Resource":"*",
     "Condition":{"StringNotEquals":{"aws:RequestedRegion":["eu-central-1","eu-west-1"]}}},
    {"Effect":"Deny","Action":"*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}"#;
const FRANKFURT: &str = r#"
    {"Effect":"Allow","Action":["ec2:*","s3:*","iam:Get*"],"Resource":"*",
     "Condition":{"StringEquals":{"aws:RequestedRegion":"eu-central-1"},
                  "Bool":{"aws:SecureTransport":"true"}}}"#;
const DELEGATE: &str = r#"
    {"Effect":"Allow","Action":["iam:CreateRole","iam:PutRolePolicy"],
     "Resource":"arn:aws:iam::111122223333:role/app/*",
     "Condition":{"ArnEquals":{"iam:PermissionsBoundary":"arn:aws:iam::111122223333:policy/edge"}}}"#;

/// Name, question, whether contained, and the ceilings: search nodes, automaton states.
fn questions() -> Vec<(&'static str, Question, bool, (u32, u32))> {
    let halves = r#"
        {"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}},
        {"Effect":"Allow","Action":"*","Resource":"*","Condition":{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}}}"#;
    let unbounded =
        r#"{"Effect":"Allow","Action":"iam:*Role*","Resource":"arn:aws:iam::*:role/app/*"}"#;
    vec![
        ("flags, 12", flags(12, 51), false, (19, 0)),
        ("flags, 8, all", flags(8, 90), true, (26, 0)),
        ("cells, 6", cells(6), true, (65, 0)),
        ("letters, 5", letters(5), false, (8, 90)),
        ("tails, 5", tails(5), false, (7, 1898)),
        ("partition, 60", partition(60), true, (62, 0)),
        (
            "power user, administrator",
            pair(POWER, ADMINISTRATOR),
            true,
            (2, 0),
        ),
        (
            "administrator, power user",
            pair(ADMINISTRATOR, POWER),
            false,
            (8, 0),
        ),
        ("home, homes", pair(HOME, HOMES), true, (0, 0)),
        ("homes, home", pair(HOMES, HOME), false, (3, 0)),
        (
            "own team, some team",
            pair(OWN_TEAM, SOME_TEAM),
            true,
            (2, 0),
        ),
        (
            "Frankfurt, Europe",
            pair(FRANKFURT, WITHIN_EUROPE),
            true,
            (2, 0),
        ),
        (
            "Europe, Frankfurt",
            pair(WITHIN_EUROPE, FRANKFURT),
            false,
            (9, 0),
        ),
        (
            "delegate, unbounded",
            pair(DELEGATE, unbounded),
            true,
            (0, 0),
        ),
        (
            "everything in halves",
            pair(ADMINISTRATOR, halves),
            true,
            (3, 0),
        ),
    ]
}

#[test]
fn no_question_takes_more_steps_than_it_took() {
    let mut over = Vec::new();
    for (name, question, contained, ceiling) in questions() {
        let answer = question.ask(Limits::default());
        let agrees = match &answer {
            Contained::Proved => contained,
            Contained::Refuted(_) => !contained,
            Contained::Unknown(_) => false,
        };
        assert!(agrees, "{name}: {answer:?}");
        let steps = question.steps();
        if steps.0 > ceiling.0 || steps.1 > ceiling.1 {
            over.push(format!("{name}: {steps:?}, allowed {ceiling:?}"));
        }
    }
    assert!(over.is_empty(), "{}", over.join("\n"));
}
