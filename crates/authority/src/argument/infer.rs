//! The types of the arguments that a condition speaks of, from how it speaks of them.
//!
//! `args.amount <= 1000` says that the amount is a whole number, `args.to.domain == "example.com"`
//! that `to` is an e-mail address. Where the tool's schema is known it has the last word; what
//! neither tells is an error in the charter, and not a guess. Cedar's own validator then proves that
//! no value of these types makes the condition fail, but for amounts too large to be added.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use crate::argument::schema::Declared;
use crate::argument::{Field, Fields, Parted, Type, shown};

/// Why the types of a condition's arguments cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InferFault {
    #[error("`{argument}` is used as {one} and as {other}")]
    Both {
        argument: String,
        one: &'static str,
        other: &'static str,
    },
    #[error(
        "nothing tells the type of `{argument}`: give the tool's schema, or compare it with a value"
    )]
    Untold { argument: String },
    #[error(
        "the tool's schema says that `{argument}` is {declared}, and the condition uses it as {used}"
    )]
    Schema {
        argument: String,
        declared: &'static str,
        used: &'static str,
    },
    #[error("the tool's schema has no argument `{argument}`")]
    NoArgument { argument: String },
    #[error("`{argument}` is a text with parts: compare `{argument}.{whole}`")]
    Whole {
        argument: String,
        whole: &'static str,
    },
    #[error("`{argument}` has no part `{part}`")]
    NoPart { argument: String, part: String },
    #[error("the whole of `args` is compared: name one argument")]
    AllArguments,
}

/// What a use of a value says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Bool,
    Long,
    Decimal,
    Text,
}

impl Kind {
    fn of(self) -> Type {
        match self {
            Self::Bool => Type::Bool,
            Self::Long => Type::Long,
            Self::Decimal => Type::Decimal,
            Self::Text => Type::Text,
        }
    }
}

/// The names after `args`. [`ELEMENT`] stands for the elements of a list.
type Path = Vec<String>;

/// No argument is called so: a condition could not name it.
const ELEMENT: &str = "[]";

/// What an expression is, as far as it matters here.
#[derive(Debug, Clone)]
enum Term {
    /// `context`
    Context,
    /// `context.parameters`
    Parameters,
    Argument(Path),
    Known(Kind),
    /// A list with such elements.
    List(Box<Self>),
    Other,
}

#[derive(Debug, Default)]
struct Uses {
    /// Every argument that is spoken of.
    named: BTreeSet<Path>,
    /// Those that the condition asks for with `has`.
    asked: BTreeSet<Path>,
    kinds: BTreeMap<Path, Kind>,
    lists: BTreeSet<Path>,
    /// Those that are compared with each other.
    equal: Vec<(Path, Path)>,
}

/// The types of the arguments that a condition speaks of: `condition` is the expression in Cedar's
/// JSON form.
pub(crate) fn types(
    condition: &[&Json],
    declared: Option<&Declared>,
) -> Result<Fields, InferFault> {
    let mut uses = Uses::default();
    for expression in condition {
        let term = uses.visit(expression)?;
        uses.expect(&term, Kind::Bool)?;
    }
    uses.settle()?;
    let Type::Record(fields) = uses.typed(&Vec::new(), declared)? else {
        return Ok(Fields::new());
    };
    Ok(fields)
}

