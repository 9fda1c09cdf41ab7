//! The body of a call in AWS's Query protocol.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::endpoint::Service;

/// All but what RFC 3986 calls unreserved.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// A call with its parameters, in the order they were added.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    pub(crate) action: &'static str,
    parameters: Vec<(String, String)>,
}

impl Query {
    pub(crate) fn new(service: Service, action: &'static str) -> Self {
        let mut query = Self {
            action,
            parameters: Vec::new(),
        };
        query.set("Action", action);
        query.set("Version", service.version());
        query
    }

    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.parameters.push((name.to_owned(), value.into()));
    }

    pub(crate) fn set_some(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.set(name, value);
        }
    }

    pub(crate) fn set_all<'a>(&mut self, name: &str, values: impl IntoIterator<Item = &'a str>) {
        for (at, value) in (1..).zip(values) {
            self.set(&format!("{name}.member.{at}"), value);
        }
    }

    pub(crate) fn body(&self) -> String {
        let encode = |text| utf8_percent_encode(text, RESERVED);
        let pairs = self
            .parameters
            .iter()
            .map(|(name, value)| format!("{}={}", encode(name), encode(value)));
        pairs.collect::<Vec<_>>().join("&")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_value_holds_it_stays_one_value() {
        let mut query = Query::new(Service::Sts, "AssumeRole");
        query.set("RoleSessionName", "a&Action=GetCallerIdentity=ü +");
        query.set_all("TransitiveTagKeys", ["agent", "task"]);
        assert_eq!(
            query.body(),
            "Action=AssumeRole&Version=2011-06-15&RoleSessionName=a%26Action%3DGetCallerIdentity%3D%C3%BC%20%2B\
             &TransitiveTagKeys.member.1=agent&TransitiveTagKeys.member.2=task"
        );
    }
}
