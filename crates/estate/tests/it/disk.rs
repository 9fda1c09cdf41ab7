//! Files from the disk, as the command line would hand them over.

use std::{fs, path::Path};

use bailiwick_estate::File;

pub(crate) fn files_below(root: &Path) -> Vec<File<'static>> {
    let mut found = Vec::new();
    walk(root, root, &mut found);
    found
}

fn walk(root: &Path, folder: &Path, found: &mut Vec<File<'static>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(root, &path, found);
            continue;
        }
        let below = path.strip_prefix(root).unwrap().to_str().unwrap();
        found.push(File {
            given: "given".into(),
            below: below.replace('\\', "/"),
            open: Box::new(move || Ok(Box::new(fs::File::open(&path)?))),
        });
    }
}
