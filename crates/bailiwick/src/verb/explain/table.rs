//! An explanation as a ladder that a person reads from the top.

use bailiwick_iam::{
    evaluate::{Because, Fixed, Outcome},
    explain::{Change, Rung, Says, Step},
    layers::LayerKind,
    policy::Statement,
};

use super::Explained;
use crate::{
    format::words,
    ink::{self, Ink, Style, safe, wrap},
};

pub(super) fn table(explained: &Explained, ink: Ink) -> String {
    let mut page = Page {
        ink,
        text: String::new(),
    };
    page.answer(explained);
    page.ladder(explained);
    page.missing(explained);
    page.changes(&explained.explanation.changes);
    page.text
}

struct Page {
    ink: Ink,
    text: String,
}

impl Page {
    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    fn answer(&mut self, explained: &Explained) {
        let explanation = &explained.explanation;
        let (style, word) = match explanation.decision.outcome {
            Outcome::Allow => (ink::GREEN, "ALLOWED"),
            Outcome::ImplicitDeny | Outcome::ExplicitDeny => (ink::ALARM, "DENIED"),
            Outcome::Unknown => (ink::CYAN, "COULD NOT BE TOLD"),
        };
        let asked = words::called(&explanation.request);
        let line = format!(
            "{}  {}",
            self.ink.paint(style, word),
            self.ink.bold(&safe(&asked))
        );
        self.line(&line);
        let why = why(explained);
        self.line(&format!("  {why}"));
        let knowing = words::circumstances(&explanation.request).join(", ");
        for line in wrap(&safe(&knowing), self.ink.width - 12) {
            let line = self.ink.dim(&format!("  knowing {line}"));
            self.line(&line);
        }
    }

    fn ladder(&mut self, explained: &Explained) {
        self.line("");
        for rung in &explained.explanation.ladder {
            self.rung(rung, explained);
        }
    }

    fn rung(&mut self, rung: &Rung, explained: &Explained) {
        let (style, mark, says) = says(rung.says);
        let layer = match &rung.target {
            Some(target) => format!("{} {}", rung.layer.name(), safe(target)),
            None => rung.layer.name().to_owned(),
        };
        let by = rung.because.as_ref().map_or_else(String::new, statement);
        let line = format!(
            "  {} {layer:<22} {} {}",
            self.ink.paint(style, mark),
            self.ink.paint(style, &format!("{says:<16}")),
            safe(&by)
        );
        self.line(&line);
        let Some(because) = &rung.because else {
            return self.unreadable(rung);
        };
        let place = explained.places.iter().find(|place| {
            place.layer == because.layer
                && *place.policy == *because.policy
                && place.statement == because.statement
        });
        if let Some(place) = place {
            let place = self.ink.dim(&safe(&place.place));
            self.line(&format!("{:44}{place}", ""));
        }
        self.unreadable(rung);
    }

    fn unreadable(&mut self, rung: &Rung) {
        for policy in &rung.unreadable {
            let text = format!("{} could not be read: {}", policy.policy, policy.why);
            let text = self.ink.paint(ink::CYAN, &safe(&text));
            self.line(&format!("{:44}{text}", ""));
        }
    }

    fn missing(&mut self, explained: &Explained) {
        let missing = &explained.explanation.decision.missing;
        if missing.is_empty() {
            return;
        }
        self.line("");
        let line = format!("It depends on {}", safe(&missing.join(", ")));
        let line = self.ink.paint(ink::CYAN, &line);
        self.line(&line);
        if let Some(key) = missing.first() {
            self.line(&format!("  say it with --context {}=…", safe(key)));
        }
    }

    fn changes(&mut self, changes: &[Change]) {
        let Some((smallest, others)) = changes.split_first() else {
            return;
        };
        self.line("");
        let head = match smallest.outcome {
            Outcome::Allow => "The smallest change that allows it",
            Outcome::ImplicitDeny | Outcome::ExplicitDeny => "The smallest change that denies it",
            Outcome::Unknown => "The smallest change",
        };
        let head = self.ink.bold(head);
        self.line(&head);
        self.steps(&smallest.steps);
        for change in others {
            let or = self.ink.dim("or");
            self.line(&format!("  {or}"));
            self.steps(&change.steps);
        }
    }

    fn steps(&mut self, steps: &[Step]) {
        for step in steps {
            for (index, part) in in_words(step).iter().enumerate() {
                let (first, rest) = if index == 0 {
                    ("  - ", "    ")
                } else {
                    ("      ", "      ")
                };
                for (at, line) in wrap(&safe(part), self.ink.width - 8).iter().enumerate() {
                    let indent = if at == 0 { first } else { rest };
                    self.line(&format!("{indent}{line}"));
                }
            }
        }
    }
}

