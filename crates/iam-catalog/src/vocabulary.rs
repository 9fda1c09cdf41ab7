//! What the catalog tells the engine: how many values a key holds, and where RCPs reach.

use bailiwick_iam::vocabulary::{KeyFacts, KeyKind, Vocabulary};

use crate::{Catalog, ValueType};

impl Vocabulary for Catalog<'_> {
    fn key(&self, key: &str) -> Option<KeyFacts> {
        let key = self.condition_key(key).ok()?;
        let kind = match key.value_type() {
            ValueType::String => KeyKind::String,
            ValueType::Numeric => KeyKind::Numeric,
            ValueType::Date => KeyKind::Date,
            ValueType::Bool => KeyKind::Bool,
            ValueType::IpAddress => KeyKind::IpAddress,
            ValueType::Arn => KeyKind::Arn,
        };
        Some(KeyFacts {
            kind,
            multivalued: key.multi_valued(),
        })
    }

    fn rcp_applies(&self, service: &str) -> Option<bool> {
        self.service(service).ok().map(crate::Service::supports_rcp)
    }

    fn spelled(&self, action: &str) -> Option<String> {
        self.action(action).ok().map(|action| action.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin;

    #[test]
    fn the_engine_learns_which_keys_hold_several_values() {
        let tag_keys = builtin().key("AWS:tagkeys").unwrap();
        assert!(tag_keys.multivalued);
        let source = builtin().key("aws:SourceIp").unwrap();
        assert_eq!(
            (source.kind, source.multivalued),
            (KeyKind::IpAddress, false)
        );
        assert_eq!(builtin().key("acme:no-such-key"), None);
    }

    #[test]
    fn the_engine_learns_how_aws_writes_an_action() {
        assert_eq!(
            builtin().spelled("S3:getobject").as_deref(),
            Some("s3:GetObject")
        );
        assert_eq!(builtin().spelled("s3:NoSuchAction"), None);
    }

    #[test]
    fn the_engine_learns_where_resource_control_policies_reach() {
        assert_eq!(builtin().rcp_applies("s3"), Some(true));
        assert_eq!(builtin().rcp_applies("bedrock"), Some(false));
        assert_eq!(builtin().rcp_applies("no-such-service"), None);
    }
}
