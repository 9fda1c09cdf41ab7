//! The schema, and how an older one becomes it: whole, or not at all.

use std::path::Path;

use bailiwick_broker::TRANSITIONS;
use rusqlite::{Connection, TransactionBehavior};

use super::OpenError;

/// "Bwck": so that the database of another program is not taken for ours.
const APPLICATION_ID: i32 = 0x4277_636b;

/// Each brings the schema from the version that is its place to the next. A released one is never
/// edited.
pub(super) const MIGRATIONS: &[&str] = &[include_str!("schema.sql")];

/// Brings the schema up to date in one transaction, and writes the table of transitions that the
/// triggers obey from the one in the code.
pub(super) fn migrate(
    connection: &mut Connection,
    path: &Path,
    migrations: &[&str],
) -> Result<(), OpenError> {
    // The version is in the header of the file, so it is committed with the rest.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: u32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let application: i32 =
        transaction.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: u32 =
        transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
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
    for migration in migrations.iter().skip(found as usize) {
        transaction.execute_batch(migration)?;
    }
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

    fn version(folder: &Path) -> (u32, bool) {
        let connection = Connection::open(folder.join("x.db")).unwrap();
        let version = connection.pragma_query_value(None, "user_version", |row| row.get(0));
        let later = connection.prepare("SELECT * FROM later");
        (version.unwrap(), later.is_ok())
    }

    #[test]
    fn an_older_release_refuses_a_newer_schema() {
        let folder = tempfile::tempdir().unwrap();
        let newer = [MIGRATIONS[0], "CREATE TABLE later (id INTEGER)"];
        migrate_in(folder.path(), &newer).unwrap();
        let refused = migrate_in(folder.path(), MIGRATIONS);
        assert!(matches!(
            refused,
            Err(OpenError::Newer {
                found: 2,
                known: 1,
                ..
            })
        ));
        assert_eq!(version(folder.path()), (2, true));
    }

    #[test]
    fn a_migration_that_fails_in_the_middle_leaves_the_old_schema() {
        let folder = tempfile::tempdir().unwrap();
        migrate_in(folder.path(), MIGRATIONS).unwrap();
        let halfway = "CREATE TABLE later (id INTEGER); INSERT INTO nowhere VALUES (1);";
        assert!(migrate_in(folder.path(), &[MIGRATIONS[0], halfway]).is_err());
        assert_eq!(version(folder.path()), (1, false));
        let whole = "CREATE TABLE later (id INTEGER)";
        migrate_in(folder.path(), &[MIGRATIONS[0], whole]).unwrap();
        assert_eq!(version(folder.path()), (2, true));
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
