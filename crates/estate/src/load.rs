//! From files to an estate.

mod calls;
mod details;
mod documents;
mod extra;
mod learn;
mod organization;
mod read;
mod reading;
mod resolve;
mod resources;
mod stream;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, io,
};

use bailiwick_iam::arn::{AccountId, Arn};
use rustc_hash::FxHashMap;

pub(crate) use self::calls::unqualified;
use self::{
    calls::Draft,
    details::Attachment,
    documents::Documents,
    extra::Extra,
    reading::{Reading, Recognised},
    resources::Found,
};
use crate::{
    arena::Id,
    document::PolicyDocument,
    estate::Estate,
    principal::{Account, Group, Tags, User},
    source::{Beside, Holds, Incomplete, Place, Source},
};

/// A file that may belong to a snapshot, and how to open it.
///
/// This crate opens nothing itself: whoever owns the disk hands over every file below each PATH, and
/// the rules of a snapshot folder are applied here.
pub struct File<'a> {
    /// The PATH it was found under, as its user wrote it.
    pub given: String,
    /// Its path below that, parts separated by `/`; empty if PATH is the file itself.
    pub below: String,
    /// Opens it from its beginning; called once or twice.
    pub open: Opener<'a>,
}

pub type Opener<'a> = Box<dyn Fn() -> io::Result<Box<dyn io::Read + 'a>> + 'a>;

impl<'a> File<'a> {
    /// A file whose bytes are at hand.
    #[must_use]
    pub fn of_bytes(given: &str, below: &str, bytes: &'a [u8]) -> Self {
        Self {
            given: given.into(),
            below: below.into(),
            open: Box::new(move || Ok(Box::new(bytes))),
        }
    }

    /// The name under which errors and findings speak of it.
    #[must_use]
    pub fn name(&self) -> String {
        match (self.given.trim_end_matches('/'), self.below.as_str()) {
            (given, "") => given.into(),
            ("." | "", below) => below.into(),
            (given, below) => format!("{given}/{below}"),
        }
    }

    /// The folders above it, as far as they are known, and its own name.
    fn parts(&self) -> Vec<String> {
        self.name().split(['/', '\\']).map(str::to_owned).collect()
    }
}

impl fmt::Debug for File<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "File({})", self.name())
    }
}

/// Why files are no estate: which one, where, what is wrong, and the mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}{place}: {problem}{pointer}", place = place(*line, *column), pointer = at(pointer))]
pub struct LoadError {
    pub file: String,
    /// From 1; 0 if the file could not be read at all.
    pub line: u32,
    pub column: u32,
    /// RFC 6901; empty is the whole file.
    pub pointer: String,
    pub problem: String,
    /// What to do about it.
    pub mend: String,
}

fn place(line: u32, column: u32) -> String {
    if line == 0 {
        String::new()
    } else {
        format!(":{line}:{column}")
    }
}

fn at(pointer: &str) -> String {
    if pointer.is_empty() {
        String::new()
    } else {
        format!(" (at {pointer})")
    }
}

impl Estate {
    /// Reads an estate from every file below every PATH.
    ///
    /// The rules of a snapshot folder are these. A folder that holds an `estate/` folder is that
    /// estate; charters, usage and a trail beside it are recognised and left to their readers.
    /// Files are known by content, whatever their name. What a file lacks becomes an entry of
    /// [`Estate::incomplete`]; what contradicts itself or cannot be read is an error.
    ///
    /// # Errors
    /// The first file, in the order of their names, that cannot be read: see [`LoadError`].
    pub fn load(mut files: Vec<File<'_>>) -> Result<Self, LoadError> {
        files.sort_by_cached_key(File::name);
        files.dedup_by_key(|file| file.name());
        let mut loader = Loader::default();
        // What stands in no account's folder belongs to the account whose principals stand beside
        // it, so principals come first.
        let holders = holders(&files);
        let mut later = Vec::new();
        for file in &files {
            let held = loader.recognise(file, &holders)?;
            if held.recognised == Some(Kind::Details) {
                loader.take(file, &held)?;
            } else {
                later.push((file, held));
            }
        }
        for (file, held) in &later {
            loader.take(file, held)?;
        }
        Ok(loader.finish())
    }
}

/// What of a file is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Details,
    Organization,
    Extra,
    Calls,
    Resources,
}

struct Held {
    source: Id<Source>,
    name: String,
    recognised: Option<Kind>,
}

