//! Sets that differ, told without comparing them.
//!
//! Roles made from one template differ in the resources they name, and a question about any two of
//! them would be one too many: there are as many pairs as roles squared. So each set is asked for a
//! request that it allows, and that it does not allow on a resource whose name hardly differs. Whoever
//! has no pattern that tells the two resources apart answers both alike, so is another set. Who has
//! one is found by the patterns' beginnings.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::evaluate::{Outcome, ResourceSemantics};
use crate::request::{Principal, Request};

use super::super::ask::Side;
use super::super::clause::Clause;
use super::super::glob::{COLON, Glob, Token, matches};
use super::super::region::Region;
use super::super::shelf::Shelf;
use super::super::{Access, Find, denies};

/// A pattern that more sets than these have tells nothing worth knowing.
const OWNERS_MAX: usize = 32;

/// The patterns of one set that are tried, those of the fewest sets first.
const TRIED_MAX: usize = 4;

/// What no policy has in a name.
const STRANGE: &str = "bailiwick";

/// The places of the sets in parts: sets in different parts are not equal.
pub(super) fn apart(all: &[&Access<'_>]) -> Vec<Vec<usize>> {
    // What a policy says that could not be read, may be about any resource.
    if all.iter().any(|access| access.unreadable.is_some()) {
        return vec![(0..all.len()).collect()];
    }
    let patterns = Patterns::of(all);
    let mut parts = Parts::of(all.len());
    let mut like_any = None;
    for (at, access) in all.iter().enumerate() {
        match patterns.that_may_equal(access, at) {
            Some(others) => others.iter().for_each(|other| parts.join(at, *other)),
            // It may equal whoever is like it.
            None => parts.join(at, *like_any.get_or_insert(at)),
        }
    }
    parts.listed()
}

/// Resource patterns, by how they begin, and whose they are.
struct Patterns<'a> {
    numbers: FxHashMap<&'a Glob, usize>,
    all: Vec<(&'a Glob, Owners)>,
    /// By the letters before the first wildcard.
    by_head: FxHashMap<&'a [Token], Vec<usize>>,
}

#[derive(Debug)]
enum Owners {
    Few(Vec<usize>),
    Many,
}

impl<'a> Patterns<'a> {
    fn of(all: &[&'a Access<'_>]) -> Self {
        let mut patterns = Self {
            numbers: FxHashMap::default(),
            all: Vec::new(),
            by_head: FxHashMap::default(),
        };
        // Policies are shared by many sets, and read once.
        let mut read: FxHashMap<*const Shelf, Vec<usize>> = FxHashMap::default();
        for (at, access) in all.iter().enumerate() {
            for side in access.allows.iter().flatten().chain(&access.denies) {
                let shelf: &'a Shelf = &side.shelf;
                let named = read.entry(shelf).or_insert_with(|| {
                    let globs = shelf.clauses.iter().flat_map(|it| it.segmented.list.all());
                    globs.map(|glob| patterns.number(glob)).collect()
                });
                for number in named.iter() {
                    patterns.note(*number, at);
                }
            }
        }
        patterns
    }

    fn number(&mut self, glob: &'a Glob) -> usize {
        let next = self.all.len();
        let number = *self.numbers.entry(glob).or_insert(next);
        if number == next {
            self.all.push((glob, Owners::Few(Vec::new())));
            let tokens = glob.loose();
            let end = tokens.iter().position(|token| !token.is_letter());
            let head = tokens.get(..end.unwrap_or(tokens.len()));
            let alike = self.by_head.entry(head.unwrap_or_default());
            alike.or_default().push(number);
        }
        number
    }

    fn note(&mut self, number: usize, owner: usize) {
        let Some((_, owners)) = self.all.get_mut(number) else {
            return;
        };
        match owners {
            Owners::Few(few) if few.last() == Some(&owner) => {}
            Owners::Few(few) if few.len() < OWNERS_MAX => few.push(owner),
            Owners::Few(_) => *owners = Owners::Many,
            Owners::Many => {}
        }
    }

    fn owners(&self, glob: &Glob) -> Option<&[usize]> {
        let number = self.numbers.get(glob)?;
        match self.all.get(*number)? {
            (_, Owners::Few(few)) => Some(few),
            (_, Owners::Many) => None,
        }
    }

    /// The sets that may equal this one, itself among them; `None` if it may be any.
    fn that_may_equal(&self, access: &Access<'_>, at: usize) -> Option<Vec<usize>> {
        let identity = access.allows.first()?;
        let mut own: Vec<(usize, &Clause, &Glob)> = identity
            .iter()
            .flat_map(|side: &Side| &side.shelf.clauses)
            .filter(|clause| !clause.segmented.complement && !clause.actions.complement)
            .flat_map(|clause| {
                clause
                    .segmented
                    .list
                    .all()
                    .iter()
                    .map(move |it| (clause, it))
            })
            .filter_map(|(clause, glob)| Some((self.owners(glob)?.len(), clause, glob)))
            .collect();
        own.sort_by_key(|(owners, ..)| *owners);
        own.into_iter()
            .take(TRIED_MAX)
            .find_map(|(_, clause, glob)| {
                let twins = Twins::of(glob)?;
                let others = self.owners_who_tell(&twins)?;
                let tells = others.contains(&at) && tells(access, clause, &twins);
                tells.then_some(others)
            })
    }

    /// The owners of the patterns that tell the twins apart, or might.
    fn owners_who_tell(&self, twins: &Twins) -> Option<Vec<usize>> {
        let mut owners = FxHashSet::default();
        for number in self
            .beginning(&twins.one)
            .chain(self.beginning(&twins.other))
        {
            let Some((glob, of)) = self.all.get(number) else {
                continue;
            };
            let (one, other) = (
                matches(glob.loose(), &twins.one),
                matches(glob.loose(), &twins.other),
            );
            if one != other || (one && glob.has_variables()) {
                match of {
                    Owners::Few(few) => owners.extend(few.iter().copied()),
                    Owners::Many => return None,
                }
            }
        }
        let mut owners: Vec<usize> = owners.into_iter().collect();
        owners.sort_unstable();
        Some(owners)
    }

    /// The patterns whose letters before the first wildcard begin the word.
    fn beginning(&self, word: &[Token]) -> impl Iterator<Item = usize> {
        let heads = (0..=word.len()).filter_map(|end| word.get(..end));
        heads
            .filter_map(|head| self.by_head.get(head))
            .flatten()
            .copied()
    }
}

/// Two resources whose names hardly differ. The first matches a pattern.
struct Twins {
    one: Vec<Token>,
    other: Vec<Token>,
}

impl Twins {
    /// `None` if the pattern has no name to change: letters after the fifth colon.
    fn of(glob: &Glob) -> Option<Self> {
        if glob.has_variables() || !glob.is_segmented() {
            return None;
        }
        let tokens = glob.tokens();
        let mut colons = tokens.iter().enumerate().filter(|(_, it)| **it == COLON);
        let start = colons.nth(4)?.0 + 1;
        let name = tokens.get(start..)?;
        let letters = name.iter().take_while(|it| it.is_letter()).count();
        // A last letter such as `/` parts a name from what is in it.
        let kept = if letters == name.len() {
            letters
        } else {
            letters.checked_sub(1)?
        };
        let filled = |token: &Token| match token.as_letter() {
            Some(_) => *token,
            None => Token::letter('x'),
        };
        let one: Vec<Token> = tokens.iter().map(filled).collect();
        let (before, after) = one.split_at_checked(start + kept)?;
        let strange = STRANGE.chars().map(Token::letter);
        let other = before.iter().copied().chain(strange);
        let other = other.chain(after.iter().copied()).collect();
        Some(Self { one, other })
    }
}

fn text(tokens: &[Token]) -> String {
    tokens.iter().filter_map(|it| it.as_letter()).collect()
}

/// Whether the set allows a request of the clause on the one resource and not on the other, in the
/// same circumstances.
fn tells(access: &Access<'_>, clause: &Clause, twins: &Twins) -> bool {
    let Some(action) = clause.actions.list.all().first() else {
        return false;
    };
    let (one, other) = (text(&twins.one), text(&twins.other));
    let allows =
        |request: &Request| access.permits(request, ResourceSemantics::Segmented) == Outcome::Allow;
    let found = plain(action, &one).filter(&allows).or_else(|| {
        match access.find(&Region::new([action.to_string()], [&one])) {
            Find::Found(found) => Some(*found).filter(|it| it.resource == one && allows(it)),
            Find::Nothing | Find::Unknown(_) => None,
        }
    });
    found.is_some_and(|request| {
        let request = Request {
            resource: other,
            ..request
        };
        denies(access.permits(&request, ResourceSemantics::Segmented))
    })
}

/// The action on the resource, in no particular circumstances. Cheaper than to look for some.
fn plain(action: &Glob, resource: &str) -> Option<Request> {
    let role = "arn:aws:iam::111122223333:role/x".parse().ok()?;
    let tokens = action.tokens().iter();
    let action: String = tokens.map(|it| it.as_letter().unwrap_or('x')).collect();
    Some(Request::new(Principal::Role(role), action, resource))
}

/// Places in parts, joined one by one.
struct Parts(Vec<usize>);

impl Parts {
    fn of(count: usize) -> Self {
        Self((0..count).collect())
    }

    fn first_of(&self, mut at: usize) -> usize {
        while let Some(&up) = self.0.get(at).filter(|up| **up != at) {
            at = up;
        }
        at
    }

    /// The earlier place stands for both, so that chains stay short.
    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.first_of(one), self.first_of(other));
        if let Some(up) = self.0.get_mut(one.max(other)) {
            *up = one.min(other);
        }
    }

    fn listed(&self) -> Vec<Vec<usize>> {
        let mut parts: Vec<Vec<usize>> = Vec::new();
        let mut numbers: FxHashMap<usize, usize> = FxHashMap::default();
        for at in 0..self.0.len() {
            let number = *numbers.entry(self.first_of(at)).or_insert(parts.len());
            match parts.get_mut(number) {
                Some(part) => part.push(at),
                None => parts.push(vec![at]),
            }
        }
        parts
    }
}