impl Uses {
    fn visit(&mut self, expression: &Json) -> Result<Term, InferFault> {
        let Some((operator, of)) = expression.as_object().and_then(|all| all.iter().next()) else {
            return Ok(Term::Other);
        };
        let operand = |name: &str| of.get(name).unwrap_or(&Json::Null);
        Ok(match operator.as_str() {
            "Value" => match of {
                Json::Bool(_) => Term::Known(Kind::Bool),
                Json::Number(_) => Term::Known(Kind::Long),
                Json::String(_) => Term::Known(Kind::Text),
                Json::Null | Json::Array(_) | Json::Object(_) => Term::Other,
            },
            "Var" if of.as_str() == Some("context") => Term::Context,
            "." => {
                let left = self.visit(operand("left"))?;
                self.member(left, operand("attr"))
            }
            "has" => {
                let left = self.visit(operand("left"))?;
                if let Term::Argument(path) = self.member(left, operand("attr")) {
                    self.asked.insert(path);
                }
                Term::Known(Kind::Bool)
            }
            "==" | "!=" => {
                let (left, right) = self.both(of)?;
                self.unify(&left, &right)?;
                Term::Known(Kind::Bool)
            }
            "<" | "<=" | ">" | ">=" => {
                self.numbers(of)?;
                Term::Known(Kind::Bool)
            }
            "+" | "-" | "*" => {
                self.numbers(of)?;
                Term::Known(Kind::Long)
            }
            "neg" => {
                let term = self.visit(operand("arg"))?;
                self.expect(&term, Kind::Long)?;
                Term::Known(Kind::Long)
            }
            "!" => {
                let term = self.visit(operand("arg"))?;
                self.expect(&term, Kind::Bool)?;
                Term::Known(Kind::Bool)
            }
            "&&" | "||" => {
                let (left, right) = self.both(of)?;
                self.expect(&left, Kind::Bool)?;
                self.expect(&right, Kind::Bool)?;
                Term::Known(Kind::Bool)
            }
            "like" => {
                let term = self.visit(operand("left"))?;
                self.expect(&term, Kind::Text)?;
                Term::Known(Kind::Bool)
            }
            "contains" => {
                let (left, right) = self.both(of)?;
                self.unify(&left, &Term::List(Box::new(right)))?;
                Term::Known(Kind::Bool)
            }
            "containsAll" | "containsAny" => {
                let (left, right) = self.both(of)?;
                self.unify(&left, &right)?;
                self.list(&left);
                self.list(&right);
                Term::Known(Kind::Bool)
            }
            "isEmpty" => {
                let term = self.visit(operand("arg"))?;
                self.list(&term);
                Term::Known(Kind::Bool)
            }
            "if-then-else" => {
                let test = self.visit(operand("if"))?;
                self.expect(&test, Kind::Bool)?;
                let (then, otherwise) =
                    (self.visit(operand("then"))?, self.visit(operand("else"))?);
                self.unify(&then, &otherwise)?;
                if matches!(then, Term::Other) {
                    otherwise
                } else {
                    then
                }
            }
            "Set" => {
                let mut element = Term::Other;
                for each in of.as_array().into_iter().flatten() {
                    let each = self.visit(each)?;
                    self.unify(&element, &each)?;
                    if matches!(element, Term::Other) || matches!(each, Term::Known(_)) {
                        element = each;
                    }
                }
                Term::List(Box::new(element))
            }
            "decimal" => {
                self.each(of)?;
                Term::Known(Kind::Decimal)
            }
            "lessThan" | "lessThanOrEqual" | "greaterThan" | "greaterThanOrEqual" => {
                for each in of.as_array().into_iter().flatten() {
                    let each = self.visit(each)?;
                    self.expect(&each, Kind::Decimal)?;
                }
                Term::Known(Kind::Bool)
            }
            _ => {
                self.each(of)?;
                Term::Other
            }
        })
    }

    /// Everything under an operator that says nothing of types. The validator sees it too.
    fn each(&mut self, of: &Json) -> Result<(), InferFault> {
        match of {
            Json::Array(all) => {
                for each in all {
                    self.visit(each)?;
                }
            }
            Json::Object(all) => {
                for each in all.values() {
                    self.visit(each)?;
                }
            }
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
        }
        Ok(())
    }

    fn both(&mut self, of: &Json) -> Result<(Term, Term), InferFault> {
        let operand = |name: &str| of.get(name).unwrap_or(&Json::Null);
        Ok((self.visit(operand("left"))?, self.visit(operand("right"))?))
    }

    fn numbers(&mut self, of: &Json) -> Result<(), InferFault> {
        let (left, right) = self.both(of)?;
        self.expect(&left, Kind::Long)?;
        self.expect(&right, Kind::Long)
    }

    fn member(&mut self, of: Term, name: &Json) -> Term {
        let name = name.as_str().unwrap_or_default();
        match of {
            Term::Context if name == "args" => Term::Argument(Path::new()),
            Term::Context if name == "parameters" => Term::Parameters,
            Term::Parameters => Term::Known(Kind::Text),
            Term::Argument(mut path) => {
                path.push(name.to_owned());
                self.named.insert(path.clone());
                Term::Argument(path)
            }
            Term::Context | Term::Known(_) | Term::List(_) | Term::Other => Term::Other,
        }
    }

    fn expect(&mut self, term: &Term, kind: Kind) -> Result<(), InferFault> {
        self.unify(term, &Term::Known(kind))
    }

    fn list(&mut self, term: &Term) {
        if let Term::Argument(path) = term {
            self.lists.insert(path.clone());
            self.named.insert(element(path));
        }
    }

