//! A folder of answers: there whole or not at all, and nobody's own work lost.
//!
//! `files.sha256` in the folder lists what was written, in the form that `sha256sum --check` reads.
//! It tells the next run which files are ours and as we left them, and so may be replaced.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};

use crate::{fault::Fault, input};

const MANIFEST: &str = "files.sha256";

/// Writes the files, by their paths below `folder`, in place of those of an earlier run.
///
/// They are written beside the folder, which is then renamed: a reader never sees half of them. A
/// folder that holds anything else, or a file changed by hand, is refused.
pub(crate) fn deliver(folder: &Path, files: &BTreeMap<String, String>) -> anyhow::Result<()> {
    let is_there = is_replaceable(folder)?;
    let (aside, old) = (beside(folder, "part")?, beside(folder, "old")?);
    let written = write_all(&aside, files).and_then(|()| {
        if is_there {
            fs::rename(folder, &old)?;
        }
        fs::rename(&aside, folder).inspect_err(|_| {
            if is_there {
                // Back to how it was; if even that fails, the first error is the one to tell.
                let _ = fs::rename(&old, folder);
            }
        })
    });
    if written.is_err() {
        let _ = fs::remove_dir_all(&aside);
    }
    written.with_context(|| format!("cannot write `{}`", folder.display()))?;
    if is_there {
        fs::remove_dir_all(&old).with_context(|| format!("cannot remove `{}`", old.display()))?;
    }
    Ok(())
}

fn write_all(folder: &Path, files: &BTreeMap<String, String>) -> io::Result<()> {
    let mut manifest = String::new();
    for (path, text) in files {
        let _ = writeln!(manifest, "{}  {path}", digest(text.as_bytes()));
        write(&folder.join(path), text)?;
    }
    write(&folder.join(MANIFEST), &manifest)
}

fn write(file: &Path, text: &str) -> io::Result<()> {
    use io::Write as _;
    if let Some(parent) = file.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut begun = fs::File::create(file)?;
    begun.write_all(text.as_bytes())?;
    begun.sync_all()
}

/// Whether there is a folder to replace. A folder with somebody's work in it is an error.
fn is_replaceable(folder: &Path) -> Result<bool, Fault> {
    let kind = match fs::metadata(folder) {
        Ok(kind) => kind,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(input::unreadable(folder, &error)),
    };
    if !kind.is_dir() {
        return Err(Fault::new(format!("`{}` is a file", folder.display()))
            .mend("name a folder: a plan is several files"));
    }
    let mut found = BTreeSet::new();
    list(folder, Path::new(""), &mut found).map_err(|error| input::unreadable(folder, &error))?;
    if found.is_empty() {
        return Ok(true);
    }
    let manifest = fs::read_to_string(folder.join(MANIFEST)).unwrap_or_default();
    let ours: BTreeMap<&str, &str> = manifest
        .lines()
        .filter_map(|line| line.split_once("  "))
        .map(|(digest, path)| (path, digest))
        .collect();
    for path in found.iter().filter(|path| *path != MANIFEST) {
        let Some(expected) = ours.get(path.as_str()) else {
            return Err(not_ours(folder, path, "is not of an earlier run"));
        };
        let bytes = fs::read(folder.join(path))
            .map_err(|error| input::unreadable(&folder.join(path), &error))?;
        if digest(&bytes) != *expected {
            return Err(not_ours(folder, path, "was changed by hand"));
        }
    }
    Ok(true)
}

fn not_ours(folder: &Path, path: &str, why: &str) -> Fault {
    Fault::new(format!(
        "`{}` would be replaced, and `{path}` in it {why}",
        folder.display()
    ))
    .mend("name another folder, or move that file away")
}

/// Every file below, as a path with slashes.
fn list(folder: &Path, below: &Path, found: &mut BTreeSet<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder.join(below))? {
        let entry = entry?;
        let path = below.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            list(folder, &path, found)?;
            continue;
        }
        let parts: Vec<_> = path
            .components()
            .map(|part| part.as_os_str().to_string_lossy())
            .collect();
        found.insert(parts.join("/"));
    }
    Ok(())
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

fn beside(folder: &Path, what: &str) -> Result<PathBuf, Fault> {
    let Some(name) = folder.file_name() else {
        return Err(
            Fault::new(format!("`{}` names no folder", folder.display()))
                .mend("name the folder to write, for example plan/"),
        );
    };
    let mut aside = std::ffi::OsString::from(".");
    aside.push(name);
    aside.push(format!(".{}.{what}", std::process::id()));
    Ok(folder.with_file_name(aside))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    struct Place(PathBuf);

    impl Place {
        fn new() -> Self {
            static COUNT: AtomicU32 = AtomicU32::new(0);
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let name = format!("bailiwick-folder-{}-{number}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn plan(&self) -> PathBuf {
            self.0.join("plan")
        }

        fn below(&self) -> BTreeSet<String> {
            let mut found = BTreeSet::new();
            list(&self.0, Path::new(""), &mut found).unwrap();
            found
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn files(of: &[(&str, &str)]) -> BTreeMap<String, String> {
        of.iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
            .collect()
    }

    #[test]
    fn a_second_run_leaves_nothing_of_the_first() {
        let place = Place::new();
        deliver(&place.plan(), &files(&[("a.json", "1"), ("b/c.json", "2")])).unwrap();
        deliver(&place.plan(), &files(&[("a.json", "3")])).unwrap();
        let expected = ["plan/a.json", "plan/files.sha256"].map(str::to_owned);
        assert_eq!(place.below(), BTreeSet::from(expected));
        assert_eq!(
            fs::read_to_string(place.plan().join("a.json")).unwrap(),
            "3"
        );
    }

    #[test]
    fn a_file_of_somebody_elses_is_not_replaced() {
        let place = Place::new();
        fs::create_dir_all(place.plan()).unwrap();
        fs::write(place.plan().join("main.tf"), "mine").unwrap();
        let error = deliver(&place.plan(), &files(&[("a.json", "1")])).unwrap_err();
        assert!(error.to_string().contains("main.tf"), "{error}");
        assert_eq!(place.below(), BTreeSet::from(["plan/main.tf".to_owned()]));
    }

    #[test]
    fn a_file_changed_by_hand_is_not_replaced() {
        let place = Place::new();
        deliver(&place.plan(), &files(&[("a.json", "1")])).unwrap();
        fs::write(place.plan().join("a.json"), "1, and a word of mine").unwrap();
        let error = deliver(&place.plan(), &files(&[("a.json", "2")])).unwrap_err();
        assert!(error.to_string().contains("by hand"), "{error}");
        let kept = fs::read_to_string(place.plan().join("a.json")).unwrap();
        assert!(kept.contains("mine"));
    }

    #[test]
    fn an_empty_folder_is_taken_and_a_file_is_not() {
        let place = Place::new();
        fs::create_dir_all(place.plan()).unwrap();
        deliver(&place.plan(), &files(&[("a.json", "1")])).unwrap();
        let file = place.0.join("file");
        fs::write(&file, "").unwrap();
        assert!(deliver(&file, &files(&[("a.json", "1")])).is_err());
    }
}
