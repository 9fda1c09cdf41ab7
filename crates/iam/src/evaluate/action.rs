//! Which statements of a policy speak of an action.
//!
//! Most statements name actions letter by letter, and most of a policy's services are not the one
//! asked for; so names are found by hash, and patterns are tried only for their own service.

use std::hash::Hasher;

use rustc_hash::FxHasher;
use smallvec::SmallVec;

use crate::policy::{Policy, Selection, Template, Version};

use super::glob::Glob;

/// An action as asked for, in lower case. Names and services are compared without regard to case.
// IAM-015
#[derive(Debug)]
pub(crate) struct AskedAction {
    lowered: SmallVec<[u8; 64]>,
    hash: u64,
    service_hash: u64,
}

impl AskedAction {
    pub(crate) fn new(action: &str) -> Self {
        let lowered: SmallVec<[u8; 64]> = action
            .bytes()
            .map(|byte| byte.to_ascii_lowercase())
            .collect();
        let colon = lowered.iter().position(|&byte| byte == b':');
        let service = lowered.get(..colon.unwrap_or(0)).unwrap_or_default();
        Self {
            hash: hash(&lowered),
            service_hash: hash(service),
            lowered,
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.lowered).unwrap_or_default()
    }

    /// The service's prefix in lower case.
    pub(crate) fn service(&self) -> &str {
        self.as_str()
            .split_once(':')
            .map_or("", |(service, _)| service)
    }

    pub(crate) fn is(&self, lowered: &str) -> bool {
        self.as_str() == lowered
    }
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(bytes);
    hasher.finish()
}

/// Statements of one policy, by their places.
pub(crate) type Places = SmallVec<[u64; 4]>;

/// From an action to the statements whose `Action` or `NotAction` covers it.
#[derive(Debug, Clone, Default)]
pub(crate) struct ActionIndex {
    statements: usize,
    /// Sorted by hash.
    names: Box<[Named]>,
    /// Sorted by the hash of their service.
    of_service: Box<[OfService]>,
    /// Patterns whose service is a pattern too.
    of_any: Box<[(Glob, usize)]>,
    /// `*`
    always: Box<[usize]>,
    /// `NotAction`: the statement, and what it leaves out.
    excluding: Box<[(usize, Box<[Glob]>)]>,
}

#[derive(Debug, Clone)]
struct Named {
    hash: u64,
    statement: usize,
    name: Box<str>,
}

#[derive(Debug, Clone)]
struct OfService {
    service_hash: u64,
    statement: usize,
    glob: Glob,
}

impl ActionIndex {
    pub(crate) fn new(policy: &Policy) -> Self {
        let mut names = Vec::new();
        let mut of_service = Vec::new();
        let mut of_any = Vec::new();
        let mut always = Vec::new();
        let mut excluding = Vec::new();
        for (statement, said) in policy.statements.iter().enumerate() {
            let patterns = match &said.actions {
                Selection::Only(patterns) => patterns,
                Selection::AllBut(patterns) => {
                    let globs = patterns
                        .iter()
                        .map(|pattern| glob(&pattern.value.0.to_ascii_lowercase()));
                    excluding.push((statement, globs.collect()));
                    continue;
                }
            };
            for pattern in patterns {
                let lowered = pattern.value.0.to_ascii_lowercase();
                let service = lowered.split_once(':').map_or("", |(service, _)| service);
                match glob(&lowered) {
                    Glob::Any => always.push(statement),
                    Glob::Text(name) => names.push(Named {
                        hash: hash(name.as_bytes()),
                        statement,
                        name,
                    }),
                    glob @ (Glob::Prefix(_) | Glob::Steps(_))
                        if service.is_empty() || service.contains(['*', '?']) =>
                    {
                        of_any.push((glob, statement));
                    }
                    glob @ (Glob::Prefix(_) | Glob::Steps(_)) => of_service.push(OfService {
                        service_hash: hash(service.as_bytes()),
                        statement,
                        glob,
                    }),
                }
            }
        }
        names.sort_by_key(|named| named.hash);
        of_service.sort_by_key(|pattern| pattern.service_hash);
        Self {
            statements: policy.statements.len(),
            names: names.into_boxed_slice(),
            of_service: of_service.into_boxed_slice(),
            of_any: of_any.into_boxed_slice(),
            always: always.into_boxed_slice(),
            excluding: excluding.into_boxed_slice(),
        }
    }

    /// The statements that cover an action, in their order.
    pub(crate) fn covering(&self, action: &AskedAction) -> Covering {
        let mut places: Places = smallvec::smallvec![0; self.statements.div_ceil(64)];
        for statement in &self.always {
            add(&mut places, *statement);
        }
        let start = self.names.partition_point(|named| named.hash < action.hash);
        let same = self.names.iter().skip(start);
        for named in same.take_while(|named| named.hash == action.hash) {
            if *named.name == *action.as_str() {
                add(&mut places, named.statement);
            }
        }
        let start = self
            .of_service
            .partition_point(|pattern| pattern.service_hash < action.service_hash);
        let same = self.of_service.iter().skip(start);
        for pattern in same.take_while(|pattern| pattern.service_hash == action.service_hash) {
            if pattern.glob.matches(action.as_str()) {
                add(&mut places, pattern.statement);
            }
        }
        for (glob, statement) in &self.of_any {
            if glob.matches(action.as_str()) {
                add(&mut places, *statement);
            }
        }
        for (statement, globs) in &self.excluding {
            if !globs.iter().any(|glob| glob.matches(action.as_str())) {
                add(&mut places, *statement);
            }
        }
        Covering { places, word: 0 }
    }
}

/// The places of statements, from the first to the last.
#[derive(Debug)]
pub(crate) struct Covering {
    places: Places,
    word: usize,
}

impl Iterator for Covering {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        loop {
            let word = self.places.get_mut(self.word)?;
            if *word == 0 {
                self.word += 1;
                continue;
            }
            let bit = word.trailing_zeros() as usize;
            *word &= *word - 1;
            return Some(self.word * 64 + bit);
        }
    }
}

fn add(places: &mut Places, statement: usize) {
    if let Some(word) = places.get_mut(statement / 64) {
        *word |= 1 << (statement % 64);
    }
}

/// Actions know no variables: `${` is two letters, whatever the policy's version.
fn glob(lowered: &str) -> Glob {
    if lowered == "*:*" {
        return Glob::Any;
    }
    if !lowered.contains(['*', '?']) {
        return Glob::Text(lowered.into());
    }
    let template = Template::parse(lowered, Version::V2008);
    Glob::new(&template).unwrap_or(Glob::Text(lowered.into()))
}
