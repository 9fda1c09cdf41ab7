//! The names a path may give to what it makes.
//!
//! A policy that allows `function:dev-*` allows no function of another name. What to call a new
//! thing, and in which Region to make it, is taken from the patterns of the caller's own policies;
//! whether a name will do, the evaluator decides.

use super::{glob, path::Template};

/// What stands for an id that AWS chooses. No policy can have it in mind.
const ID: &str = "0f1e2d3c4b5a69788";
/// A name that no policy has in mind.
const NAME: &str = "bailiwick";
/// Where things are made unless policies say otherwise.
pub(crate) const REGION: &str = "us-east-1";

/// The most names, Regions and ARNs that are tried.
const CANDIDATES_MAX: usize = 12;

/// Where a path makes its things, and what it calls them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scenario {
    pub(crate) region: String,
    pub(crate) name: String,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            region: REGION.to_owned(),
            name: NAME.to_owned(),
        }
    }
}

impl Scenario {
    /// The ARN a new thing has. `{some}` is any id.
    pub(crate) fn arn(&self, template: &Template, partition: &str, account: &str) -> String {
        self.place(template, partition, account)
            .replace("{name}", &self.name)
            .replace("{id}", ID)
            .replace("{some}", ID)
    }

    /// The ARNs that one of many existing things may have: any, or such as the patterns name.
    pub(crate) fn arns_of_some<'p>(
        &self,
        template: &Template,
        partition: &str,
        account: &str,
        patterns: impl IntoIterator<Item = &'p str>,
    ) -> Vec<String> {
        let mut arns = vec![self.arn(template, partition, account)];
        let shape = self
            .place(template, partition, account)
            .replace("{name}", "*")
            .replace("{id}", "*")
            .replace("{some}", "*");
        for pattern in patterns {
            let Some(arn) = fill_shape(pattern, &shape) else {
                continue;
            };
            if arns.len() < CANDIDATES_MAX && !arns.contains(&arn) {
                arns.push(arn);
            }
        }
        arns
    }

    fn place(&self, template: &Template, partition: &str, account: &str) -> String {
        template
            .as_str()
            .replace("{partition}", partition)
            .replace("{region}", &self.region)
            .replace("{account}", account)
    }
}

/// The scenarios that these resource patterns and Regions suggest, the plainest first.
pub(crate) fn suggested<'p>(
    patterns: impl IntoIterator<Item = &'p str>,
    heads: &[&str],
    regions: impl IntoIterator<Item = &'p str>,
) -> Vec<Scenario> {
    let plain = Scenario::default();
    let mut names = vec![plain.name];
    let mut places = vec![plain.region];
    let add = |list: &mut Vec<String>, text: String| {
        if list.len() < CANDIDATES_MAX && !text.is_empty() && !list.contains(&text) {
            list.push(text);
        }
    };
    for region in regions {
        add(&mut places, glob::fill(region, "x"));
    }
    for pattern in patterns {
        let mut parts = pattern.splitn(6, ':');
        let region = parts.nth(3).unwrap_or_default();
        if !region.contains(['*', '?', '$']) {
            add(&mut places, region.to_owned());
        }
        let resource = glob::fill(parts.nth(1).unwrap_or_default(), "x");
        for head in heads {
            let name = resource.strip_prefix(head).unwrap_or(&resource);
            let name = name.split([':', '/']).next().unwrap_or_default();
            add(&mut names, name.to_owned());
        }
    }
    join_ends(&mut names);
    let mut scenarios = Vec::new();
    for region in &places {
        for name in &names {
            scenarios.push(Scenario {
                region: region.clone(),
                name: name.clone(),
            });
        }
    }
    scenarios
}

// `dev-*` for one call and `*-test` for another are both met by `dev-x-test`.
fn join_ends(names: &mut Vec<String>) {
    let ending: Vec<_> = names
        .iter()
        .filter(|name| name.starts_with('x'))
        .cloned()
        .collect();
    let beginning: Vec<_> = names
        .iter()
        .filter(|name| name.ends_with('x'))
        .cloned()
        .collect();
    for head in &beginning {
        for tail in &ending {
            let joined = format!("{head}{tail}");
            if names.len() < 2 * CANDIDATES_MAX && !names.contains(&joined) {
                names.push(joined);
            }
        }
    }
}

/// An ARN of this shape that a pattern may match: the pattern's own words, with the shape's where
/// the pattern leaves them open.
fn fill_shape(pattern: &str, shape: &str) -> Option<String> {
    let mut words = Vec::new();
    let mut shapes = shape.splitn(6, ':');
    for word in pattern.splitn(6, ':') {
        let wanted = shapes.next()?;
        let is_last = words.len() == 5;
        let open = word.contains(['*', '?', '$']);
        let word = if open && !is_last {
            wanted.to_owned()
        } else {
            glob::fill(word, "x")
        };
        words.push(word);
    }
    let arn = words.join(":");
    let fits = words.len() == 6 && glob::matches(shape, &arn);
    fits.then_some(arn)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::escalation::path::builtin;

    fn function(scenario: &Scenario) -> String {
        scenario.arn(&builtin().things["function"], "aws", "111122223333")
    }

    #[test]
    fn a_pattern_lends_its_name_and_its_region() {
        let patterns = ["arn:aws:lambda:eu-west-1:*:function:dev-*"];
        let scenarios = suggested(patterns, &["function:"], []);
        let arns: Vec<_> = scenarios.iter().map(function).collect();
        assert!(arns.contains(&"arn:aws:lambda:eu-west-1:111122223333:function:dev-x".to_owned()));
        assert_eq!(scenarios[0], Scenario::default());
    }

    #[test]
    fn two_patterns_lend_a_name_that_both_match() {
        let patterns = [
            "arn:aws:lambda:*:*:function:dev-*",
            "arn:aws:lambda:*:*:function:*-test",
        ];
        let scenarios = suggested(patterns, &["function:"], []);
        assert!(scenarios.iter().any(|it| it.name == "dev-xx-test"));
    }

    #[test]
    fn an_existing_thing_takes_its_whole_arn_from_a_pattern() {
        let template = &builtin().things["instance"];
        let patterns = [
            "arn:aws:ec2:*:*:instance/i-0abc",
            "arn:aws:ec2:*:*:volume/*",
            "*",
        ];
        let arns = Scenario::default().arns_of_some(template, "aws", "111122223333", patterns);
        assert_eq!(arns.len(), 2);
        assert_eq!(
            arns[1],
            "arn:aws:ec2:us-east-1:111122223333:instance/i-0abc"
        );
    }
}