    fn unify(&mut self, one: &Term, other: &Term) -> Result<(), InferFault> {
        match (one, other) {
            (Term::Argument(path), _) | (_, Term::Argument(path)) if path.is_empty() => {
                Err(InferFault::AllArguments)
            }
            (Term::Argument(one), Term::Argument(other)) => {
                self.equal.push((one.clone(), other.clone()));
                Ok(())
            }
            (Term::Argument(path), Term::Known(kind))
            | (Term::Known(kind), Term::Argument(path)) => {
                let before = *self.kinds.entry(path.clone()).or_insert(*kind);
                if before == *kind {
                    return Ok(());
                }
                Err(InferFault::Both {
                    argument: shown(path),
                    one: before.of().expected(),
                    other: kind.of().expected(),
                })
            }
            (Term::Argument(path), Term::List(of)) | (Term::List(of), Term::Argument(path)) => {
                self.list(&Term::Argument(path.clone()));
                self.unify(&Term::Argument(element(path)), of)
            }
            (Term::List(one), Term::List(other)) => self.unify(one, other),
            // The validator refuses what cannot be equal, with better words.
            (
                Term::Context | Term::Parameters | Term::Known(_) | Term::List(_) | Term::Other,
                Term::Context | Term::Parameters | Term::Known(_) | Term::List(_) | Term::Other,
            )
            | (Term::Argument(_), Term::Context | Term::Parameters | Term::Other)
            | (Term::Context | Term::Parameters | Term::Other, Term::Argument(_)) => Ok(()),
        }
    }

