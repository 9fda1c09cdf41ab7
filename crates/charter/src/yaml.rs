//! YAML as far as a charter needs it: maps, lists and text, each with its place.
//!
//! A file that grants is read one way only. Anchors, aliases and tags are refused, so a text is as
//! large as it looks; a key twice is refused; every scalar is the text that stands there, so that
//! `no` is not false and `1e3` is not a thousand.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span};

use crate::name::shown;
use crate::place::{Place, Problem};

/// The longest text read as a charter. A long one has a hundred lines.
pub(crate) const TEXT_LENGTH_MAX: usize = 256 * 1024;
/// Charters nest six deep.
const DEPTH_MAX: usize = 16;
/// Maps, lists and scalars in one charter.
const NODES_MAX: usize = 20_000;

/// Keys in one map. A charter has a dozen, and its tasks some more.
const KEYS_MAX: usize = 1_000;

#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) content: Content,
}

#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// Nothing, `~` or `null`.
    Nothing,
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) place: Place,
    pub(crate) value: Node,
}

impl Node {
    /// What the node is, in the words of a message.
    pub(crate) fn kind(&self) -> &'static str {
        match self.content {
            Content::Nothing => "nothing",
            Content::Text(_) => "a text",
            Content::List(_) => "a list",
            Content::Map(_) => "a map",
        }
    }
}

/// The one document in `text`.
pub(crate) fn parse(text: &str) -> Result<Node, Problem> {
    let start = Place { line: 1, column: 1 };
    if text.len() > TEXT_LENGTH_MAX {
        let what = format!("the file has {} bytes", text.len());
        return Err(problem(start, what, "a charter has at most 262144"));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut tree = Tree::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            problem(
                place(error.marker()),
                format!("this is not YAML: {}", error.info()),
                "see https://yaml.org/spec/1.2.2",
            )
        })?;
        tree.take(event, span)?;
    }
    tree.root.ok_or_else(|| {
        let what = "the file says nothing".to_owned();
        problem(start, what, "begin with `agent:` and the agent's name")
    })
}

fn place(marker: &Marker) -> Place {
    Place {
        line: marker.line(),
        column: marker.col() + 1,
    }
}

pub(crate) fn problem(place: Place, what: String, mend: &str) -> Problem {
    Problem {
        place,
        what,
        mend: mend.to_owned(),
    }
}

/// A tree that grows by events; what is open is on a stack and not in the machine's.
#[derive(Default)]
struct Tree {
    open: Vec<Open>,
    root: Option<Node>,
    nodes: usize,
}

enum Open {
    List(Place, Vec<Node>),
    Map(Place, Vec<Entry>, Option<(String, Place)>),
}

impl Tree {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Problem> {
        let at = place(&span.start);
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) if self.root.is_some() => Err(problem(
                at,
                "a second document".to_owned(),
                "put every charter into a file of its own",
            )),
            Event::DocumentStart(_) => Ok(()),
            Event::Alias(_) => Err(problem(
                at,
                "an alias".to_owned(),
                "write out what it stands for: a charter says everything where it holds",
            )),
            Event::Scalar(text, style, anchor, tag) => {
                plain(at, anchor, tag.is_some())?;
                let nothing = style == ScalarStyle::Plain && matches!(&*text, "" | "~" | "null");
                let content = if nothing {
                    Content::Nothing
                } else {
                    Content::Text(text.into_owned())
                };
                self.close(Node { place: at, content })
            }
            Event::SequenceStart(anchor, tag) => {
                plain(at, anchor, tag.is_some())?;
                self.enter(at, Open::List(at, Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                plain(at, anchor, tag.is_some())?;
                self.enter(at, Open::Map(at, Vec::new(), None))
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::List(place, nodes)) => self.close(Node {
                    place,
                    content: Content::List(nodes),
                }),
                Some(Open::Map(place, entries, _)) => self.close(Node {
                    place,
                    content: Content::Map(entries),
                }),
                None => Ok(()),
            },
        }
    }

    fn enter(&mut self, at: Place, open: Open) -> Result<(), Problem> {
        if self.open.len() == DEPTH_MAX {
            let what = format!("nested more than {DEPTH_MAX} deep");
            return Err(problem(at, what, "a charter nests six deep"));
        }
        if let Some(Open::Map(_, _, None)) = self.open.last() {
            let what = "a key that is a list or a map".to_owned();
            return Err(problem(at, what, "a key is a word"));
        }
        self.open.push(open);
        Ok(())
    }

    /// A node is complete: it belongs to what is open around it.
    fn close(&mut self, node: Node) -> Result<(), Problem> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            let what = format!("more than {NODES_MAX} values");
            return Err(problem(node.place, what, "split the charter"));
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List(_, nodes)) => nodes.push(node),
            Some(Open::Map(_, entries, key @ None)) => *key = Some(new_key(entries, node)?),
            Some(Open::Map(_, entries, key @ Some(_))) => {
                if let Some((key, place)) = key.take() {
                    entries.push(Entry {
                        key,
                        place,
                        value: node,
                    });
                }
            }
        }
        Ok(())
    }
}

