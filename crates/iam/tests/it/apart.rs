//! Evaluator and algebra test each other, which is worth something as long as they share nothing
//! that matches.

use std::fs;
use std::path::{Path, PathBuf};

/// What the algebra takes from the evaluator: the question whether a request is allowed, the answer,
/// and the name of a reading of resource patterns. None of it matches anything.
const TAKEN: [&str; 3] = ["Outcome", "ResourceSemantics", "evaluate"];

/// Modules that say what was written and not what it matches, so that both may read them.
const OF_BOTH: [&str; 6] = ["arn", "json", "layers", "policy", "request", "vocabulary"];

fn sources(module: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = vec![root.join(format!("{module}.rs"))];
    let mut folders = vec![root.join(module)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                paths.push(path);
            }
        }
    }
    paths.retain(|path| !path.ends_with("tests.rs"));
    paths.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        // Tests that stand in the file come last.
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        let code: Vec<&str> = text
            .lines()
            .map(|line| line.split("//").next().unwrap_or_default())
            .collect();
        (path, code.join("\n"))
    };
    paths.into_iter().map(read).collect()
}

/// The paths that begin with `crate::`: module, and what is taken from it.
fn imports(code: &str) -> Vec<(String, Vec<String>)> {
    let word = |text: &str| -> String {
        let letters = text.chars();
        letters
            .take_while(|it| it.is_alphanumeric() || *it == '_')
            .collect()
    };
    let of_module = |path: &str| {
        let module = word(path);
        let rest = path[module.len()..].trim_start_matches("::");
        let names = match rest.strip_prefix('{') {
            None => vec![word(rest)],
            Some(list) => {
                let list = list.split('}').next().unwrap_or_default();
                list.split(',').map(|name| word(name.trim())).collect()
            }
        };
        (module, names)
    };
    let paths = code.split("crate::").skip(1);
    let mut found = Vec::new();
    for path in paths {
        match path.strip_prefix('{') {
            None => found.push(of_module(path)),
            // `use crate::{a::B, c::{D, E}};`
            Some(list) => {
                let list = list.split(';').next().unwrap_or_default();
                let mut depth = 0;
                let parts = list.split(|letter| {
                    depth += i32::from(letter == '{') - i32::from(letter == '}');
                    letter == ',' && depth == 0
                });
                let parts = parts.map(str::trim).filter(|part| !part.is_empty());
                found.extend(
                    parts
                        .map(of_module)
                        .filter(|(module, _)| !module.is_empty()),
                );
            }
        }
    }
    found
}

#[test]
fn the_evaluator_knows_nothing_of_the_algebra() {
    for (path, code) in sources("evaluate") {
        for (module, names) in imports(&code) {
            // `crate::evaluate::…` and visibilities such as `pub(in crate::…)` stay at home.
            let is_own = module == "evaluate" || OF_BOTH.contains(&module.as_str());
            assert!(is_own, "{}: {module}::{names:?}", path.display());
        }
        assert!(!code.contains("access::"), "{}", path.display());
    }
}

#[test]
fn the_algebra_takes_an_answer_from_the_evaluator_and_nothing_that_matches() {
    let mut taken = 0;
    for (path, code) in sources("access") {
        for (module, names) in imports(&code) {
            if module == "evaluate" {
                for name in names {
                    assert!(TAKEN.contains(&name.as_str()), "{}: {name}", path.display());
                    taken += 1;
                }
                continue;
            }
            let is_own = OF_BOTH.contains(&module.as_str());
            assert!(is_own, "{}: {module}::{names:?}", path.display());
        }
        let elsewhere = code.replace("crate::evaluate::", "");
        assert!(!elsewhere.contains("evaluate::"), "{}", path.display());
    }
    assert!(taken >= 8, "the imports were not found: {taken}");
}
