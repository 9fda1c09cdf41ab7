//! Every route, asked by everybody.

use bailiwick_gateway::{Operation, ROUTES, Takes, Verb, operator::Role};
use bailiwick_identity::{Group, People, Rule};
use serde_json::{Value, json};

use crate::house::{APPROVER, BEGIN_MS, House, Idp, OPERATOR, Plan, VIEWER};

/// Who is let in: nobody, garbage, an expired token, another agent's token, its own token, a viewer,
/// an approver, an operator. `+` is let in (whatever then becomes of the request), else the status.
fn expected(operation: Operation) -> [&'static str; 8] {
    use Operation as O;
    match operation {
        O::Evaluate | O::EvaluateMany => ["401", "401", "401", "+", "+", "+", "+", "+"],
        O::SearchSubject
        | O::SearchResource
        | O::SearchAction
        | O::ListGrants
        | O::ListKills
        | O::Charters
        | O::LedgerEntries
        | O::LedgerInclusion
        | O::LedgerConsistency
        | O::LedgerCheckpoint => ["401", "401", "401", "403", "403", "+", "+", "+"],
        O::Discovery | O::Keys | O::Health | O::Ready | O::OpenApi => {
            ["+", "+", "+", "+", "+", "+", "+", "+"]
        }
        O::Metrics => ["401", "401", "401", "403", "403", "+", "+", "+"],
        O::MintTicket | O::Kill | O::ClearKill => {
            ["401", "401", "401", "403", "403", "403", "403", "+"]
        }
        // A token of a grant or an operator's is no proof of who an agent is.
        O::OpenGrant => ["401", "401", "401", "401", "401", "401", "401", "401"],
        O::ExchangeToken => ["+", "+", "+", "+", "+", "+", "+", "+"],
        O::ReadGrant => ["401", "401", "401", "404", "+", "+", "+", "+"],
        O::EndGrant => ["401", "401", "401", "404", "+", "403", "403", "+"],
        O::Credentials => ["401", "401", "401", "+", "+", "403", "403", "403"],
        O::Complete | O::Renew | O::Heartbeat | O::Delegate => {
            ["401", "401", "401", "404", "+", "403", "403", "403"]
        }
    }
}

/// A body of the right shape, so that only who asks is left to refuse.
fn body(operation: Operation) -> Value {
    match operation {
        Operation::OpenGrant => json!({ "agent": "invoice", "task": "look" }),
        Operation::Heartbeat => json!({ "seconds": 60 }),
        Operation::MintTicket => json!({ "agent": "invoice" }),
        Operation::Kill | Operation::ClearKill => {
            json!({ "scope": "agent", "name": "nobody", "reason": "a test" })
        }
        _ => json!({}),
    }
}

/// Operators of an issuer, with a group for each role.
pub(crate) struct Staff {
    pub(crate) idp: Idp,
}

pub(crate) const STAFF: &str = "https://bailiwick.test/operators";

impl Staff {
    pub(crate) fn new() -> Self {
        Self {
            idp: Idp::new("https://sso.example.com"),
        }
    }

    pub(crate) fn known(&self) -> People<Role> {
        let rule = |role: Role| Rule {
            role,
            issuer: self.idp.issuer.into(),
            subject: None,
            group: Some(Group {
                claim: "groups".into(),
                name: format!("bailiwick-{}", role.name()),
            }),
        };
        [Role::Viewer, Role::Approver, Role::Operator]
            .into_iter()
            .fold(People::default(), |people, role| {
                people.with_rule(rule(role))
            })
            .with_issuer(self.idp.known(STAFF, "at+jwt"))
    }

    pub(crate) fn claims(&self, subject: &str, role: &str) -> Value {
        let now = BEGIN_MS / 1_000;
        json!({
            "iss": self.idp.issuer, "sub": subject, "aud": STAFF, "iat": now, "exp": now + 300,
            "groups": ["everybody", format!("bailiwick-{role}")],
        })
    }

    pub(crate) fn of(&self, subject: &str, role: &str) -> String {
        self.idp.token("at+jwt", &self.claims(subject, role))
    }
}

