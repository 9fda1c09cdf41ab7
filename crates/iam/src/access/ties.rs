//! What follows from who asks: the account of a role's ARN is the role's, and nobody is a user and a
//! role at once.
//!
//! Policies ask for `aws:PrincipalArn`, `aws:PrincipalAccount`, `aws:PrincipalType` and the like as
//! if each could be anything. Over all requests they may, so that a proof never hangs on what is
//! said here. Among the requests that can be made, these keys agree with one another and with the
//! principal that a resource's policy names. What cannot be is a list of boxes to avoid, written for
//! the keys and values that the two sides speak of, and empty where they speak of none.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::policy::PrincipalPattern;

use super::Access;
use super::ask::Layer;
use super::clause::{Clause, Requirement, Values, absent, lower, present, principal_text};
use super::fixed;
use super::glob::{Glob, Token, segmented};
use super::shelf::Shelf;
use super::text::TextSet;
use super::values::Predicate;

const ARN: &str = "aws:principalarn";
const ACCOUNT: &str = "aws:principalaccount";
const CALLER: &str = "kms:calleraccount";
const TYPE: &str = "aws:principaltype";
const USERNAME: &str = "aws:username";
const IS_SERVICE: &str = "aws:principalisawsservice";
const SERVICE_NAME: &str = "aws:principalservicename";
const OWNER: &str = "aws:resourceaccount";
const BUCKET_OWNER: &str = "s3:resourceaccount";

const ALL: [&str; 9] = [
    ARN,
    ACCOUNT,
    CALLER,
    TYPE,
    USERNAME,
    IS_SERVICE,
    SERVICE_NAME,
    OWNER,
    BUCKET_OWNER,
];

/// Keys that only users and roles of an account carry; tags, by their beginning.
const OF_MEMBERS: [&str; 3] = [
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:principaltag/",
];

/// Keys of which each has the value of the other.
const TWINS: [(&str, &str); 2] = [(ACCOUNT, CALLER), (OWNER, BUCKET_OWNER)];

/// A kind of principal: its `aws:PrincipalType`, its ARNs, and what a policy may call it.
struct Kind {
    name: &'static str,
    arns: &'static str,
    called: &'static [&'static str],
}

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
const KINDS: [Kind; 4] = [
    Kind {
        name: "Account",
        arns: "arn:*:iam::*:root",
        called: &["aws arn:*:iam::*:root"],
    },
    Kind {
        name: "User",
        arns: "arn:*:iam::*:user/*",
        called: &["aws arn:*:iam::*:user/*"],
    },
    Kind {
        name: "AssumedRole",
        arns: "arn:*:iam::*:role/*",
        called: &[
            "aws arn:*:iam::*:role/*",
            "aws arn:*:sts::*:assumed-role/*/*",
        ],
    },
    Kind {
        name: "FederatedUser",
        arns: "arn:*:sts::*:federated-user/*",
        called: &["aws arn:*:sts::*:federated-user/*"],
    },
];

const USER: &str = "arn:*:iam::*:user/*";

/// Who is not of an account.
const OUTSIDERS: [&str; 4] = ["anonymous", "service *", "federated *", "canonical *"];

/// The requests that nobody can make, as far as the two sides could tell them from others.
pub(super) fn ties(outer: &Access<'_>, inner: &Access<'_>, label: u32) -> Layer {
    let spoken = Spoken::of([outer, inner]);
    let mut ties = Ties {
        spoken: &spoken,
        boxes: Vec::new(),
    };
    ties.twins();
    ties.kinds();
    ties.accounts();
    ties.names();
    ties.services();
    if spoken.of_principals {
        ties.outsiders();
        ties.principals();
    }
    fixed::layer(Shelf::new(ties.boxes), label)
}

/// What the policies of both sides ask of these keys, and the principals they name.
#[derive(Debug, Default)]
struct Spoken {
    keys: BTreeMap<Arc<str>, BTreeSet<Predicate>>,
    principals: BTreeSet<Glob>,
    of_principals: bool,
}

