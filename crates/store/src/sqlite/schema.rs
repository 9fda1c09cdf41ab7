//! The schema, and how an older one becomes it: whole, or not at all.

use std::path::Path;

use bailiwick_broker::TRANSITIONS;
use rusqlite::{Connection, TransactionBehavior};

use super::OpenError;

/// "Bwck": so that the database of another program is not taken for ours.
const APPLICATION_ID: i32 = 0x4277_636b;

/// Each brings the schema from the version that is its place to the next. A released one is never
/// edited.
pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("schema.sql"),
    include_str!("indexes.sql"),
    include_str!("sessions.sql"),
];

/// The version of the schema that is there. What another program or a newer release wrote is
/// refused.
pub(super) fn found(
    connection: &Connection,
    path: &Path,
    migrations: &[&str],
) -> Result<u32, OpenError> {
    let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let application: i32 =
        connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: u32 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let is_new = application == 0 && found == 0 && tables == 0;
    if application != APPLICATION_ID && !is_new {
        return Err(OpenError::Foreign(path.to_owned()));
    }
    let known = u32::try_from(migrations.len()).unwrap_or(u32::MAX);
    if found > known {
        return Err(OpenError::Newer {
            path: path.to_owned(),
            found,
            known,
        });
    }
    Ok(found)
}