// Test 64 of the list of required ones. A route without a row above does not build.
#[test]
fn every_route_lets_in_whom_it_must_and_nobody_else() {
    let staff = Staff::new();
    let people = [staff.of("vera", "viewer"), staff.of("olga", "operator")];
    // Of the issuer and without a role; an ID token of the operator; for somebody else.
    let no_role = staff.of("paul", "");
    let signed_in = staff.idp.token("JWT", &staff.claims("olga", "operator"));
    let mut elsewhere = staff.claims("olga", "operator");
    elsewhere["aud"] = json!("https://other.example.com");
    let elsewhere = staff.idp.token("at+jwt", &elsewhere);
    for route in ROUTES {
        let house = House::of(Plan {
            is_near: false,
            people: staff.known(),
            ..Plan::default()
        });
        let expired = house.open(
            "desk",
            &json!({ "agent": "desk", "task": "look", "seconds": 1 }),
        );
        let (_, expired) = crate::house::held(&expired);
        let (id, own) = house.grant("invoice");
        let (_, other) = house.grant("desk");
        house.clock.forward(1_500);
        let callers = [
            "",
            "Bearer garbage",
            &expired,
            &other,
            &own,
            VIEWER,
            APPROVER,
            OPERATOR,
        ];
        let path = route.path.replace("{id}", &id);
        // Test 22: whoever is asked who they are shows a token, or is told that it is none.
        let [_, garbage, ..] = expected(route.operation);
        if garbage == "401" && route.operation != Operation::OpenGrant {
            let malformed = house.ask("Bearer e30.e30", route.verb.name(), &path, &Value::Null);
            assert_eq!(malformed.status, 400, "{path}: {}", malformed.body);
            assert_eq!(malformed.json()["reason"], "token_malformed");
        }
        let table = expected(route.operation);
        let unknown = table[0];
        // Whoever has no role is known and may nothing, where others are asked who they are.
        let no_role_may = if unknown == "401" && route.operation != Operation::OpenGrant {
            "403"
        } else {
            unknown
        };
        let vouched = [
            (people[0].as_str(), table[5]),
            (no_role.as_str(), no_role_may),
            (signed_in.as_str(), unknown),
            (elsewhere.as_str(), unknown),
        ];
        let callers = callers.into_iter().zip(table);
        let last = [(people[1].as_str(), table[7])];
        for (caller, expected) in vouched.into_iter().chain(callers).chain(last) {
            let body = match route.takes {
                Takes::Nothing => Value::Null,
                Takes::Json(_) | Takes::Form(_) => body(route.operation),
            };
            // Those that end the grant come last in the row; whoever is refused changed nothing.
            let answer = house.ask(caller, route.verb.name(), &path, &body);
            let status = answer.status.to_string();
            if expected == "+" {
                assert!(
                    !matches!(answer.status, 401 | 403),
                    "{} {path} as {caller:.12}: {status} {}",
                    route.verb.name(),
                    answer.body
                );
            } else {
                assert_eq!(
                    status,
                    expected,
                    "{} {path} as {caller:.12}: {}",
                    route.verb.name(),
                    answer.body
                );
                assert_eq!(
                    answer.header("content-type"),
                    Some("application/problem+json")
                );
            }
        }
    }
}

// Test 60.
#[test]
fn anothers_grant_and_none_at_all_look_alike() {
    let house = House::new();
    let (id, _) = house.grant("invoice");
    let (_, other) = house.grant("desk");
    let tell = |id: &str| {
        let answer = house.ask(&other, "GET", &format!("/v1/grants/{id}"), &Value::Null);
        let mut body = answer.json();
        body["instance"].take();
        (answer.status, body)
    };
    assert_eq!(tell(&id), tell("g00000000000000000000000000000000"));
    assert_eq!(tell(&id).0, 404);
}

#[test]
fn what_is_no_route_is_a_problem_too() {
    let house = House::new();
    let missing = house.ask("", "GET", "/v1/nothing", &Value::Null);
    assert_eq!(
        (missing.status, missing.header("content-type")),
        (404, Some("application/problem+json"))
    );
    let wrong = house.ask("", "DELETE", "/healthz", &Value::Null);
    assert_eq!(wrong.status, 405);
    assert_eq!(Verb::Get.name(), "GET");
}

#[test]
fn the_page_that_documents_the_api_names_every_route_problem_and_who_may_ask() {
    let path = bailiwick_testkit::repository().join("docs/formats/api.md");
    let page = std::fs::read_to_string(path).unwrap();
    for route in ROUTES {
        let row = format!("| `{} {}` |", route.verb.name(), route.path);
        assert!(page.contains(&row), "no row {row}");
    }
    for kind in bailiwick_gateway::Kind::ALL {
        let row = format!("| `{}` | {} |", kind.name(), kind.status().as_u16());
        assert!(page.contains(&row), "no row {row}");
    }
    let rows = page.lines().filter(|line| {
        ["| `GET /", "| `POST /", "| `DELETE /"]
            .iter()
            .any(|verb| line.starts_with(verb))
    });
    assert_eq!(
        rows.count(),
        ROUTES.len(),
        "a row of a route that is not there"
    );
}

#[test]
fn the_published_description_is_as_it_is_generated() {
    let path = bailiwick_testkit::repository().join("docs/formats/openapi.json");
    let published = std::fs::read_to_string(path).unwrap_or_default();
    let is_fresh = published == bailiwick_gateway::openapi::text();
    assert!(is_fresh, "run `cargo xtask codegen`");
}