impl Spoken {
    fn of(sides: [&Access<'_>; 2]) -> Self {
        let mut spoken = Self::default();
        for access in sides {
            spoken.of_principals |= access.names_principals;
            let shelves = access.allows.iter().flatten().chain(&access.denies);
            for clause in shelves.flat_map(|side| &side.shelf.clauses) {
                for requirement in &clause.requirements {
                    spoken.hear(requirement);
                }
                let named = clause.principals.iter().flat_map(|set| set.list.all());
                spoken.principals.extend(named.cloned());
            }
        }
        spoken
    }

    fn hear(&mut self, requirement: &Requirement) {
        match requirement {
            Requirement::Values(values) => self.note(&values.key, &values.predicates),
            Requirement::Equal { key, variable, .. } => {
                self.note(key, &[]);
                self.note(variable, &[]);
            }
            Requirement::Opaque { fact, .. } => {
                let asked = fact.when_true.as_ref();
                let predicates = asked.map_or(&[][..], |values| &values.predicates);
                self.note(&fact.key, predicates);
            }
        }
    }

    fn note(&mut self, key: &Arc<str>, predicates: &[Predicate]) {
        if ALL.contains(&&**key) || OF_MEMBERS.iter().any(|own| key.starts_with(own)) {
            let known = self.keys.entry(key.clone()).or_default();
            known.extend(predicates.iter().cloned());
        }
    }

    fn speaks_of(&self, key: &str) -> bool {
        self.keys.contains_key(key)
    }

    fn patterns(&self, key: &str) -> impl Iterator<Item = &Glob> {
        let predicates = self.keys.get(key).into_iter().flatten();
        predicates.filter_map(|predicate| match predicate {
            Predicate::Text(glob) => Some(glob),
            Predicate::Folded(_)
            | Predicate::Number(..)
            | Predicate::Date(..)
            | Predicate::Address(_)
            | Predicate::Bytes(_)
            | Predicate::Never
            | Predicate::Exotic(_) => None,
        })
    }

    fn literals(&self, key: &str) -> BTreeSet<String> {
        self.patterns(key).filter_map(Glob::as_text).collect()
    }

    /// The ARNs that policies name: as values of the key, and as principals.
    fn arns(&self) -> BTreeSet<String> {
        let mut arns = self.literals(ARN);
        let named = self.principals.iter().filter_map(Glob::as_text);
        arns.extend(named.filter_map(|text| Some(text.strip_prefix("aws ")?.to_owned())));
        arns.retain(|arn| arn.contains(":iam:"));
        arns
    }

    /// The accounts that policies name, as values and within ARNs.
    fn accounts(&self) -> BTreeSet<String> {
        let mut accounts = self.literals(ACCOUNT);
        let within = self.patterns(ARN).chain(&self.principals);
        accounts.extend(
            within.filter_map(|glob| glob.to_string().split(':').nth(4).map(str::to_owned)),
        );
        accounts.retain(|text| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()));
        accounts
    }
}

struct Ties<'s> {
    spoken: &'s Spoken,
    boxes: Vec<Clause>,
}

