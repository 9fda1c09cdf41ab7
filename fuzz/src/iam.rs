use std::sync::Arc;

use bailiwick_iam::access::{Algebra, Contained};
use bailiwick_iam::arn::Arn;
use bailiwick_iam::case::Case;
use bailiwick_iam::evaluate::{Outcome, evaluate};
use bailiwick_iam::layers::{Compiled, Layers, NamedPolicy};
use bailiwick_iam::policy::Policy;
use bailiwick_iam::request::Request;
use bailiwick_iam_catalog::builtin;

use crate::text;

/// A policy that parses prints to a text that parses to the same policy.
pub fn policy(input: &[u8]) {
    let text = text(input);
    match Policy::parse(text) {
        Ok(policy) => {
            let printed = policy.to_json();
            assert_eq!(Policy::parse(&printed).as_ref(), Ok(&policy), "{printed}");
            assert_eq!(
                Policy::parse(&policy.to_json_pretty()).as_ref(),
                Ok(&policy)
            );
        }
        Err(error) => {
            let (line, column) = error.span.line_and_column(text);
            assert!(line >= 1 && column >= 1);
        }
    }
}

/// An ARN is the text it was read from, cut into six.
pub fn arn(input: &[u8]) {
    let text = text(input);
    let Ok(arn) = text.parse::<Arn>() else {
        return;
    };
    let parts = [
        "arn",
        arn.partition(),
        arn.service(),
        arn.region(),
        arn.account(),
        arn.resource(),
    ];
    assert_eq!(parts.join(":"), text);
    assert!(text.ends_with(arn.resource_name()));
    assert!(arn.resource().starts_with(arn.resource_kind()));
}

/// A request is read or refused with its reason and the mend.
pub fn request(input: &[u8]) {
    if let Err(error) = Request::parse(text(input)) {
        assert!(!error.to_string().is_empty());
    }
}

/// A case of `evaluate` is read and answered, twice alike, or refused with its reason and the mend.
pub fn case(input: &[u8]) {
    match Case::parse(text(input)) {
        Ok(case) => assert_eq!(case.answer(builtin()), case.answer(builtin())),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Of two policies, a line each: one holds itself, and of the other whatever it does not hold is
/// shown by a request that the evaluator confirms.
pub fn access(input: &[u8]) {
    let mut lines = text(input).splitn(2, '\n');
    let mut role = |name: &str| {
        let policy = Policy::parse(lines.next()?).ok()?;
        let policy = NamedPolicy {
            name: name.into(),
            policy: Arc::new(policy),
        };
        let identity = Some([Arc::new(Compiled::new(policy))].into());
        Some(Layers {
            identity,
            ..Layers::default()
        })
    };
    let (Some(left), Some(right)) = (role("left"), role("right")) else {
        return;
    };
    let algebra = Algebra::new(builtin());
    for (left, right) in [(&left, &left), (&left, &right), (&right, &left)] {
        let (mine, others) = (algebra.access(left, None), algebra.access(right, None));
        let Contained::Refuted(request) = mine.contains(&others) else {
            continue;
        };
        let outcome = |layers| evaluate(layers, &request, builtin()).outcome;
        assert_eq!(outcome(right), Outcome::Allow, "{request:?}");
        assert_ne!(outcome(left), Outcome::Allow, "{request:?}");
    }
}