    /// What is equal to something of a type has that type, however many steps away.
    fn settle(&mut self) -> Result<(), InferFault> {
        let pairs = self.equal.clone();
        // Each round tells at least one more argument its type, or is the last.
        for _ in 0..=pairs.len() {
            for (one, other) in &pairs {
                for (from, to) in [(one, other), (other, one)] {
                    if let Some(kind) = self.kinds.get(from).copied() {
                        self.expect(&Term::Argument(to.clone()), kind)?;
                    }
                    if self.lists.contains(from) {
                        self.list(&Term::Argument(to.clone()));
                        let kind = self.kinds.get(&element(from)).copied();
                        if let Some(kind) = kind {
                            self.expect(&Term::Argument(element(to)), kind)?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// The type of the argument at a path, from its uses and from what its schema says.
    fn typed(&self, path: &Path, declared: Option<&Declared>) -> Result<Type, InferFault> {
        let members = self.members(path);
        let kind = self.kinds.get(path).copied();
        let is_list = self.lists.contains(path);
        let used = if is_list {
            "a list"
        } else if let Some(kind) = kind {
            kind.of().expected()
        } else if !members.is_empty() {
            "an object"
        } else {
            "anything"
        };
        let against = |declared: &'static str| InferFault::Schema {
            argument: shown(path),
            declared,
            used,
        };
        match declared {
            Some(Declared::Bool) => self.plain(path, Kind::Bool, kind, against),
            Some(Declared::Whole) => self.plain(path, Kind::Long, kind, against),
            Some(Declared::Number) => match kind {
                Some(Kind::Long) => Ok(Type::Long),
                None | Some(Kind::Decimal) if members.is_empty() && !is_list => Ok(Type::Decimal),
                None | Some(Kind::Bool | Kind::Decimal | Kind::Text) => Err(against("a number")),
            },
            Some(Declared::Text(format)) => match (kind, format) {
                // An amount that is sent as a text.
                (Some(Kind::Decimal), None) => Ok(Type::Decimal),
                (_, Some(parted)) if !members.is_empty() => self.parted(path, *parted, &members),
                (_, None) if !members.is_empty() => {
                    let parted = parted_by(&members).ok_or_else(|| against("a text"))?;
                    self.parted(path, parted, &members)
                }
                _ => self.plain(path, Kind::Text, kind, against),
            },
            Some(Declared::List(of)) => {
                if kind.is_some() || !(is_list || members.is_empty()) {
                    return Err(against("a list"));
                }
                if !is_list {
                    return Ok(Type::Any);
                }
                let of = self.element(path, Some(of))?;
                Ok(Type::Set(Box::new(of)))
            }
            Some(Declared::Object(fields)) => {
                if kind.is_some() || is_list {
                    return Err(against("an object"));
                }
                self.record(path, &members, |name| match fields.get(name) {
                    Some(field) => Ok(Some(field)),
                    None => Err(InferFault::NoArgument {
                        argument: shown(&joined(path, name)),
                    }),
                })
            }
            Some(Declared::Other) | None => {
                if is_list {
                    return Ok(Type::Set(Box::new(self.element(path, None)?)));
                }
                if members.is_empty() {
                    return match kind {
                        Some(kind) => Ok(kind.of()),
                        None if self.asked.contains(path) && !self.is_compared(path) => {
                            Ok(Type::Any)
                        }
                        None => Err(InferFault::Untold {
                            argument: shown(path),
                        }),
                    };
                }
                let known = |part: &&str, parted: Parted| parted.is_known_by(part);
                let parted = Parted::ALL.into_iter().find(|parted| {
                    !path.is_empty() && members.iter().any(|part| known(part, *parted))
                });
                match parted {
                    Some(parted) => self.parted(path, parted, &members),
                    None => self.record(path, &members, |_| Ok(None)),
                }
            }
        }
    }

    fn plain(
        &self,
        path: &Path,
        is: Kind,
        used: Option<Kind>,
        against: impl Fn(&'static str) -> InferFault,
    ) -> Result<Type, InferFault> {
        let fits = used.is_none_or(|used| used == is)
            && self.members(path).is_empty()
            && !self.lists.contains(path);
        if fits {
            Ok(is.of())
        } else {
            Err(against(is.of().expected()))
        }
    }

    fn parted(&self, path: &Path, parted: Parted, members: &[&str]) -> Result<Type, InferFault> {
        let argument = || shown(path);
        let has = |name: &&&str| parted.parts().iter().any(|(part, _)| part == *name);
        if let Some(part) = members.iter().find(|name| !has(name)) {
            return Err(InferFault::NoPart {
                argument: argument(),
                part: (*part).to_owned(),
            });
        }
        if self.is_compared(path) {
            return Err(InferFault::Whole {
                argument: argument(),
                whole: parted.whole(),
            });
        }
        for (part, is_number) in parted.parts() {
            let used = self.kinds.get(&joined(path, part));
            let is = if *is_number { Kind::Long } else { Kind::Text };
            if let Some(used) = used.filter(|used| **used != is) {
                return Err(InferFault::Both {
                    argument: shown(&joined(path, part)),
                    one: is.of().expected(),
                    other: used.of().expected(),
                });
            }
        }
        Ok(Type::Parted(parted))
    }

    fn element(&self, path: &Path, declared: Option<&Declared>) -> Result<Type, InferFault> {
        let path = element(path);
        match self.typed(&path, declared) {
            // Whether a list is empty is asked of no element.
            Err(InferFault::Untold { .. }) if !self.is_compared(&path) => Ok(Type::Any),
            typed => typed,
        }
    }

    fn record<'d>(
        &self,
        path: &Path,
        members: &[&str],
        declared: impl Fn(&str) -> Result<Option<&'d Declared>, InferFault>,
    ) -> Result<Type, InferFault> {
        if self.is_compared(path) {
            return Err(InferFault::Both {
                argument: shown(path),
                one: "an object",
                other: "a value",
            });
        }
        let mut fields = Fields::new();
        for name in members {
            let path = joined(path, name);
            let field = Field {
                of: self.typed(&path, declared(name)?)?,
                optional: self.asked.contains(&path),
            };
            fields.insert((*name).to_owned(), field);
        }
        Ok(Type::Record(fields))
    }

    /// Whether a value as a whole is compared with another.
    fn is_compared(&self, path: &Path) -> bool {
        self.kinds.contains_key(path)
            || self
                .equal
                .iter()
                .any(|(one, other)| one == path || other == path)
    }

    /// The names directly under a path.
    fn members(&self, path: &Path) -> Vec<&str> {
        let under = self.named.iter().filter_map(|named| {
            let rest = named.strip_prefix(path.as_slice())?;
            rest.first().map(String::as_str)
        });
        let under: BTreeSet<&str> = under.filter(|name| *name != ELEMENT).collect();
        under.into_iter().collect()
    }
}

/// The one kind of text that has all these parts.
fn parted_by(members: &[&str]) -> Option<Parted> {
    let has_all = |parted: &Parted| {
        members
            .iter()
            .all(|name| parted.parts().iter().any(|(part, _)| part == name))
    };
    let mut all = Parted::ALL.into_iter().filter(has_all);
    match (all.next(), all.next()) {
        (Some(one), None) => Some(one),
        _ => None,
    }
}

fn element(path: &Path) -> Path {
    joined(path, ELEMENT)
}

fn joined(path: &Path, name: &str) -> Path {
    let mut path = path.clone();
    path.push(name.to_owned());
    path
}