/// An estate while it is read, and what can be settled only when everything has been.
#[derive(Default)]
struct Loader {
    estate: Estate,
    documents: Documents,
    /// Hashes of what was read, by ARN, to tell a repetition from a contradiction.
    seen: FxHashMap<Arn, u64>,
    /// Managed policies by the account in whose file they stand; `None`: in nobody's.
    managed: FxHashMap<(Option<AccountId>, Arn), Id<PolicyDocument>>,
    attachments: Vec<Attachment>,
    memberships: Vec<(Id<User>, String, Place)>,
    group_by_name: FxHashMap<(AccountId, String), Id<Group>>,
    pages: BTreeMap<AccountId, Pages>,
    /// The accounts of the organisation.
    members: BTreeSet<AccountId>,
    extras: Vec<Extra>,
    found: Vec<Found>,
    found_by_arn: FxHashMap<Arn, usize>,
    drafts: BTreeMap<calls::Key, Draft>,
    tags: BTreeMap<Arn, Tags>,
    resource_policies: BTreeMap<Arn, Option<Id<PolicyDocument>>>,
    /// Where an operation that has no handler was met first.
    unknown_operations: BTreeMap<String, Place>,
    /// By account, region, operation and code.
    refusals: BTreeMap<(AccountId, String, String, String), calls::Refusal>,
    /// Hashes of answers, by question.
    answers: FxHashMap<(AccountId, String, String, u64), u64>,
    pages_offered: BTreeSet<Page>,
    pages_read: BTreeSet<Page>,
    /// The accounts whose principals stand in a folder, by the folder's name.
    folders: BTreeMap<String, BTreeSet<AccountId>>,
    incomplete: BTreeSet<Incomplete>,
}

/// Account, region, operation and the token that asks for more.
type Page = (AccountId, String, String, String);

/// What the pages of one account's details held together.
#[derive(Default)]
struct Pages {
    file: Option<String>,
    has_users: bool,
    has_groups: bool,
    has_roles: bool,
    has_last: bool,
}

impl Loader {
    fn recognise(&mut self, file: &File<'_>, holders: &Holders) -> Result<Held, LoadError> {
        let name = file.name();
        let source = self.estate.sources.push(Source {
            name: name.clone(),
            holds: Holds::Ignored(String::new()),
        });
        let (holds, recognised) = match standing(file, holders) {
            Standing::Beside(beside) => (Holds::Beside(beside), None),
            Standing::Outside(why) => (Holds::Ignored(why.into()), None),
            Standing::Within { is_certain } => {
                let found = Reading::open(file, &name, source).and_then(|mut it| it.recognise());
                self.judge(&name, found, is_certain)?
            }
        };
        if let Some(source) = self.estate.sources.get_mut(source) {
            source.holds = holds;
        }
        Ok(Held {
            source,
            name,
            recognised,
        })
    }

    /// A file of a snapshot, or given by its own name, must be readable. One that merely lies about
    /// in a folder may be anything, but if it might have been meant, that is told.
    fn judge(
        &mut self,
        name: &str,
        found: Result<Recognised, LoadError>,
        is_certain: bool,
    ) -> Result<(Holds, Option<Kind>), LoadError> {
        let is_json = has_extension(name, "json");
        let why = match found {
            Ok(Recognised::Details) => {
                return Ok((Holds::AuthorizationDetails, Some(Kind::Details)));
            }
            Ok(Recognised::Organization) => {
                return Ok((Holds::Organization, Some(Kind::Organization)));
            }
            Ok(Recognised::Extra) => return Ok((Holds::IamExtra, Some(Kind::Extra))),
            Ok(Recognised::Calls) => return Ok((Holds::Calls, Some(Kind::Calls))),
            Ok(Recognised::Resources) => return Ok((Holds::Resources, Some(Kind::Resources))),
            Ok(Recognised::Usage) => return Ok((Holds::Beside(Beside::Usage), None)),
            Ok(Recognised::Trail) => return Ok((Holds::Beside(Beside::Trail), None)),
            Ok(Recognised::NotJson) if !is_json && !is_certain => "not JSON".to_owned(),
            Ok(Recognised::NotJson) if is_json => {
                return self.judge(name, Err(not_json(name)), is_certain);
            }
            Ok(Recognised::NotJson) => "not JSON".to_owned(),
            Ok(Recognised::Resource) => "one resource without a list around it".to_owned(),
            Ok(Recognised::Misspelt(names)) => format!("no snapshot has `{}`", names.join("`, `")),
            Ok(Recognised::Other(what)) => what.to_owned(),
            Err(error) if is_certain && is_json => return Err(error),
            Err(error) => error.problem,
        };
        if is_json {
            self.tell(format!("{name}: not read"), &why);
        }
        Ok((Holds::Ignored(why), None))
    }

    fn take(&mut self, file: &File<'_>, held: &Held) -> Result<(), LoadError> {
        let Some(kind) = held.recognised else {
            return Ok(());
        };
        let mut reading = Reading::open(file, &held.name, held.source)?;
        let parts = file.parts();
        let folder = parts
            .split_last()
            .map_or(String::new(), |(_, above)| above.join("/"));
        reading.account = account_of_folder(&parts).or_else(|| self.account_beside(&folder));
        reading.region = region_of_folder(&parts);
        match kind {
            Kind::Details => {
                reading.account = account_of_folder(&parts);
                let account = self.details(&mut reading)?;
                self.folders.entry(folder).or_default().extend(account);
            }
            Kind::Organization => {
                let piece = reading.piece(String::new())?;
                self.organization(&piece)?;
            }
            Kind::Extra => {
                let piece = reading.piece(String::new())?;
                self.extra(&piece, reading.account)?;
            }
            Kind::Resources => {
                let account = reading.account;
                reading.each("", |piece| self.resource(piece, account))?;
            }
            Kind::Calls => self.calls(&mut reading)?,
        }
        reading.end()
    }

