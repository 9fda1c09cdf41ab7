use crate::{
    Approver, Charter, Charters, Contradiction, DeclaredIdentity, FolderError, Label, Mode,
    Sequence,
};

const WHOLE: &str = r#"
agent: invoice-reader
owner: { team: payments, contact: payments@example.com }
purpose: Reconcile supplier invoices against the ledger.
environment: prod
data: [internal, confidential]
runs-as: [ "arn:aws:bedrock-agentcore:us-east-1:111122223333:runtime/invoice_reader-AbCdEf1234" ]
role: { arn: "arn:aws:iam::111122223333:role/agents/prod/invoice-reader", id: AROAEXAMPLEINVOICE }
mode: brokered
models: [ "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-sonnet-4" ]
invokers: [ "arn:aws:iam::111122223333:role/payments-frontend" ]
review: { every: 90d }
class: invoice-readers
tasks:
  reconcile:
    for: 20m
    parameters: { tenant: "[a-z0-9-]{3,32}" }
    record-parameters: true
    read:
      - { actions: [s3:GetObject], resources: ["arn:aws:s3:::invoices/${tenant}/*"], account: "444455556666" }
    write:
      - { actions: [dynamodb:PutItem], resources: ["arn:aws:dynamodb:us-east-1:111122223333:table/ledger"] }
    tools:
      - { tool: ledger/post_entry, when: "args.amount <= 1000", calls: 20, labels: [outward-effect], record-arguments: true }
      - tool: mail/send
        when: 'args.to.domain == "example.com"'
        approve: team/payments
        schema: sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
    sequence:
      - { tool: ledger/post_entry, before: mail/send }
      - { tool: ledger/post_entry, never-after: mail/send }
      - { tool: mail/send, at-most: 3, within: 10m }
    limits:
      calls: 100
      writes: 20
      per-minute: 30
      sums: [ { tool: ledger/post_entry, argument: args.amount, at-most: 5000 } ]
"#;

fn whole() -> Charter {
    Charter::parse("whole.yaml", WHOLE).unwrap()
}

/// `WHOLE` with one text in place of another is refused on `line` with these words.
fn refused(from: &str, to: &str, words: &str) {
    assert!(WHOLE.contains(from), "{from}");
    let text = WHOLE.replacen(from, to, 1);
    let line = WHOLE.split(from).next().unwrap().lines().count();
    let error = Charter::parse("bad.yaml", &text).unwrap_err();
    let told = error.to_string();
    assert!(told.contains(words), "{told}");
    let near = error
        .problems
        .iter()
        .any(|problem| problem.place.line.abs_diff(line) <= 1);
    assert!(near, "line {line}: {told}");
}

#[test]
fn every_field_is_read() {
    let charter = whole();
    assert_eq!(charter.agent.as_str(), "invoice-reader");
    assert_eq!(charter.mode, Mode::Brokered);
    assert_eq!(charter.account().unwrap().as_str(), "111122223333");
    assert_eq!(charter.invokers.as_ref().unwrap().len(), 1);
    let task = &charter.tasks[&"reconcile".parse().unwrap()];
    assert_eq!(task.lasts.seconds(), 1_200);
    assert!(task.record_parameters);
    assert_eq!(task.read[0].account.unwrap().as_str(), "444455556666");
    assert_eq!(task.tools[0].labels, [Label::OutwardEffect]);
    assert!(task.tools[0].record_arguments && !task.tools[1].record_arguments);
    assert_eq!(
        task.tools[1].approve,
        Some(Approver::Team("payments".into()))
    );
    let Sequence::After { tool, after } = &task.sequence[0] else {
        panic!("{:?}", task.sequence);
    };
    assert_eq!(
        (tool.as_str(), after.as_str()),
        ("mail/send", "ledger/post_entry")
    );
    assert_eq!(task.limits.sums[0].argument.path(), ["amount"]);
}

#[test]
fn what_is_said_has_a_place() {
    let charter = whole();
    let place = |path: &str| charter.places.find(path).map(|place| place.line);
    assert_eq!(place("agent"), Some(2));
    assert_eq!(place("tasks.reconcile.for"), Some(16));
    assert_eq!(place("tasks.reconcile.read.0.actions.0"), Some(20));
    assert_eq!(place("tasks.reconcile.read.0.nothing"), Some(20));
}

#[test]
fn an_unknown_field_is_an_error_with_the_nearest_name() {
    refused("purpose:", "purpse:", "did you mean `purpose`?");
    refused("runs-as:", "runs_as:", "did you mean `runs-as`?");
    refused("per-minute:", "perminute:", "did you mean `per-minute`?");
    refused("review:", "zzz:", "it has agent, owner");
    refused("actions: [s3", "action: [s3", "did you mean `actions`?");
}

