//! People and programs of an OpenID Connect issuer who look after the authority.
//!
//! What each may do is named by whoever reads the file ([`settings::people`](crate::settings::people));
//! here a role is a value that can be compared, and the highest of those that somebody is given counts.

use std::collections::HashMap;

use bailiwick_authority::json::Value;
use bailiwick_authority::token::{Jws, TokenFault};

use crate::issuer::{Issuer, TokenRefused, pointed};
use crate::jwt::JwtFault;
use crate::proof::{Subject, Unproved};

/// Whoever has this subject, or is in this group, of this issuer. Where both are said, both are asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule<R> {
    pub role: R,
    pub issuer: String,
    pub subject: Option<String>,
    pub group: Option<Group>,
}

/// A group of an issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The claim that lists the groups of a subject: its name, or a JSON pointer.
    pub claim: String,
    pub name: String,
}

/// Issuers, and who of theirs has a role. By default there is nobody.
#[derive(Debug)]
pub struct People<R> {
    issuers: HashMap<String, Issuer>,
    rules: Vec<Rule<R>>,
}

/// Somebody whose token holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person<R> {
    pub issuer: String,
    pub subject: String,
    /// The highest that any rule gives; `None`: nobody here.
    pub role: Option<R>,
}

impl<R> Default for People<R> {
    fn default() -> Self {
        Self {
            issuers: HashMap::new(),
            rules: Vec::new(),
        }
    }
}

impl<R: Copy + Ord> People<R> {
    /// Takes tokens of this issuer too.
    #[must_use]
    pub fn with_issuer(mut self, issuer: Issuer) -> Self {
        self.issuers.insert(issuer.name().to_owned(), issuer);
        self
    }

    /// Gives a role to whom the rule names.
    #[must_use]
    pub fn with_rule(mut self, rule: Rule<R>) -> Self {
        self.rules.push(rule);
        self
    }

    pub(crate) fn knows(&self, issuer: &str) -> bool {
        self.issuers.contains_key(issuer)
    }

    /// The issuers whose tokens are taken, with the audience that is asked of them.
    pub fn audiences(&self) -> impl Iterator<Item = (&str, &str)> {
        let issuers = self.issuers.values();
        issuers.map(|issuer| (issuer.name(), issuer.audience()))
    }

    /// How many rules give a role.
    pub fn rules(&self) -> usize {
        self.rules.len()
    }

    /// Whose token this is. `None`: no issuer of these says to have made it, so that it may be a
    /// token of another kind.
    ///
    /// # Errors
    /// If one of them does, and it does not hold or nobody can tell.
    pub async fn verify(&self, text: &str, now_ms: u64) -> Result<Option<Person<R>>, Unproved> {
        let Ok(token) = Jws::read(text) else {
            return Ok(None);
        };
        // Not believed yet: it says only whose keys decide.
        let said = token.claims.get("iss").and_then(Value::text);
        let Some(issuer) = said.and_then(|issuer| self.issuers.get(issuer)) else {
            return Ok(None);
        };
        // It is bound to a key (RFC 7800), and nobody here asks whether its holder has that.
        if token.claims.get("cnf").is_some() {
            let fault = TokenFault::UnknownClaim("cnf".to_owned());
            return Err(TokenRefused::from(JwtFault::from(fault)).into());
        }
        let proved = issuer.verify(text, &token, now_ms).await?;
        let Subject::Token {
            issuer,
            subject,
            claims,
            ..
        } = proved.subject
        else {
            return Ok(None);
        };
        let role = self.role(&issuer, &subject, &claims);
        Ok(Some(Person {
            issuer,
            subject,
            role,
        }))
    }

    fn role(&self, issuer: &str, subject: &str, claims: &Value) -> Option<R> {
        let names = |rule: &&Rule<R>| {
            let is_subject = rule.subject.as_ref().is_none_or(|named| named == subject);
            let is_member = rule.group.as_ref().is_none_or(|group| group.has(claims));
            // A rule that names nobody is nobody's, and not everybody's.
            let names_somebody = rule.subject.is_some() || rule.group.is_some();
            names_somebody && rule.issuer == issuer && is_subject && is_member
        };
        self.rules.iter().filter(names).map(|rule| rule.role).max()
    }
}

impl Group {
    fn has(&self, claims: &Value) -> bool {
        match pointed(claims, &self.claim) {
            Some(Value::List(names)) => names.iter().any(|name| name.text() == Some(&self.name)),
            // Some issuers write one group as a text. It is one name, and not a list of them.
            Some(Value::Text(name)) => *name == self.name,
            Some(
                Value::Null
                | Value::Bool(_)
                | Value::Long(_)
                | Value::Decimal(_)
                | Value::Record(_),
            )
            | None => false,
        }
    }
}
