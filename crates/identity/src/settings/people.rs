//! Which people have a role, as the authority's operator writes it: another TOML file.

use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::Spanned;

use super::{IssuerPart, KindName, Reading, SettingsError, Span};
use crate::people::{Group, People, Rule};

/// The `typ` of an access token (RFC 9068). An ID token says to a program who signed in there, and is
/// no access to anything.
const ACCESS_TOKEN_TYPES: [&str; 2] = ["at+jwt", "application/at+jwt"];

const GROUPS: &str = "groups";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File<R> {
    /// What tokens must be for: this authority as its operators know it.
    audience: Spanned<String>,
    #[serde(default)]
    issuer: Vec<Spanned<IssuerPart>>,
    #[serde(default = "Vec::new")]
    operator: Vec<Spanned<OperatorPart<R>>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct OperatorPart<R> {
    role: R,
    issuer: String,
    subject: Option<String>,
    group: Option<String>,
    groups_claim: Option<String>,
}

/// Reads who has which role. Roles are named as `R` reads them.
///
/// ```
/// use bailiwick_identity::settings;
///
/// #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
/// #[serde(rename_all = "lowercase")]
/// enum Role { Viewer, Operator }
///
/// let text = r#"
/// audience = "https://bailiwick.example.com/operators"
///
/// [[issuer]]
/// kind = "oidc"
/// issuer = "https://idp.example.com"
///
/// [[operator]]
/// role = "viewer"
/// issuer = "https://idp.example.com"
/// group = "security"
/// "#;
/// let people = settings::people::<Role>("operators.toml".as_ref(), text)?;
/// assert_eq!(people.audiences().count(), 1);
/// // A role that nobody knows is no role, and a rule without a name is nobody's.
/// for wrong in [text.replace("viewer", "admin"), text.replace("group =", "# group =")] {
///     assert!(settings::people::<Role>("operators.toml".as_ref(), &wrong).is_err());
/// }
/// # Ok::<(), settings::SettingsError>(())
/// ```
///
/// # Errors
/// If there is anything in it that nobody knows, or that cannot be meant.
pub fn people<R>(file: &Path, text: &str) -> Result<People<R>, SettingsError>
where
    R: Copy + Ord + DeserializeOwned,
{
    let parsed: File<R> = toml::from_str(text).map_err(|source| SettingsError::Toml {
        file: file.to_owned(),
        source: Box::new(source),
    })?;
    let reading = Reading { file, text };
    let audience = reading.audience(&parsed.audience)?;
    let mut people = People::default();
    for part in parsed.issuer {
        let span = part.span();
        let mut part = part.into_inner();
        reading.fits_people(&span, &part)?;
        let usual = || ACCESS_TOKEN_TYPES.map(str::to_owned).to_vec();
        part.types.get_or_insert_with(usual);
        let issuer = reading.issuer(audience, span.clone(), part, &mut Vec::new())?;
        if people.knows(issuer.name()) {
            return Err(reading.wrong(span, "the same issuer twice", "keep one of them"));
        }
        people = people.with_issuer(issuer);
    }
    for part in parsed.operator {
        let span = part.span();
        let part = part.into_inner();
        if !people.knows(&part.issuer) {
            let what = format!("`{}` is no issuer of this file", part.issuer);
            let mend = "write an `[[issuer]]` with this name, letter for letter";
            return Err(reading.wrong(span, &what, mend));
        }
        people = people.with_rule(reading.rule(&span, part)?);
    }
    Ok(people)
}

impl Reading<'_> {
    /// What is said of agents' proofs alone is not said here.
    fn fits_people(&self, span: &Span, part: &IssuerPart) -> Result<(), SettingsError> {
        if part.kind != KindName::Oidc {
            let what = "people come from an issuer of OpenID Connect";
            return Err(self.wrong(span.clone(), what, "write `kind = \"oidc\"`"));
        }
        for (name, is_said) in [("once", part.once.is_some()), ("pins", part.pins.is_some())] {
            if is_said {
                let what = format!("`{name}` is said of agents' proofs alone");
                return Err(self.wrong(span.clone(), &what, "leave it out"));
            }
        }
        Ok(())
    }

    fn rule<R>(&self, span: &Span, part: OperatorPart<R>) -> Result<Rule<R>, SettingsError> {
        let is_empty = |text: &Option<String>| text.as_ref().is_some_and(String::is_empty);
        let names_nobody = part.subject.is_none() && part.group.is_none();
        if names_nobody || is_empty(&part.subject) || is_empty(&part.group) {
            let what = "an operator without a name";
            let mend = "write `subject` (`sub` of a token), or `group`; with both, both are asked";
            return Err(self.wrong(span.clone(), what, mend));
        }
        if part.groups_claim.is_some() && part.group.is_none() {
            let what = "`groups-claim` without a `group`";
            return Err(self.wrong(span.clone(), what, "write the group, or leave it out"));
        }
        let claim = part.groups_claim.unwrap_or_else(|| GROUPS.to_owned());
        Ok(Rule {
            role: part.role,
            issuer: part.issuer,
            subject: part.subject,
            group: part.group.map(|name| Group { claim, name }),
        })
    }
}