#[test]
fn what_is_missing_is_named_with_what_it_would_say() {
    refused("mode: brokered", "mode:", "lacks `mode`");
    refused(
        ", contact: payments@example.com",
        "",
        "the owner lacks `contact`",
    );
    refused("    for: 20m\n", "", "the task lacks `for`");
}

#[test]
fn a_wrong_value_is_pointed_at() {
    refused("mode: brokered", "mode: both", "write brokered or standing");
    refused("for: 20m", "for: 20", "no span of time");
    refused("for: 20m", "for: 13h", "no session on AWS lasts longer");
    refused("agent: invoice-reader", "agent: Invoice", "no agent name");
    refused("calls: 100", "calls: many", "no count");
    refused("calls: 100", "calls: -1", "no count");
    refused("calls: 100", "calls: 99999999999", "no count");
    refused("[s3:GetObject]", "[GetObject]", "no action");
    refused("[s3:GetObject]", "[\"*\"]", "no action");
    refused("[s3:GetObject]", "s3:GetObject", "is a list");
    refused("[s3:GetObject]", "[]", "`actions` is empty");
    refused("${tenant}/*", "${tenent}/*", "did you mean `${tenant}`?");
    refused("[a-z0-9-]{3,32}", "[a-z", "no regular expression");
    refused(
        "[a-z0-9-]{3,32}",
        "(a{1000}){1000}",
        "no regular expression",
    );
    refused(
        "role/agents/prod/invoice-reader",
        "role/*",
        "is not one role",
    );
    refused("role/payments-frontend", "role/*", "is a pattern");
    refused(
        "runtime/invoice_reader-AbCdEf1234",
        "*/x",
        "more than one workload",
    );
    refused(
        "runtime/invoice_reader-AbCdEf1234",
        "runtime/*",
        "more than one workload",
    );
    refused(
        "tool: mail/send,",
        "tool: mail/sent,",
        "did you mean `mail/send`?",
    );
    refused(", within: 10m", "", "not exactly one thing");
    refused("team/payments", "somebody", "write human, or team/NAME");
    refused(
        "record-arguments: true",
        "record-arguments: yes",
        "neither true nor false",
    );
    refused(
        "record-parameters: true",
        "record-parameters: [tenant]",
        "Whether the ledger holds the values of parameters",
    );
    refused("Reconcile", "Recon\u{202e}cile", "cannot be seen");
    refused("args.amount, at", "amount, at", "write args.NAME");
}

#[test]
fn a_task_does_something() {
    let of = |lists: &str| {
        let tasks = WHOLE.split("tasks:").next().unwrap();
        Charter::parse(
            "c.yaml",
            &format!("{tasks}tasks:\n  idle: {{ for: 1m{lists} }}\n"),
        )
    };
    for lists in ["", ", read: []", ", read: [], tools: []"] {
        let error = of(lists).unwrap_err();
        assert_eq!(error.problems.len(), 1, "{error}");
        assert!(
            error.to_string().contains("a task that does nothing"),
            "{error}"
        );
    }
    assert!(of(", tools: [ { tool: a/b } ]").is_ok());
}

#[test]
fn a_task_has_a_handful_of_parameters() {
    let of = |count: usize| {
        let parameters: Vec<String> = (0..count).map(|at| format!("p{at}: x")).collect();
        let written = format!(
            "{{ tenant: \"[a-z0-9-]{{3,32}}\", {} }}",
            parameters.join(", ")
        );
        let text = WHOLE.replace("{ tenant: \"[a-z0-9-]{3,32}\" }", &written);
        Charter::parse("c.yaml", &text)
    };
    assert!(of(31).is_ok());
    assert!(of(32).unwrap_err().to_string().contains("33 parameters"));
}

#[test]
fn everything_wrong_is_told_at_once_and_in_order() {
    let text = WHOLE
        .replace("mode: brokered", "mode: both")
        .replace("20m", "x");
    let error = Charter::parse("c.yaml", &text).unwrap_err();
    assert_eq!(error.problems.len(), 2);
    assert!(
        error
            .to_string()
            .starts_with("c.yaml:9:7: `both` is no mode; write brokered")
    );
}

#[test]
fn an_id_that_is_not_given_yet_is_a_star_at_the_end() {
    let text = WHOLE.replace("invoice_reader-AbCdEf1234", "invoice_reader-*");
    assert!(Charter::parse("c.yaml", &text).is_ok());
}

