//! Whether a resource pattern covers a resource.

use crate::{
    layers::LayerKind,
    policy::{Piece, Policy, ResourcePattern, Selection, Template, Version},
};

use super::{
    ResourceSemantics,
    glob::{Filled, Glob},
    question::{Key, Question, Seen},
    truth::{Truth, any},
};

/// A resource as asked for, cut at its first five colons. That of an action which takes none is `*`
/// and has no parts, so that no ARN matches it.
// IAM-018, IAM-042
#[derive(Debug)]
pub(crate) struct AskedResource<'a> {
    text: &'a str,
    parts: Option<[&'a str; 6]>,
}

impl<'a> AskedResource<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self {
            text,
            parts: parts(text),
        }
    }

    pub(crate) fn account(&self) -> &'a str {
        self.parts.map_or("", |[.., account, _]| account)
    }

    /// What stands after the fifth colon.
    pub(crate) fn last(&self) -> &'a str {
        self.parts.map_or("", |[.., last]| last)
    }
}

pub(crate) fn parts(text: &str) -> Option<[&str; 6]> {
    let mut cut = text.splitn(6, ':');
    let mut next = || cut.next();
    Some([next()?, next()?, next()?, next()?, next()?, next()?])
}

/// `Resource` or `NotResource` of one statement.
#[derive(Debug, Clone)]
pub(crate) struct ResourceTest {
    excluding: bool,
    patterns: Box<[Pattern]>,
}

#[derive(Debug, Clone)]
enum Pattern {
    /// `*`
    All,
    Whole(Box<Whole>),
    Short(Box<Short>),
}

/// A pattern of six segments.
#[derive(Debug, Clone)]
struct Whole {
    /// Partition, service, region and account, and `arn` before them: lower case, `None` for `*`.
    first: [Option<Glob>; 5],
    last: Last,
    written: Box<str>,
    version: Version,
}

#[derive(Debug, Clone)]
enum Last {
    Glob(Glob),
    Variable(Filling),
}

/// A pattern of fewer than six segments.
// IAM-017
#[derive(Debug, Clone)]
struct Short {
    padded: Whole,
    has_star: bool,
    ends_in_star: bool,
}

impl ResourceTest {
    pub(crate) fn new(selection: &Selection<ResourcePattern>, policy: &Policy) -> Self {
        let patterns = selection.patterns().iter();
        Self {
            excluding: selection.is_excluding(),
            patterns: patterns
                .map(|pattern| Pattern::new(&pattern.value.0, policy.version))
                .collect(),
        }
    }

    pub(crate) fn covers(&self, question: &Question<'_>, layer: LayerKind) -> Truth {
        let patterns = self.patterns.iter();
        let found = any(patterns.map(|pattern| pattern.covers(question, layer)));
        if self.excluding { !found } else { found }
    }

    /// The unknown keys whose values decide whether this covers the resource.
    pub(crate) fn unknown_keys(&self, question: &Question<'_>, layer: LayerKind) -> Vec<String> {
        let undecided = |pattern: &&Pattern| pattern.covers(question, layer) == Truth::Maybe;
        let mut keys = Vec::new();
        for pattern in self.patterns.iter().filter(undecided) {
            if let Some(filling) = pattern.filling() {
                keys.extend(filling.unknown_keys(question));
            }
        }
        keys
    }
}

impl Pattern {
    fn new(written: &str, version: Version) -> Self {
        let only_stars = !written.is_empty() && written.bytes().all(|byte| byte == b'*');
        if only_stars {
            return Self::All;
        }
        match parts(written) {
            Some(parts) => Self::Whole(Box::new(Whole::new(parts, written, version))),
            None => {
                let mut parts = ["*"; 6];
                for (slot, part) in parts.iter_mut().zip(written.split(':')) {
                    *slot = part;
                }
                Self::Short(Box::new(Short {
                    padded: Whole::new(parts, written, version),
                    has_star: written.contains('*'),
                    ends_in_star: written.ends_with('*'),
                }))
            }
        }
    }

    fn covers(&self, question: &Question<'_>, layer: LayerKind) -> Truth {
        match (self, question.switches.resource) {
            (Self::All, _) => Truth::Yes,
            (Self::Whole(whole), ResourceSemantics::Segmented) => whole.covers(question),
            (Self::Short(short), ResourceSemantics::Segmented) => {
                if short.counts_in(layer) {
                    short.padded.covers(question)
                } else {
                    Truth::No
                }
            }
            (Self::Whole(whole), ResourceSemantics::Flat) => whole.covers_as_one_text(question),
            (Self::Short(short), ResourceSemantics::Flat) => {
                short.padded.covers_as_one_text(question)
            }
        }
    }

    fn filling(&self) -> Option<&Filling> {
        let whole = match self {
            Self::All => return None,
            Self::Whole(whole) => whole,
            Self::Short(short) => &short.padded,
        };
        match &whole.last {
            Last::Glob(_) => None,
            Last::Variable(filling) => Some(filling),
        }
    }
}

impl Short {
    /// Where a short pattern is read as if stars followed it; elsewhere it matches nothing.
    // IAM-017
    fn counts_in(&self, layer: LayerKind) -> bool {
        match layer {
            LayerKind::Identity | LayerKind::Boundary | LayerKind::Session => true,
            LayerKind::Resource | LayerKind::Trust | LayerKind::Endpoint => self.has_star,
            LayerKind::Scp => self.ends_in_star,
            LayerKind::Rcp => false,
        }
    }
}