/// Brings the schema up to date in one transaction, and writes the table of transitions that the
/// triggers obey from the one in the code.
pub(super) fn migrate(
    connection: &mut Connection,
    path: &Path,
    migrations: &[&str],
) -> Result<(), OpenError> {
    // The version is in the header of the file, so it is committed with the rest.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found = found(&transaction, path, migrations)?;
    for migration in migrations.iter().skip(found as usize) {
        transaction.execute_batch(migration)?;
    }
    let known = u32::try_from(migrations.len()).unwrap_or(u32::MAX);
    transaction.pragma_update(None, "user_version", known)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.execute("DELETE FROM transitions", [])?;
    for (from, to) in TRANSITIONS {
        transaction.execute(
            "INSERT INTO transitions VALUES (?1, ?2)",
            [from.name(), to.name()],
        )?;
    }
    transaction.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn migrate_in(folder: &Path, migrations: &[&str]) -> Result<(), OpenError> {
        let path = folder.join("x.db");
        let mut connection = Connection::open(&path)?;
        migrate(&mut connection, &path, migrations)
    }

    #[expect(clippy::cast_possible_truncation, reason = "a handful of migrations")]
    const KNOWN: u32 = MIGRATIONS.len() as u32;

    fn with(later: &'static str) -> Vec<&'static str> {
        [MIGRATIONS, &[later]].concat()
    }

    fn version(folder: &Path) -> (u32, bool) {
        let connection = Connection::open(folder.join("x.db")).unwrap();
        let version = connection.pragma_query_value(None, "user_version", |row| row.get(0));
        let later = connection.prepare("SELECT * FROM later");
        (version.unwrap(), later.is_ok())
    }

    #[test]
    fn an_older_release_refuses_a_newer_schema() {
        let folder = tempfile::tempdir().unwrap();
        let newer = with("CREATE TABLE later (id INTEGER)");
        migrate_in(folder.path(), &newer).unwrap();
        let refused = migrate_in(folder.path(), MIGRATIONS);
        let Err(OpenError::Newer { found, known, .. }) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!((found, known), (KNOWN + 1, KNOWN));
        assert_eq!(version(folder.path()), (KNOWN + 1, true));
    }

    #[test]
    fn a_migration_that_fails_in_the_middle_leaves_the_old_schema() {
        let folder = tempfile::tempdir().unwrap();
        migrate_in(folder.path(), MIGRATIONS).unwrap();
        let halfway = "CREATE TABLE later (id INTEGER); INSERT INTO nowhere VALUES (1);";
        assert!(migrate_in(folder.path(), &with(halfway)).is_err());
        assert_eq!(version(folder.path()), (KNOWN, false));
        let whole = "CREATE TABLE later (id INTEGER)";
        migrate_in(folder.path(), &with(whole)).unwrap();
        assert_eq!(version(folder.path()), (KNOWN + 1, true));
    }

    // Test 86 of the list of required ones. What is on disk when the process is killed is what a copy
    // of the files at that instant holds: the rest was in memory.
    #[test]
    fn a_process_killed_in_a_migration_left_the_old_schema_or_the_new() {
        let folder = tempfile::tempdir().unwrap();
        migrate_in(folder.path(), MIGRATIONS).unwrap();
        let connection = Connection::open(folder.path().join("x.db")).unwrap();
        // Most of the change is on disk before it is committed.
        connection.pragma_update(None, "cache_size", 8).unwrap();
        connection
            .execute_batch(
                "BEGIN IMMEDIATE;
                 CREATE TABLE later (id INTEGER, filler BLOB);
                 WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
                 INSERT INTO later SELECT i, randomblob(1000) FROM n;",
            )
            .unwrap();
        connection
            .pragma_update(None, "user_version", KNOWN + 1)
            .unwrap();
        let killed = || {
            let copy = tempfile::tempdir().unwrap();
            for file in std::fs::read_dir(folder.path()).unwrap() {
                let file = file.unwrap();
                std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
            }
            copy
        };
        let before = killed();
        let length = |folder: &Path| std::fs::metadata(folder.join("x.db")).unwrap().len();
        assert!(length(before.path()) > 1 << 20, "most of it was on disk");
        assert_eq!(version(before.path()), (KNOWN, false));
        connection.execute_batch("COMMIT").unwrap();
        assert_eq!(version(killed().path()), (KNOWN + 1, true));
    }

    /// The first schema was written with other indexes for a while, under the same version.
    #[test]
    fn a_database_of_either_first_schema_gets_the_same_indexes() {
        let edited = [
            MIGRATIONS[0],
            "DROP INDEX grants_agent; CREATE INDEX grants_agent ON grants (agent, id, issued_ms) WHERE live = 1;
             CREATE INDEX grants_live ON grants (id, issued_ms) WHERE live = 1;",
        ]
        .join(";");
        let indexes = |first: &str| {
            let folder = tempfile::tempdir().unwrap();
            migrate_in(folder.path(), &[first]).unwrap();
            let before = listed(folder.path());
            migrate_in(folder.path(), MIGRATIONS).unwrap();
            (before, listed(folder.path()))
        };
        let listed_of = [indexes(MIGRATIONS[0]), indexes(&edited)];
        assert_ne!(listed_of[0].0, listed_of[1].0, "the two were different");
        assert_eq!(listed_of[0].1, listed_of[1].1);
        assert!(
            listed_of[0]
                .1
                .iter()
                .any(|sql| sql.contains("grants_child"))
        );
    }

    fn listed(folder: &Path) -> Vec<String> {
        let connection = Connection::open(folder.join("x.db")).unwrap();
        let sql =
            "SELECT sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL ORDER BY name";
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    }

    #[test]
    fn the_database_of_another_program_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let connection = Connection::open(folder.path().join("x.db")).unwrap();
        connection
            .execute_batch("CREATE TABLE theirs (id)")
            .unwrap();
        let refused = migrate_in(folder.path(), MIGRATIONS);
        assert!(matches!(refused, Err(OpenError::Foreign(_))));
    }

    #[test]
    fn the_database_knows_the_same_live_states_and_beginnings_as_the_code() {
        for state in bailiwick_broker::State::ALL {
            let name = format!("'{}'", state.name());
            let list = |before: &str| {
                let (_, after) = MIGRATIONS[0].split_once(before).unwrap();
                after.split(')').next().unwrap().contains(&name)
            };
            assert_eq!(list("state IN\n"), state.is_live(), "{state}");
            assert_eq!(list("NEW.state NOT IN"), state.may_begin(), "{state}");
        }
    }
}