#[test]
fn a_parameter_is_matched_from_end_to_end() {
    let charter = whole();
    let (_, task) = charter.tasks.first_key_value().unwrap();
    let (_, tenant) = task.parameters.first_key_value().unwrap();
    assert!(tenant.accepts("acme-1"));
    for value in ["ac", "acme/1", "acme\n", "Acme", "acme*", ""] {
        assert!(!tenant.accepts(value), "{value:?}");
    }
    assert!(crate::Parameter::new("a)|(b").is_err());
    assert!(!crate::Parameter::new("a|b").unwrap().accepts("ab"));
}

#[test]
fn the_hash_is_of_what_is_said() {
    let spaced = WHOLE.replace("mode: brokered", "mode:   \"brokered\"  # a comment");
    assert_eq!(whole().hash(), Charter::parse("x", &spaced).unwrap().hash());
    let longer = WHOLE.replace("20m", "21m");
    assert_ne!(whole().hash(), Charter::parse("x", &longer).unwrap().hash());
}

#[test]
fn an_agent_has_one_charter() {
    let files = [("a.yaml", WHOLE.as_bytes()), ("b.yaml", WHOLE.as_bytes())];
    let errors = Charters::parse(files).unwrap_err();
    assert!(
        matches!(&errors[..], [FolderError::AgentTwice { first, second, .. }]
        if first == "a.yaml" && second == "b.yaml")
    );
}

#[test]
fn two_agents_of_one_role_are_named_unless_they_are_of_one_class() {
    let other = WHOLE.replace("agent: invoice-reader", "agent: other");
    let files = [("a", WHOLE.as_bytes()), ("b", other.as_bytes())];
    let charters = Charters::parse(files).unwrap();
    assert!(matches!(
        charters.contradictions(),
        [Contradiction::RunsAsTwice { .. }]
    ));

    let other = other.replace("class: invoice-readers\n", "");
    let files = [("a", WHOLE.as_bytes()), ("b", other.as_bytes())];
    let charters = Charters::parse(files).unwrap();
    assert!(matches!(
        charters.contradictions(),
        [
            Contradiction::RunsAsTwice { .. },
            Contradiction::RoleTwice { .. }
        ]
    ));
}

#[test]
fn a_byte_that_is_not_text_is_pointed_at() {
    let errors = Charters::parse([("a", &b"agent: x\nb: \xff"[..])]).unwrap_err();
    assert!(
        errors[0]
            .to_string()
            .starts_with("a:2:4: a byte that is not UTF-8")
    );
}

#[test]
fn an_identity_beside_the_role_is_a_subject_of_an_issuer_or_a_spiffe_id() {
    let with = |identity: &str| {
        let text = WHOLE.replacen("mode: brokered", &format!("{identity}\nmode: brokered"), 1);
        Charter::parse("c.yaml", &text)
    };
    let charter = with(
        r#"identity:
  - { issuer: "https://idp.example.com", subject: "system:serviceaccount:pay:invoice", claims: { "/kubernetes.io/serviceaccount/uid": 0a-1, number: 74 } }
  - { spiffe: "spiffe://example.org/ns/prod/sa/invoice" }"#,
    )
    .unwrap();
    let [
        DeclaredIdentity::Token { claims, .. },
        DeclaredIdentity::Spiffe { spiffe },
    ] = charter.identity.as_slice()
    else {
        panic!("{:?}", charter.identity);
    };
    assert_eq!(claims["number"], "74");
    assert_eq!(spiffe.trust_domain(), "example.org");
    // What proves the agent is a part of what its grants are pinned to.
    assert_ne!(charter.hash(), whole().hash());

    let wrong = |identity: &str, words: &str| {
        let error = with(identity).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    };
    wrong("identity: [ { subject: a } ]", "without `issuer`");
    wrong("identity: [ { issuer: a } ]", "without `subject`");
    wrong("identity: [ {} ]", "without `issuer`");
    wrong("identity: { issuer: a, subject: b }", "is a list");
    wrong(
        "identity: [ { isuer: a, subject: b } ]",
        "did you mean `issuer`",
    );
    wrong(
        "identity: [ { issuer: a, subject: b, claims: [c] } ]",
        "is a map",
    );
    wrong(
        "identity: [ { spiffe: \"spiffe://example.org/../a\" } ]",
        "no SPIFFE ID",
    );
    wrong(
        "identity: [ { spiffe: \"spiffe://example.org/a\", subject: b } ]",
        "beside a SPIFFE ID",
    );
    wrong(
        "identity: [ { issuer: a, subject: b }, { issuer: a, subject: b } ]",
        "the same identity twice",
    );
}
