use bailiwick_charter::{
    Charter,
    check::{Actions, Ceilings, KnownAction, check},
    compile::{Deadline, Site, compile, session_policy},
};

use crate::text;

/// A catalog that knows no action.
struct Nothing;

impl Actions for Nothing {
    fn matching(&self, _pattern: &str) -> Vec<KnownAction> {
        Vec::new()
    }
}

/// What is read as a charter prints as the same charter, is checked, and compiles or says why not;
/// what binds it stays within STS's limit.
pub fn charter(input: &[u8]) {
    let charter = match Charter::parse("fuzzed", text(input)) {
        Ok(charter) => charter,
        Err(error) => {
            assert!(!error.problems.is_empty());
            return;
        }
    };
    let printed = charter.to_yaml();
    let read = Charter::parse("printed", &printed);
    assert_eq!(read.as_ref(), Ok(&charter), "{printed}");
    let _ = check(&charter, &Nothing, Ceilings::default());
    let site = Site {
        account: "111122223333".parse().ok(),
        ..Site::default()
    };
    let (Ok(compiled), Some(deadline)) = (compile(&charter, &site), Deadline::of_unix_seconds(0))
    else {
        return;
    };
    let home = compiled.runtime.account;
    for task in charter.tasks.values() {
        let values = task.parameters.keys().map(|name| (name.as_str(), "a-1"));
        let Ok(bindings) = task.bind(values) else {
            continue;
        };
        if let Ok(policy) = session_policy(task, &bindings, home, home, deadline) {
            assert!(policy.to_json().chars().count() <= 2_048);
        }
    }
}
