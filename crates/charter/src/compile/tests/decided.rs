//! What compiled policies mean, decided by the evaluator request by request.

use super::*;

const BROKER: &str = "arn:aws:iam::111122223333:role/bailiwick/bailiwick-broker";

/// What a trust policy answers to a principal that asks for the role in these circumstances.
fn assumes(
    trust: &Policy,
    principal: Principal,
    action: &str,
    context: &[(&str, &str)],
) -> Outcome {
    let everything = Policy::parse(
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#,
    )
    .unwrap();
    let by_service = matches!(principal, Principal::Service(_));
    let layers = Layers {
        identity: (!by_service).then(|| layer([everything])),
        resource: layer([trust.clone()]).first().cloned(),
        ..Layers::default()
    };
    let role = "arn:aws:iam::111122223333:role/agents/prod/any";
    let mut request = Request::new(principal, action, role);
    for (key, value) in context {
        request.context.set(*key, *value);
    }
    evaluate(&layers, &request, &NoVocabulary).outcome
}

#[test]
fn a_task_role_is_assumed_by_the_broker_for_a_named_grant_and_by_nobody_else() {
    let trust = &compiled(READER).tasks[&home()].trust;
    let named = [
        ("aws:RequestTag/agent", "invoice-reader"),
        ("aws:RequestTag/task", "reconcile"),
        ("aws:RequestTag/grant", "g-1"),
        ("sts:SourceIdentity", "g-1"),
    ];
    let role = |arn: &str| Principal::Role(arn.parse().unwrap());
    for action in ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"] {
        assert_eq!(
            assumes(trust, role(BROKER), action, &named),
            Outcome::Allow,
            "{action}"
        );
        for other in [
            "arn:aws:iam::111122223333:role/agents/prod/invoice-reader",
            "arn:aws:iam::111122223333:role/admin",
            "arn:aws:iam::444455556666:role/bailiwick/bailiwick-broker",
        ] {
            assert_ne!(
                assumes(trust, role(other), action, &named),
                Outcome::Allow,
                "{other}"
            );
        }
    }
    for missing in 0..named.len() {
        let mut context = named.to_vec();
        let (key, _) = context.remove(missing);
        assert_ne!(
            assumes(trust, role(BROKER), "sts:AssumeRole", &context),
            Outcome::Allow,
            "without {key}"
        );
    }
    for (key, other) in [
        ("aws:RequestTag/agent", "other"),
        ("aws:RequestTag/task", "other"),
    ] {
        let mut context = named.to_vec();
        context.retain(|(known, _)| *known != key);
        context.push((key, other));
        assert_ne!(
            assumes(trust, role(BROKER), "sts:AssumeRole", &context),
            Outcome::Allow,
            "{key}"
        );
    }
}

#[test]
fn a_platform_assumes_the_role_for_this_agent_and_no_sibling() {
    let trust = &compiled(READER).runtime.trust;
    let runtime =
        "arn:aws:bedrock-agentcore:us-east-1:111122223333:runtime/invoice_reader-Qm7vR2sT9x";
    let asks = |service: &str, account: &str, source: &str| {
        let context = [("aws:SourceAccount", account), ("aws:SourceArn", source)];
        assumes(
            trust,
            Principal::Service(service.to_owned()),
            "sts:AssumeRole",
            &context,
        )
    };
    let (service, account) = ("bedrock-agentcore.amazonaws.com", "111122223333");
    assert_eq!(asks(service, account, runtime), Outcome::Allow);
    assert_ne!(
        asks("bedrock.amazonaws.com", account, runtime),
        Outcome::Allow
    );
    assert_ne!(asks(service, "444455556666", runtime), Outcome::Allow);
    assert_ne!(
        asks(service, account, &format!("{runtime}2")),
        Outcome::Allow
    );
    assert_ne!(
        assumes(
            trust,
            Principal::Service(service.to_owned()),
            "sts:AssumeRole",
            &[]
        ),
        Outcome::Allow
    );
}

