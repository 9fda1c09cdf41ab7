//! Parameters: what their expressions admit, and what that would mean in an ARN.

use std::collections::BTreeSet;

use regex_syntax::hir::{Class, Hir, HirKind};

use super::{Remarks, Weight};
use crate::bind::is_hidden;
use crate::charter::{Parameter, Task, VALUE_LENGTH_MAX};
use crate::name::ParameterName;
use crate::template::{Part, ResourceTemplate};

pub(super) fn check(remarks: &mut Remarks<'_>, path: &str, task: &Task) {
    let reached: BTreeSet<&ParameterName> = task
        .reaches()
        .flat_map(|reach| &reach.resources)
        .flat_map(ResourceTemplate::parameters)
        .collect();
    for (name, parameter) in &task.parameters {
        let path = format!("{path}.parameters.{name}");
        let asked = task.tools.iter().filter_map(|used| used.when.as_deref());
        let is_asked = asked
            .into_iter()
            .any(|when| when.contains(&format!("parameters.{name}")));
        if reached.contains(name) {
            in_resources(remarks, &path, name, parameter);
        } else if !is_asked {
            let what =
                format!("`{name}` is asked for and narrows nothing: it only names the grant");
            remarks.add(
                "unused-parameter",
                Weight::Info,
                &path,
                what,
                "use it in a resource or a `when`, if it should",
            );
        }
    }
    for (list, reaches) in [("read", &task.read), ("write", &task.write)] {
        for (index, reach) in reaches.iter().enumerate() {
            for (at, resource) in reach.resources.iter().enumerate() {
                let path = format!("{path}.{list}.{index}.resources.{at}");
                open_end(remarks, &path, resource);
            }
        }
    }
}

fn in_resources(
    remarks: &mut Remarks<'_>,
    path: &str,
    name: &ParameterName,
    parameter: &Parameter,
) {
    // The parser has compiled the expression: it is one.
    let Ok(tree) = regex_syntax::parse(parameter.as_str()) else {
        return;
    };
    let admits = |unsafe_letter: &dyn Fn(char) -> bool| finds(&tree, unsafe_letter);
    let refused = |letter: char| matches!(letter, '/' | ':' | '\\' | '%') || is_hidden(letter);
    if admits(&refused) {
        let what = format!(
            "`{name}` admits slashes, colons or characters that cannot be seen, and stands in an ARN: such values are refused when a grant is asked for"
        );
        remarks.add(
            "unsafe-parameter",
            Weight::Medium,
            path,
            what,
            "admit letters, digits, `-`, `_` and `.` only",
        );
    } else if admits(&|letter| matches!(letter, '*' | '?' | '$')) {
        let what = format!(
            "`{name}` admits `*`, `?` or `$`, which are escaped in an ARN: no such resource may exist"
        );
        remarks.add(
            "unsafe-parameter",
            Weight::Low,
            path,
            what,
            "admit letters, digits, `-`, `_` and `.` only",
        );
    }
    let properties = tree.properties();
    if properties.minimum_len() == Some(0) {
        let what = format!("`{name}` may be empty, which is refused in an ARN");
        remarks.add(
            "empty-parameter",
            Weight::Low,
            path,
            what,
            "ask for one character at least: {1,32}",
        );
    }
    if properties
        .maximum_len()
        .is_none_or(|most| most > VALUE_LENGTH_MAX)
    {
        let what = format!(
            "`{name}` has no greatest length: values above {VALUE_LENGTH_MAX} bytes are refused"
        );
        remarks.add(
            "long-parameter",
            Weight::Low,
            path,
            what,
            "bound it: {1,32}",
        );
    }
}

/// Whether any letter that the expression admits somewhere answers to this.
fn finds(tree: &Hir, wanted: &dyn Fn(char) -> bool) -> bool {
    match tree.kind() {
        HirKind::Empty | HirKind::Look(_) => false,
        HirKind::Literal(literal) => String::from_utf8_lossy(&literal.0).chars().any(wanted),
        HirKind::Class(Class::Unicode(class)) => class
            .ranges()
            .iter()
            .any(|range| any_between(range.start(), range.end(), wanted)),
        HirKind::Class(Class::Bytes(class)) => class
            .ranges()
            .iter()
            .any(|range| (range.start()..=range.end()).any(|byte| wanted(char::from(byte)))),
        HirKind::Repetition(repeated) => finds(&repeated.sub, wanted),
        HirKind::Capture(capture) => finds(&capture.sub, wanted),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().any(|part| finds(part, wanted))
        }
    }
}

/// Every letter that is asked about lies in the first planes or at a range's ends; a range of a
/// million is not walked.
fn any_between(from: char, to: char, wanted: &dyn Fn(char) -> bool) -> bool {
    const WALKED: u32 = 0x1_1000;
    let near = (from..=to).take_while(|&letter| u32::from(letter) < WALKED);
    wanted(from) || wanted(to) || near.into_iter().any(wanted)
}

/// `${supplier}*`: one supplier's name may begin another's.
fn open_end(remarks: &mut Remarks<'_>, path: &str, resource: &ResourceTemplate) {
    let parts = resource.parts().windows(2);
    let open = parts.into_iter().find_map(|pair| match pair {
        [Part::Parameter(name), Part::Text(text)] if text.starts_with('*') => Some(name),
        _ => None,
    });
    if let Some(name) = open {
        let what = format!(
            "`${{{name}}}*` reaches every name that begins with the value: `acme` reaches `acme-holding` too"
        );
        remarks.add(
            "open-end",
            Weight::Medium,
            path,
            what,
            format!("end the name: `${{{name}}}/*`"),
        );
    }
}
