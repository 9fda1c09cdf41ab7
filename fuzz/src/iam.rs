use bailiwick_iam::arn::Arn;
use bailiwick_iam::policy::Policy;
use bailiwick_iam::request::Request;

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
