//! Condition keys: what type of value they hold, and whether they hold one or many.

use crate::compare;

/// A condition key, or a family of them: `aws:ResourceTag/${TagKey}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConditionKey<'t> {
    pub(crate) name: &'t str,
    pub(crate) value_type: ValueType,
    pub(crate) multi_valued: bool,
}

/// What one value of a condition key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValueType {
    String,
    Numeric,
    Date,
    Bool,
    IpAddress,
    Arn,
}

impl<'t> ConditionKey<'t> {
    /// The key as AWS writes it; a family keeps its variable, as in `aws:RequestTag/${TagKey}`.
    pub fn name(&self) -> &'t str {
        self.name
    }

    pub fn value_type(&self) -> ValueType {
        self.value_type
    }

    /// Whether a request may carry several values, so that a condition needs `ForAnyValue` or
    /// `ForAllValues`.
    pub fn multi_valued(&self) -> bool {
        self.multi_valued
    }

    /// Whether it stands for a family, one key for each value of its variable.
    pub fn is_template(&self) -> bool {
        Template::new(*self).is_some()
    }

    /// Whether it is `name`, or `name` is of its family.
    pub fn covers(&self, name: &str) -> bool {
        match Template::new(*self) {
            Some(template) => template.matches(name),
            None => self.name.eq_ignore_ascii_case(name),
        }
    }
}

/// A family of keys, cut at its variable. AWS writes the variable as `${TagKey}` or as `<key>`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Template<'t> {
    before: &'t str,
    after: &'t str,
    key: ConditionKey<'t>,
}

impl<'t> Template<'t> {
    pub(crate) fn new(key: ConditionKey<'t>) -> Option<Self> {
        let cut = |opening, closing| {
            let (before, rest) = key.name.split_once(opening)?;
            let (_, after) = rest.split_once(closing)?;
            Some((before, after))
        };
        let (before, after) = cut("${", '}').or_else(|| cut("<", '>'))?;
        Some(Self { before, after, key })
    }

    fn matches(&self, name: &str) -> bool {
        let (before, after) = (self.before.len(), self.after.len());
        let Some(inner_and_after) = name.len().checked_sub(before) else {
            return false;
        };
        inner_and_after > after
            && starts_with(name, self.before)
            && name
                .get(name.len() - after..)
                .is_some_and(|end| end.eq_ignore_ascii_case(self.after))
    }
}

fn starts_with(name: &str, prefix: &str) -> bool {
    name.get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// The family that says most about `name`: `events:Metadata/a/Matcher` is of
/// `events:Metadata/${MetadataKey}/Matcher` before it is of `events:Metadata/${MetadataKey}`.
pub(crate) fn match_template<'t>(
    templates: &[Template<'t>],
    name: &str,
) -> Option<ConditionKey<'t>> {
    templates
        .iter()
        .filter(|template| template.matches(name))
        .max_by(|left, right| {
            let literal = |template: &Template| template.before.len() + template.after.len();
            literal(left)
                .cmp(&literal(right))
                .then_with(|| compare(right.key.name, left.key.name))
        })
        .map(|template| template.key)
}
