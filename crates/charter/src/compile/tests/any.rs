//! Laws: for any charter, for any value.

use proptest::prelude::*;

use super::*;

/// What the evaluator says to reading an object in a folder of the suppliers'.
fn read_in(folder: &str, layers: &Layers) -> Outcome {
    let role: Arn = "arn:aws:iam::111122223333:role/r".parse().unwrap();
    let resource = format!("arn:aws:s3:::acme-invoices/incoming/{folder}/x");
    let mut request = Request::new(Principal::Role(role), "s3:GetObject", resource);
    request.context = Context::default().with("aws:CurrentTime", "2026-11-26T22:00:00Z");
    evaluate(layers, &request, &NoVocabulary).outcome
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Whatever value a parameter's expression admits, the session holds no more than the charter.
    #[test]
    fn a_value_never_widens(value in r"[a-c*?$/:{}.%\\ _-]{1,8}|\PC{1,12}") {
        let charter = charter(READER);
        let closure = closure(&charter, &Site::default()).unwrap();
        match session(&[("supplier", &value)], home()) {
            Err(SessionError::Bind(_)) => {}
            Err(other) => prop_assert!(false, "{other}"),
            Ok(policy) => {
                let session = Layers { identity: Some(layer([policy.clone()])), ..Layers::default() };
                prop_assert_eq!(contained(&session, &closure.declared_layers()), Contained::Proved, "{}", policy.to_json());
                // And it holds this supplier's folder and no neighbour's, by the other engine.
                let decide = |folder: &str| read_in(folder, &session);
                prop_assert_eq!(decide(&value), Outcome::Allow);
                prop_assert_ne!(decide(&format!("{value}x")), Outcome::Allow);
                prop_assert_ne!(decide(&format!("x{value}")), Outcome::Allow);
            }
        }
    }
}

/// Charters of any shape: some tasks, some accounts, some parameters, many or few resources.
fn any_charter() -> impl Strategy<Value = String> {
    let account = prop::sample::select(vec!["111122223333", "444455556666", ""]);
    let resource = (account, "[a-z]{3,12}", any::<bool>()).prop_map(|(account, name, bound)| {
        let tail = if bound { "${p}" } else { "x" };
        if account.is_empty() {
            format!("arn:aws:s3:::{name}/{tail}/*")
        } else {
            format!("arn:aws:dynamodb:us-east-1:{account}:table/{name}-{tail}")
        }
    });
    let action = prop::sample::select(vec![
        "s3:GetObject",
        "dynamodb:Query",
        "dynamodb:GetItem",
        "lambda:InvokeFunction",
        "kms:Decrypt",
    ]);
    let reach = (
        prop::collection::vec(action, 1..4),
        prop::collection::vec(resource, 1..14),
    )
        .prop_map(|(actions, resources)| {
            format!(
                "{{ actions: [{}], resources: [\"{}\"] }}",
                actions.join(", "),
                resources.join("\", \"")
            )
        });
    let task = (
        prop::collection::vec(reach.clone(), 1..5),
        prop::collection::vec(reach, 0..5),
    )
        .prop_map(|(read, write)| {
            let list = |name: &str, reaches: &[String]| {
                if reaches.is_empty() {
                    String::new()
                } else {
                    format!(", {name}: [{}]", reaches.join(", "))
                }
            };
            format!(
                "{{ for: 20m, parameters: {{ p: \"[a-z*]{{1,9}}\" }}{}{} }}",
                list("read", &read),
                list("write", &write)
            )
        });
    let mode = prop::sample::select(vec!["brokered", "standing"]);
    (mode, prop::collection::vec(task, 1..4)).prop_map(|(mode, tasks)| {
        let tasks: String = tasks.iter().enumerate().map(|(at, task)| format!("  task-{at}: {task}\n")).collect();
        format!(
            "agent: any-agent\nowner: {{ team: t, contact: t@example.com }}\npurpose: p\nenvironment: prod\nmode: {mode}\nruns-as: [\"arn:aws:lambda:us-east-1:111122223333:function:f\"]\ntasks:\n{tasks}"
        )
    })
}

fn characters(policy: &Policy) -> usize {
    policy.to_json().chars().count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever a charter asks for, its roles hold all of it, nothing else, and fit into AWS.
    #[test]
    fn a_compiled_charter_is_its_closure_and_fits_or_is_refused(text in any_charter()) {
        let charter = charter(&text);
        prop_assert_eq!(&Charter::parse("printed", &charter.to_yaml()), &Ok(charter.clone()));
        let compiled = match compile(&charter, &Site::default()) {
            Err(CompileError::TooLong { length, most, .. }) => {
                prop_assert!(length > most);
                return Ok(());
            }
            other => other.unwrap(),
        };
        let closure = closure(&charter, &Site::default()).unwrap();
        for role in compiled.roles() {
            let inline: usize = role.policies.iter().map(|policy| characters(&policy.document)).sum();
            prop_assert!(inline <= 10_240 - 2_048, "room for a revocation");
            prop_assert!(characters(&role.boundary.document) <= 6_144);
            prop_assert!(characters(&role.trust) <= 2_048);
            prop_assert!(role.name.len() <= 64);
            prop_assert_eq!(contained(&layers_of(role), &closure.layers()), Contained::Proved);
            if let Some(declared) = closure.declared_in.get(&role.account)
                && role.kind == RoleKind::Task
            {
                let declared = Layers { identity: Some(layer([declared.clone()])), ..Layers::default() };
                prop_assert_eq!(contained(&declared, &layers_of(role)), Contained::Proved);
            }
            if role.kind == RoleKind::Standing {
                prop_assert_eq!(contained(&closure.layers(), &layers_of(role)), Contained::Proved);
            }
        }
        for task in charter.tasks.values() {
            let bindings = task.bind([("p", "a*b")]).unwrap();
            for (account, role) in &compiled.tasks {
                let deadline = Deadline::of_unix_seconds(1_795_733_880).unwrap();
                match session_policy(task, &bindings, *account, home(), deadline) {
                    Ok(policy) => {
                        prop_assert!(characters(&policy) <= SESSION_POLICY_LENGTH_MAX);
                        let session = Layers { identity: Some(layer([policy])), ..Layers::default() };
                        prop_assert_eq!(contained(&session, &layers_of(role)), Contained::Proved);
                    }
                    Err(SessionError::TooLong { length }) => prop_assert!(length > SESSION_POLICY_LENGTH_MAX),
                    Err(SessionError::Nothing { .. }) => {}
                    Err(error @ SessionError::Bind(_)) => prop_assert!(false, "{}", error),
                }
            }
        }
    }
}