impl Whole {
    /// Variables stand only after the fifth colon; before it, `${…}` is text.
    // IAM-030
    fn new(parts: [&str; 6], written: &str, version: Version) -> Self {
        let [arn, partition, service, region, account, last] = parts;
        let first = [arn, partition, service, region, account].map(|part| {
            let lowered = part.to_ascii_lowercase();
            let template = Template::parse(&lowered, Version::V2008);
            Glob::new(&template).filter(|glob| *glob != Glob::Any)
        });
        let template = Template::parse(last, version);
        Self {
            first,
            last: match Glob::new(&template) {
                Some(glob) => Last::Glob(glob),
                None => Last::Variable(Filling::new(&template)),
            },
            written: written.into(),
            version,
        }
    }

    // IAM-016
    fn covers(&self, question: &Question<'_>) -> Truth {
        let Some([first @ .., last]) = &question.resource.parts else {
            return Truth::No;
        };
        let mut pairs = self.first.iter().zip(first);
        let same = pairs.all(|(own, asked)| {
            own.as_ref()
                .is_none_or(|own| own.matches_in_any_case(asked))
        });
        if !same {
            return Truth::No;
        }
        match &self.last {
            Last::Glob(glob) => glob.matches(last).into(),
            Last::Variable(filling) => {
                let covers = |filled: &Filled| filled.matches(last);
                filling.matches(question, covers, covers)
            }
        }
    }

    fn covers_as_one_text(&self, question: &Question<'_>) -> Truth {
        let split = match parts(&self.written) {
            Some([.., last]) => self.written.len() - last.len(),
            None => self.written.len(),
        };
        let Some((first, last)) = self.written.split_at_checked(split) else {
            return Truth::No;
        };
        let mut pieces = Template::parse(first, Version::V2008).0;
        pieces.extend(Template::parse(last, self.version).0);
        let filling = Filling::new(&Template(pieces));
        let covers = |filled: &Filled| filled.matches(question.resource.text);
        filling.matches(question, covers, covers)
    }
}

/// A pattern with variables, to be filled with the values of a request.
#[derive(Debug, Clone)]
pub(crate) struct Filling(Box<[Part]>);

#[derive(Debug, Clone)]
enum Part {
    Text(Box<str>),
    Star,
    Question,
    Variable { key: Key, default: Option<Box<str>> },
}

/// What a variable stands for in a request.
enum Stands<'a> {
    For(&'a str),
    /// The key is absent, or has several values, and there is no default.
    ForNothing,
    Unknown,
}

impl Filling {
    pub(crate) fn new(template: &Template) -> Self {
        let part = |piece: &Piece| match piece {
            Piece::Text(text) => Part::Text(text.as_str().into()),
            Piece::Star => Part::Star,
            Piece::Question => Part::Question,
            Piece::Variable { key, default } => Part::Variable {
                key: Key::new(key),
                default: default.as_deref().map(Into::into),
            },
        };
        Self(template.0.iter().map(part).collect())
    }

    /// Whether the filled pattern matches. A variable that stands for nothing matches nothing.
    // IAM-031: what a variable stands for is text, stars in it included.
    pub(crate) fn matches(
        &self,
        question: &Question<'_>,
        matches: impl FnOnce(&Filled) -> bool,
        could_match: impl FnOnce(&Filled) -> bool,
    ) -> Truth {
        let mut filled = Filled::default();
        let mut is_unknown = false;
        for part in &self.0 {
            match part {
                Part::Text(text) => filled.push_text(text),
                Part::Star => filled.push_star(),
                Part::Question => filled.push_question(),
                Part::Variable { key, default } => {
                    match stands(key, default.as_deref(), question) {
                        Stands::For(text) => filled.push_text(text),
                        Stands::ForNothing => return Truth::No,
                        Stands::Unknown => {
                            is_unknown = true;
                            filled.push_star();
                        }
                    }
                }
            }
        }
        // With a star in place of what is unknown the pattern matches no less than it could.
        if !is_unknown {
            matches(&filled).into()
        } else if could_match(&filled) {
            Truth::Maybe
        } else {
            Truth::No
        }
    }

    pub(crate) fn unknown_keys(&self, question: &Question<'_>) -> Vec<String> {
        let unknown = |part: &Part| match part {
            Part::Variable { key, .. } if matches!(question.see(key), Seen::Unknown) => {
                Some(key.written.to_string())
            }
            Part::Variable { .. } | Part::Text(_) | Part::Star | Part::Question => None,
        };
        self.0.iter().filter_map(unknown).collect()
    }
}

fn stands<'q>(key: &Key, default: Option<&'q str>, question: &'q Question<'_>) -> Stands<'q> {
    let seen = question.see(key);
    let value = match seen {
        Seen::Unknown => return Stands::Unknown,
        Seen::Absent => None,
        Seen::One(value) => Some(value),
        Seen::Many([value]) => Some(value.as_str()),
        Seen::Many(_) => None,
    };
    let single = value.filter(|_| !question.is_many(key, &seen));
    single.or(default).map_or(Stands::ForNothing, Stands::For)
}
