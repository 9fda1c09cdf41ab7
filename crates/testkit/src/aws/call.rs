//! The parameters of a call in the Query protocol.

use std::collections::BTreeMap;

use super::refusal::Refusal;
use super::verify::Received;

#[derive(Debug)]
pub(super) struct Call {
    parameters: BTreeMap<String, String>,
}

impl Received {
    /// Reads the body. A parameter that is given twice is one too many.
    pub(super) fn call(&self, version: &str) -> Result<Call, Refusal> {
        let mut parameters = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(self.body()).into_owned() {
            if parameters.insert(name.clone(), value).is_some() {
                return Err(Refusal::validation(format!("{name} is given twice")));
            }
        }
        let call = Call { parameters };
        if self.method != "POST" || self.path != "/" || call.get("Version") != Some(version) {
            return Err(Refusal::no_action(call.action()));
        }
        Ok(call)
    }
}

impl Call {
    pub(super) fn action(&self) -> &str {
        self.get("Action").unwrap_or_default()
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    pub(super) fn required(&self, name: &str) -> Result<&str, Refusal> {
        let missing = || Refusal::validation(format!("{name} must be given"));
        self.get(name).ok_or_else(missing)
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<i64>, Refusal> {
        let no_number = |_| Refusal::validation(format!("{name} is no number"));
        self.get(name)
            .map(|it| it.parse().map_err(no_number))
            .transpose()
    }

    /// `NAME.member.1` and so on, followed by `rest`.
    pub(super) fn members(&self, name: &str, rest: &str) -> Vec<&str> {
        let numbered = (1..).map_while(|at| self.get(&format!("{name}.member.{at}{rest}")));
        numbered.collect()
    }
}
