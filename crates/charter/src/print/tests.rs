use proptest::prelude::*;

use crate::Charter;

const WHOLE: &str = r#"
agent: invoice-reader
owner: { team: "Payments: \"A\" & B", contact: payments@example.com }
purpose: "Reconcile \\ supplier # invoices - against: the ledger."
environment: prod
data: [internal, confidential]
runs-as: [ "arn:aws:bedrock-agentcore:us-east-1:111122223333:runtime/invoice_reader-*" ]
role: { arn: "arn:aws:iam::111122223333:role/agents/prod/invoice-reader", id: AROAEXAMPLEINVOICE }
identity:
  - { issuer: "https://token.actions.githubusercontent.com", subject: "repo:acme/pay:environment:prod", claims: { repository_id: "74", "/a~1b/c: d": "x \"y\"" } }
  - { issuer: "https://idp.example.com", subject: invoice }
  - { spiffe: "spiffe://example.org/ns/prod/sa/invoice" }
mode: brokered
models: [ "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-sonnet-4" ]
invokers: [ "arn:aws:iam::111122223333:role/payments-frontend" ]
review: { every: 90d }
class: invoice-readers
tasks:
  reconcile:
    for: 20m
    parameters: { tenant: "[a-z0-9-]{3,32}", y: "\\d{1,4}\"?" }
    record-parameters: true
    read:
      - { actions: [s3:GetObject, "s3:List*"], resources: ["arn:aws:s3:::invoices/${tenant}/*", "*"], account: "444455556666" }
    write:
      - { actions: [dynamodb:PutItem], resources: ["arn:aws:dynamodb:us-east-1:111122223333:table/ledger"] }
    tools:
      - { tool: ledger/post_entry, when: "args.amount <= 1000", calls: 20, labels: [outward-effect], record-arguments: true }
      - { tool: mail/send, when: 'args.to.domain == "example.com"', approve: team/payments, schema: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" }
      - { tool: 0/no, approve: human }
    sequence:
      - { tool: ledger/post_entry, before: mail/send }
      - { tool: ledger/post_entry, never-after: mail/send }
      - { tool: mail/send, at-most: 3, within: 10m }
    limits: { calls: 100, writes: 20, per-minute: 30, sums: [ { tool: ledger/post_entry, argument: args.amount, at-most: 5000 } ] }
"#;

fn parse(text: &str) -> Charter {
    Charter::parse("c.yaml", text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

#[test]
fn what_is_printed_reads_back_the_same() {
    let charter = parse(WHOLE);
    let printed = charter.to_yaml();
    assert_eq!(parse(&printed), charter, "{printed}");
    assert_eq!(parse(&printed).hash(), charter.hash());
}

#[test]
fn the_canonical_form_is_a_charter_too() {
    let charter = parse(WHOLE);
    assert_eq!(parse(&charter.canonical()), charter);
}

#[test]
fn nobody_is_not_the_same_as_nothing_said() {
    let nobody = WHOLE.replace(
        "invokers: [ \"arn:aws:iam::111122223333:role/payments-frontend\" ]",
        "invokers: []",
    );
    let charter = parse(&nobody);
    assert_eq!(charter.invokers, Some(Vec::new()));
    assert_eq!(parse(&charter.to_yaml()), charter);
}

#[test]
fn a_note_stands_above_its_line_and_changes_nothing() {
    let charter = parse(WHOLE);
    let notes = [
        (
            "mode".to_owned(),
            vec!["guess: one\nagent: other".to_owned()],
        ),
        (
            "tasks.reconcile.read.0".to_owned(),
            vec!["guess: two".to_owned()],
        ),
    ];
    let printed = charter.to_yaml_with(&notes.into());
    assert!(
        printed.contains("# guess: one agent: other\nmode: brokered"),
        "{printed}"
    );
    assert!(
        printed.contains("      # guess: two\n      - { actions"),
        "{printed}"
    );
    assert_eq!(parse(&printed), charter);
}

proptest! {
    /// A text that the parser takes is printed as a text that it takes for the same.
    #[test]
    fn any_words_of_an_owner_survive(team in r#"[ -~äöüß€]{1,30}"#, purpose in r#"[!-~][ -~]{0,60}"#) {
        let mut charter = parse(WHOLE);
        prop_assume!(!team.trim().is_empty());
        charter.owner.team = team;
        charter.purpose = purpose;
        let printed = charter.to_yaml();
        let read = Charter::parse("c.yaml", &printed);
        prop_assert_eq!(read.as_ref(), Ok(&charter), "{}", printed);
    }
}