fn why(explained: &Explained) -> String {
    let decision = &explained.explanation.decision;
    match (decision.fixed, decision.outcome, decision.layer) {
        (Some(Fixed::NeedsNoPermission), ..) => {
            "AWS answers this for everyone; no policy can deny it".to_owned()
        }
        (Some(Fixed::BelongsToAws), ..) => {
            "what belongs to AWS cannot be changed by anybody".to_owned()
        }
        (None, Outcome::Allow, _) => "every layer that was asked lets it pass".to_owned(),
        (None, Outcome::ExplicitDeny, Some(layer)) => {
            format!("a statement of the {} denies it", spoken(layer))
        }
        (None, Outcome::ImplicitDeny, Some(layer)) => {
            format!(
                "nothing denies it, and nothing in the {} allows it",
                spoken(layer)
            )
        }
        (None, Outcome::Unknown, Some(layer)) => format!("it hangs on the {}", spoken(layer)),
        (None, Outcome::ExplicitDeny, None) => "a statement denies it".to_owned(),
        (None, Outcome::ImplicitDeny, None) => "nothing allows it".to_owned(),
        (None, Outcome::Unknown, None) => "something it hangs on is missing".to_owned(),
    }
}

fn spoken(layer: LayerKind) -> &'static str {
    match layer {
        LayerKind::Rcp => "resource control policies",
        LayerKind::Scp => "service control policies",
        LayerKind::Endpoint => "endpoint policy",
        LayerKind::Resource => "resource policy",
        LayerKind::Trust => "trust policy",
        LayerKind::Identity => "identity policies",
        LayerKind::Boundary => "permissions boundary",
        LayerKind::Session => "session policy",
    }
}

fn says(says: Says) -> (Style, &'static str, &'static str) {
    match says {
        Says::Allows => (ink::GREEN, "✔", "allows"),
        Says::Denies => (ink::ALARM, "✘", "denies"),
        Says::Nothing => (ink::DIM, "·", "says nothing"),
        Says::Unknown => (ink::CYAN, "?", "not known"),
    }
}

/// `Tools, statement 1 (WriteLedger)`.
fn statement(because: &Because) -> String {
    let sid = because
        .sid
        .as_ref()
        .map_or_else(String::new, |sid| format!(" ({sid})"));
    format!(
        "{}, statement {}{sid}",
        because.policy,
        because.statement + 1
    )
}

/// A step as a sentence, and under it what to write.
fn in_words(step: &Step) -> Vec<String> {
    match step {
        Step::AddStatement {
            layer,
            target,
            policy,
            statement,
        } => {
            let whose = of(*layer, target.as_deref());
            let place = match policy {
                Some(policy) => format!("add to {policy}, {whose}:"),
                None => format!("add a policy, {whose}:"),
            };
            vec![place, written(statement)]
        }
        Step::RemoveStatement {
            layer,
            target,
            policy,
            statement,
            sid,
        } => {
            let sid = sid
                .as_ref()
                .map_or_else(String::new, |sid| format!(" ({sid})"));
            let whose = of(*layer, target.as_deref());
            vec![format!(
                "remove statement {}{sid} from {policy}, {whose}",
                statement + 1
            )]
        }
        Step::SparePrincipal {
            layer,
            target,
            policy,
            statement,
            sid,
            arn,
        } => {
            let sid = sid
                .as_ref()
                .map_or_else(String::new, |sid| format!(" ({sid})"));
            let whose = of(*layer, target.as_deref());
            vec![
                format!(
                    "spare this principal in statement {}{sid} of {policy}, {whose}; add to its conditions:",
                    statement + 1
                ),
                format!("\"ArnNotEquals\": {{\"aws:PrincipalArn\": \"{arn}\"}}"),
            ]
        }
        Step::SetContext {
            key,
            values: Some(values),
        } => {
            let values: Vec<_> = values.iter().collect();
            vec![format!("ask with {key} = {}", values.join(" and "))]
        }
        Step::SetContext { key, values: None } => vec![format!("ask without {key}")],
        // A kind of step that this table has no words for yet is shown as data.
        other => vec![serde_json::to_string(other).unwrap_or_default()],
    }
}

fn of(layer: LayerKind, target: Option<&str>) -> String {
    match target {
        Some(target) => format!("{} on {target}", spoken(layer)),
        None => spoken(layer).to_owned(),
    }
}

fn written(statement: &Statement) -> String {
    serde_json::to_string(statement).unwrap_or_default()
}