impl Ties<'_> {
    /// Nobody asks so. Left out where a requirement is of a key that no policy speaks of: it could
    /// tell no two requests apart.
    fn never(&mut self, principals: Option<TextSet>, requirements: Vec<Requirement>) {
        let heard = requirements.iter().all(|requirement| match requirement {
            Requirement::Values(values) => self.spoken.speaks_of(&values.key),
            Requirement::Equal { key, variable, .. } => {
                self.spoken.speaks_of(key) && self.spoken.speaks_of(variable)
            }
            Requirement::Opaque { .. } => false,
        });
        if heard {
            self.boxes.push(Clause {
                actions: TextSet::everything(),
                segmented: TextSet::everything(),
                flat: TextSet::everything(),
                principals,
                requirements,
                statement: 0,
            });
        }
    }

    fn twins(&mut self) {
        for (one, other) in TWINS {
            let differ = || Requirement::Equal {
                key: lower(one),
                variable: lower(other),
                holds: false,
            };
            self.never(None, vec![present(&lower(one)), differ()]);
            self.never(None, vec![present(&lower(other)), differ()]);
        }
    }

    fn kinds(&mut self) {
        if !self.spoken.of_principals {
            // Services have no identity policies.
            let names = KINDS.iter().map(|kind| Glob::literal(kind.name));
            self.never(None, vec![other_than(TYPE, names)]);
            let arns = KINDS.iter().map(|kind| arn(kind.arns));
            self.never(None, vec![other_than(ARN, arns)]);
        }
        for kind in KINDS {
            let (name, arns) = (Glob::literal(kind.name), arn(kind.arns));
            self.never(
                None,
                vec![is(TYPE, [name.clone()]), not(ARN, [arns.clone()])],
            );
            self.never(None, vec![is(ARN, [arns.clone()]), not(TYPE, [name])]);
        }
    }

    fn accounts(&mut self) {
        for account in self.spoken.accounts() {
            let arns = arn(&format!("arn:*:*::{account}:*"));
            let own = Glob::literal(&account);
            self.never(
                None,
                vec![is(ACCOUNT, [own.clone()]), not(ARN, [arns.clone()])],
            );
            self.never(None, vec![is(ARN, [arns]), not(ACCOUNT, [own.clone()])]);
            if self.spoken.of_principals {
                let members = arn(&format!("aws arn:*:*::{account}:*"));
                // Who comes by a provider may be of the provider's account.
                let others = TextSet::new(true, [members.clone(), Glob::parse("federated *")]);
                let members = TextSet::new(false, [members]);
                self.never(Some(members), vec![not(ACCOUNT, [own.clone()])]);
                self.never(Some(others), vec![is(ACCOUNT, [own])]);
            }
        }
    }

    /// A user has a name, which ends its ARN, and nobody else has one.
    fn names(&mut self) {
        let user = || Glob::literal("User");
        self.never(None, vec![present(&lower(USERNAME)), not(TYPE, [user()])]);
        self.never(None, vec![absent(&lower(USERNAME)), is(TYPE, [user()])]);
        self.never(None, vec![present(&lower(USERNAME)), not(ARN, [arn(USER)])]);
        self.never(None, vec![absent(&lower(USERNAME)), is(ARN, [arn(USER)])]);
        if self.spoken.of_principals {
            let users = |complement| TextSet::new(complement, [arn(&format!("aws {USER}"))]);
            self.never(Some(users(true)), vec![present(&lower(USERNAME))]);
            self.never(Some(users(false)), vec![absent(&lower(USERNAME))]);
        }
        for name in self.spoken.literals(USERNAME) {
            let arns = [
                arn_ending("arn:*:iam::*:user/", &name),
                arn_ending("arn:*:iam::*:user/*/", &name),
            ];
            let name = || [Glob::literal(&name)];
            self.never(None, vec![is(USERNAME, name()), not(ARN, arns.clone())]);
            self.never(None, vec![is(ARN, arns), not(USERNAME, name())]);
        }
        for user in self.spoken.arns() {
            let Some((_, path)) = user.split_once(":user/") else {
                continue;
            };
            let name = path.rsplit('/').next().unwrap_or(path);
            let other = not(USERNAME, [Glob::literal(name)]);
            self.never(None, vec![is(ARN, [Glob::literal(&user)]), other.clone()]);
            if self.spoken.of_principals {
                let user = TextSet::new(false, [Glob::literal(&format!("aws {user}"))]);
                self.never(Some(user), vec![other]);
            }
        }
    }

    fn services(&mut self) {
        let (yes, no) = (|| Glob::literal("true"), || Glob::literal("false"));
        if !self.spoken.of_principals {
            self.never(None, vec![not(IS_SERVICE, [no()])]);
            self.never(None, vec![present(&lower(SERVICE_NAME))]);
            return;
        }
        let services = |complement| TextSet::new(complement, [Glob::parse("service *")]);
        self.never(Some(services(false)), vec![not(IS_SERVICE, [yes()])]);
        self.never(Some(services(true)), vec![is(IS_SERVICE, [yes()])]);
        self.never(Some(services(true)), vec![present(&lower(SERVICE_NAME))]);
        let literal = self.spoken.principals.iter().filter_map(Glob::as_text);
        let named: Vec<String> = literal
            .filter_map(|text| Some(text.strip_prefix("service ")?.to_owned()))
            .collect();
        for name in named {
            let own = TextSet::new(false, [Glob::literal(&format!("service {name}"))]);
            let other = not(SERVICE_NAME, [Glob::literal(&name)]);
            self.never(Some(own), vec![other]);
        }
    }

    /// Nobody else asks than these kinds, and who is of no account carries nothing of a member.
    fn outsiders(&mut self) {
        let members = KINDS.iter().flat_map(|kind| kind.called).map(|it| arn(it));
        let outsiders = || OUTSIDERS.iter().map(|it| Glob::parse(it));
        let everybody: Vec<Glob> = members.chain(outsiders()).collect();
        self.never(Some(TextSet::new(true, everybody)), Vec::new());
        let of_members: Vec<Arc<str>> = self.spoken.keys.keys().cloned().collect();
        for key in of_members {
            if OF_MEMBERS.iter().any(|own| key.starts_with(own)) {
                let outsiders = TextSet::new(false, outsiders());
                self.never(Some(outsiders), vec![present(&key)]);
            }
        }
        let anonymous = || TextSet::new(false, [Glob::literal("anonymous")]);
        self.never(Some(anonymous()), vec![present(&lower(ARN))]);
    }

    fn principals(&mut self) {
        for kind in KINDS {
            let own = TextSet::new(false, kind.called.iter().map(|it| arn(it)));
            let others = TextSet {
                complement: true,
                ..own.clone()
            };
            let name = || [Glob::literal(kind.name)];
            self.never(Some(own.clone()), vec![not(TYPE, name())]);
            self.never(Some(others.clone()), vec![is(TYPE, name())]);
            self.never(Some(own), vec![not(ARN, [arn(kind.arns)])]);
            self.never(Some(others), vec![is(ARN, [arn(kind.arns)])]);
        }
        for named in self.spoken.arns() {
            let called = principal_text(&PrincipalPattern::Aws(named.clone()));
            let arn = || [Glob::literal(&named)];
            let others = TextSet::new(true, called);
            self.never(Some(others), vec![is(ARN, arn())]);
            let own = TextSet::new(false, [Glob::literal(&format!("aws {named}"))]);
            self.never(Some(own), vec![not(ARN, arn())]);
        }
        // A role's name is its own in its account, so its sessions have its ARN: one of these, if a
        // policy still names another that had the name.
        let mut of_sessions: BTreeMap<Glob, Vec<Glob>> = BTreeMap::new();
        for named in self.spoken.arns() {
            let called = principal_text(&PrincipalPattern::Aws(named.clone()));
            for sessions in called.into_iter().filter(|glob| !glob.is_literal()) {
                let arns = of_sessions.entry(sessions).or_default();
                arns.push(Glob::literal(&named));
            }
        }
        for (sessions, arns) in of_sessions {
            self.never(Some(TextSet::new(false, [sessions])), vec![not(ARN, arns)]);
        }
    }
}