    /// The account whose principals stand in this folder, if they are of one account.
    fn account_beside(&self, folder: &str) -> Option<AccountId> {
        let accounts = self.folders.get(folder)?;
        let mut accounts = accounts.iter();
        accounts
            .next()
            .copied()
            .filter(|_| accounts.next().is_none())
    }

    fn account(&mut self, id: AccountId) -> &mut Account {
        self.estate.accounts.entry(id).or_insert_with(|| Account {
            id,
            name: None,
            tags: Tags::new(),
            environment: None,
            principals_given: false,
            extra_given: false,
            answered: BTreeSet::new(),
        })
    }

    fn tell(&mut self, what: impl Into<String>, why: impl Into<String>) {
        self.incomplete.insert(Incomplete {
            what: what.into(),
            why: why.into(),
        });
    }
}

/// Where a file stands with respect to the estates among all files.
enum Standing {
    /// In an estate, or where there is none. Certain: in an `estate/` folder, or given by name.
    Within {
        is_certain: bool,
    },
    Beside(Beside),
    Outside(&'static str),
}

fn standing(file: &File<'_>, holders: &Holders) -> Standing {
    if file.below.is_empty() {
        return Standing::Within { is_certain: true };
    }
    if file.below.split('/').any(|part| part.starts_with('.')) {
        return Standing::Outside("hidden");
    }
    // The nearest folder above that holds an `estate/`: the file stands in that or beside it.
    for end in folder_ends(&file.below).into_iter().rev() {
        let folder = file.below.get(..end).unwrap_or_default();
        let inside = file.below.get(end..).unwrap_or_default();
        if inside.starts_with("estate/") {
            return Standing::Within { is_certain: true };
        }
        if holders.contains(&(file.given.clone(), folder.to_owned())) {
            return beside(inside);
        }
    }
    Standing::Within { is_certain: false }
}

/// The folders that hold an `estate/`: the PATH given, and the folder below it.
type Holders = BTreeSet<(String, String)>;

fn holders(files: &[File<'_>]) -> Holders {
    let mut found = Holders::new();
    for file in files {
        for end in folder_ends(&file.below) {
            let holds = file
                .below
                .get(end..)
                .is_some_and(|rest| rest.starts_with("estate/"));
            if holds {
                let folder = file.below.get(..end).unwrap_or_default();
                found.insert((file.given.clone(), folder.to_owned()));
            }
        }
    }
    found
}

/// Where each folder of a path ends, from the top: after nothing, after its first slash, …
fn folder_ends(below: &str) -> Vec<usize> {
    let slashes = below.match_indices('/').map(|(at, _)| at + 1);
    std::iter::once(0).chain(slashes).collect()
}

fn beside(inside: &str) -> Standing {
    match inside.split_once('/') {
        Some(("charters", _)) => Standing::Beside(Beside::Charter),
        Some(("trail", _)) => Standing::Beside(Beside::Trail),
        None if inside == "usage.ndjson" => Standing::Beside(Beside::Usage),
        _ => Standing::Outside("stands beside estate/ and is no part of it"),
    }
}

/// The account in whose folder a file stands: `accounts/<id>/…`.
fn account_of_folder(parts: &[String]) -> Option<AccountId> {
    let (_, folders) = parts.split_last()?;
    let pairs = folders.iter().zip(folders.iter().skip(1)).rev();
    pairs
        .filter(|(above, _)| *above == "accounts")
        .find_map(|(_, id)| id.parse().ok())
}

/// `us-east-1`, `us-gov-west-1`, `eusc-de-east-1`: letters, then words, then a number.
fn region_of_folder(parts: &[String]) -> Option<String> {
    let (_, folders) = parts.split_last()?;
    let is_region = |part: &&String| {
        let words: Vec<&str> = part.split('-').collect();
        let (Some(first), Some(last)) = (words.first(), words.last()) else {
            return false;
        };
        words.len() >= 3
            && first.len() <= 4
            && last.len() == 1
            && last.bytes().all(|byte| byte.is_ascii_digit())
            && first.bytes().all(|byte| byte.is_ascii_lowercase())
    };
    folders.last().filter(is_region).cloned()
}

fn has_extension(name: &str, extension: &str) -> bool {
    name.rsplit_once('.')
        .is_some_and(|(_, found)| found.eq_ignore_ascii_case(extension))
}

fn not_json(file: &str) -> LoadError {
    LoadError {
        file: file.to_owned(),
        line: 1,
        column: 1,
        pointer: String::new(),
        problem: "not JSON".into(),
        mend: "a snapshot holds JSON; is this the right file?".into(),
    }
}