fn new_key(entries: &[Entry], node: Node) -> Result<(String, Place), Problem> {
    if entries.len() == KEYS_MAX {
        let what = format!("more than {KEYS_MAX} keys in one map");
        return Err(problem(node.place, what, "split the charter"));
    }
    let Content::Text(key) = node.content else {
        let what = "a key without a name".to_owned();
        return Err(problem(node.place, what, "a key is a word"));
    };
    if let Some(earlier) = entries.iter().find(|entry| entry.key == key) {
        let what = format!(
            "`{}` stands twice, first on line {}",
            shown(&key),
            earlier.place.line
        );
        return Err(problem(node.place, what, "keep one of them"));
    }
    Ok((key, node.place))
}

fn plain(at: Place, anchor: usize, tagged: bool) -> Result<(), Problem> {
    if anchor != 0 {
        let what = "an anchor".to_owned();
        let mend = "take it out: a charter says everything where it holds";
        return Err(problem(at, what, mend));
    }
    if tagged {
        let what = "a tag".to_owned();
        return Err(problem(
            at,
            what,
            "take it out: every value is read as text",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str, what: &str) {
        let problem = parse(text).unwrap_err();
        assert!(problem.what.contains(what), "{problem:?}");
    }

    #[test]
    fn a_text_is_what_stands_there() {
        let Content::Map(entries) = parse("environment: no\nn: 1e3\nx: ~\n").unwrap().content
        else {
            panic!("a map");
        };
        let values: Vec<_> = entries.iter().map(|entry| &entry.value.content).collect();
        assert!(matches!(
            values[..],
            [Content::Text(a), Content::Text(b), Content::Nothing] if a == "no" && b == "1e3"
        ));
        assert_eq!(entries[1].place, Place { line: 2, column: 1 });
        assert_eq!(entries[1].value.place, Place { line: 2, column: 4 });
    }

    #[test]
    fn a_laugh_is_not_multiplied() {
        refused("a: &a [x]\nb: [*a, *a]", "an anchor");
        refused(&format!("{}{}", "[".repeat(50), "]".repeat(50)), "nested");
        refused(&"- x\n".repeat(NODES_MAX + 1), "more than");
        let keys: String = (0..=KEYS_MAX).map(|at| format!("k{at}: x\n")).collect();
        refused(&keys, "keys in one map");
        refused(&" ".repeat(TEXT_LENGTH_MAX + 1), "bytes");
    }

    #[test]
    fn what_reads_two_ways_is_refused() {
        refused("a: 1\na: 2", "twice, first on line 1");
        refused("a: !!int 3", "a tag");
        refused("a: 1\n---\nb: 2", "a second document");
        refused("[a]: 1", "a key that is a list");
        refused("a: [", "not YAML");
        refused("", "says nothing");
    }
}