/// An ARN, or a principal that is one, cut where ARNs are cut.
fn arn(text: &str) -> Glob {
    arn_ending(text, "")
}

/// The same with a name at its end. A `*` in a name is a letter: policies compare names with it.
fn arn_ending(text: &str, name: &str) -> Glob {
    let (text, name) = (Glob::parse(text), Glob::literal(name));
    let tokens: Vec<Token> = text.tokens().iter().chain(name.tokens()).copied().collect();
    match segmented(&tokens) {
        Some(tokens) => Glob::from_tokens(tokens, true),
        None => Glob::from_tokens(tokens, false),
    }
}

fn asked(
    key: &str,
    values: impl IntoIterator<Item = Glob>,
    complement: bool,
    when_absent: bool,
) -> Requirement {
    let mut predicates: Vec<Predicate> = values.into_iter().map(Predicate::Text).collect();
    predicates.sort_unstable();
    Requirement::Values(Values {
        key: lower(key),
        all: complement,
        complement,
        predicates: predicates.into(),
        within: None,
        when_absent,
        set_operator: false,
    })
}

/// The key has one of these values.
fn is(key: &str, values: impl IntoIterator<Item = Glob>) -> Requirement {
    asked(key, values, false, false)
}

/// The key has none of these values, or is absent.
fn not(key: &str, values: impl IntoIterator<Item = Glob>) -> Requirement {
    asked(key, values, true, true)
}

/// The key has a value, and it is none of these.
fn other_than(key: &str, values: impl IntoIterator<Item = Glob>) -> Requirement {
    asked(key, values, true, false)
}
