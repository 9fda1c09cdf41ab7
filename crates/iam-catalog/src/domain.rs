//! The requests that the catalog knows: each action on the resources it takes.

use bailiwick_iam::access::{Domain, DomainAction};

use crate::{Action, Catalog};

impl Domain for Catalog<'_> {
    fn actions(&self) -> Vec<DomainAction> {
        self.services()
            .flat_map(|service| service.actions())
            .map(|action| DomainAction {
                name: action.to_string(),
                resources: resources(action),
            })
            .collect()
    }
}

/// Where there is no resource to name, a request asks for `*`. Where naming one is optional, the
/// request that names none is left out: AWS also calls it optional to name one of two, as an object
/// or an object of an access point in `s3:GetObject`, and `*` would let in every resource.
fn resources(action: Action<'_>) -> Vec<String> {
    let formats = action
        .resources()
        .flat_map(|used| used.resource_type().arn_formats());
    let mut patterns: Vec<String> = formats.map(|format| format.pattern()).collect();
    if patterns.is_empty() {
        patterns.push("*".to_owned());
    }
    patterns
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin;

    #[test]
    fn an_action_is_known_with_its_resources_or_with_none() {
        let actions = builtin().actions();
        let of = |name: &str| {
            let action = actions.iter().find(|action| action.name == name);
            action.map(|action| action.resources.clone()).unwrap()
        };
        assert_eq!(of("s3:ListAllMyBuckets"), ["*"]);
        assert!(of("s3:GetObject").contains(&"arn:*:s3:::*/*".to_owned()));
        assert!(!of("s3:GetObject").contains(&"*".to_owned()));
    }
}
