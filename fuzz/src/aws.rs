use bailiwick_aws::{
    probe::Object,
    sts::{CallerIdentity, Session},
    time::Timestamp,
};

use crate::text;

/// What STS answers is read whole or not at all: nothing beside the one document is passed over, and
/// what was read stands in it.
pub fn sts(input: &[u8]) {
    let text = text(input);
    for read in [Session::of_assume_role, Session::of_scope_down] {
        if let Ok(session) = read(text) {
            assert!(!session.key.id.is_empty() && !session.arn.is_empty());
            assert!(!text.contains("<!DOCTYPE"));
            assert!(read(&format!("{text}x")).is_err());
            assert!(read(&format!("{text}{text}")).is_err());
        }
    }
    if let Ok(caller) = CallerIdentity::of_answer(text) {
        assert!(!caller.account.is_empty());
        assert!(CallerIdentity::of_answer(&format!("{text}x")).is_err());
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        assert_eq!(at.to_string().parse(), Ok(at));
    }
    if text.parse::<Object>().is_ok() {
        assert!(!format!("{text}/").contains("/../"));
    }
}