#[test]
fn a_session_is_over_at_its_deadline_whatever_a_resource_policy_says() {
    let session = session(&[("supplier", "acme")], home()).unwrap();
    let open = Policy::parse(
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#,
    )
    .unwrap();
    let layers = Layers {
        identity: Some(layer([session])),
        resource: layer([open]).first().cloned(),
        ..Layers::default()
    };
    let at = |action: &str, resource: &str, time: &str| {
        let role: Arn = "arn:aws:iam::111122223333:role/r".parse().unwrap();
        let mut request = Request::new(Principal::Role(role), action, resource);
        request.context.set("aws:CurrentTime", time);
        evaluate(&layers, &request, &NoVocabulary).outcome
    };
    let object = "arn:aws:s3:::acme-invoices/incoming/acme/1";
    assert_eq!(
        at("s3:GetObject", object, "2026-11-26T22:57:59Z"),
        Outcome::Allow
    );
    assert_eq!(
        at("s3:GetObject", object, "2026-11-26T22:58:00Z"),
        Outcome::ExplicitDeny
    );
    for action in [
        "sts:AssumeRole",
        "iam:PassRole",
        "sts:GetWebIdentityToken",
        "bedrock-agentcore:GetWorkloadAccessTokenForJWT",
    ] {
        let resource = "arn:aws:iam::111122223333:role/other";
        assert_eq!(
            at(action, resource, "2026-11-26T22:00:00Z"),
            Outcome::ExplicitDeny,
            "{action}"
        );
    }
}

#[test]
fn the_broker_writes_inline_policies_of_bounded_agents_and_of_nobody_else() {
    let workload: Arn = "arn:aws:ecs:us-east-1:111122223333:task-definition/b"
        .parse()
        .unwrap();
    let role = broker(&workload, home(), &[]).unwrap();
    let layers = layers_of(&role);
    let trust = Policy::parse(
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"sts:AssumeRole"}]}"#,
    )
    .unwrap();
    let trusting = Layers {
        resource: layer([trust]).first().cloned(),
        ..layers.clone()
    };
    let asks = |action: &str, resource: &str, context: &[(&str, &str)]| {
        let principal = Principal::Role(BROKER.parse().unwrap());
        let mut request = Request::new(principal, action, resource);
        for (key, value) in context {
            request.context.set(*key, *value);
        }
        // A role that trusts everybody: what is left to decide is the broker's own.
        let layers = match action {
            "sts:AssumeRole" => &trusting,
            _ => &layers,
        };
        evaluate(layers, &request, &NoVocabulary).outcome
    };
    let agent = "arn:aws:iam::111122223333:role/agents/prod/invoice-reader-task";
    let bounded = [(
        "iam:PermissionsBoundary",
        "arn:aws:iam::111122223333:policy/agents/prod/invoice-reader-task-boundary",
    )];
    assert_eq!(asks("iam:PutRolePolicy", agent, &bounded), Outcome::Allow);
    assert_ne!(asks("iam:PutRolePolicy", agent, &[]), Outcome::Allow);
    assert_ne!(
        asks(
            "iam:PutRolePolicy",
            agent,
            &[(
                "iam:PermissionsBoundary",
                "arn:aws:iam::aws:policy/AdministratorAccess"
            )]
        ),
        Outcome::Allow
    );
    assert_ne!(
        asks(
            "iam:PutRolePolicy",
            "arn:aws:iam::111122223333:role/admin",
            &bounded
        ),
        Outcome::Allow
    );
    assert_ne!(asks("iam:PutRolePolicy", BROKER, &bounded), Outcome::Allow);
    assert_ne!(
        asks("iam:DeleteRolePermissionsBoundary", agent, &bounded),
        Outcome::Allow
    );
    assert_eq!(
        asks("sts:AssumeRole", agent, &[("sts:SourceIdentity", "g-1")]),
        Outcome::Allow
    );
    assert_ne!(asks("sts:AssumeRole", agent, &[]), Outcome::Allow);
    assert_ne!(
        asks(
            "sts:AssumeRole",
            "arn:aws:iam::111122223333:role/admin",
            &[("sts:SourceIdentity", "g-1")]
        ),
        Outcome::Allow
    );
}
