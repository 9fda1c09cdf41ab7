//! A real PostgreSQL server of our own: started on a free port by a test, and stopped by it.

use std::{
    fs, io,
    net::TcpListener,
    os::unix::{
        fs::{PermissionsExt as _, chown},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use crate::peers;

const START_WITHIN: Duration = Duration::from_secs(60);

const USER: &str = "bailiwick";

/// A running server. Dropping it stops it and deletes what it kept.
#[derive(Debug)]
pub struct Server {
    programs: PathBuf,
    folder: PathBuf,
    port: u16,
    owner: Option<(u32, u32)>,
    child: Child,
    databases: AtomicU32,
}

impl Server {
    /// Starts one, if PostgreSQL is installed; `cargo xtask peers` does that.
    ///
    /// # Errors
    /// If it does not start.
    pub fn start() -> io::Result<Option<Self>> {
        let Some(programs) = peers::postgres() else {
            return Ok(None);
        };
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let name = format!("bailiwick-postgres-{}-{port}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder)?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
        let owner = owner(&folder)?;
        let data = folder.join("data");
        let mut initdb = as_owner(&programs.join("initdb"), owner, &folder);
        initdb.args(["-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "-D"]);
        let made = initdb.arg(&data).output()?;
        if !made.status.success() {
            let said = String::from_utf8_lossy(&made.stderr);
            return Err(io::Error::other(format!("initdb: {said}")));
        }
        let child = launch(&programs, &folder, port, owner)?;
        let server = Self {
            programs,
            folder,
            port,
            owner,
            child,
            databases: AtomicU32::new(0),
        };
        server.wait()?;
        Ok(Some(server))
    }

    /// The address of a new, empty database.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn database(&self) -> io::Result<String> {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("d{number}");
        self.ask("createdb", &[&name])?;
        Ok(format!("postgres://{USER}@127.0.0.1:{}/{name}", self.port))
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Does something in a database with SQL.
    ///
    /// # Errors
    /// If it cannot be done.
    pub fn sql(&self, address: &str, sql: &str) -> io::Result<String> {
        self.ask(
            "psql",
            &["-At", "-v", "ON_ERROR_STOP=1", "-d", address, "-c", sql],
        )
    }

    /// Stops it at once, as a crash does, and starts it again on what it kept.
    ///
    /// # Errors
    /// If it does not start.
    pub fn crash_and_start(&mut self) -> io::Result<()> {
        self.stop();
        self.child = launch(&self.programs, &self.folder, self.port, self.owner)?;
        self.wait()
    }

    /// From now on it speaks TLS with this certificate and key (PEM) to whoever wants it.
    ///
    /// # Errors
    /// If it does not start with them.
    pub fn speak_tls(&mut self, certificate: &str, key: &str) -> io::Result<()> {
        let data = self.folder.join("data");
        for (name, text) in [("server.crt", certificate), ("server.key", key)] {
            let path = data.join(name);
            fs::write(&path, text)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
            if let Some((user, group)) = self.owner {
                chown(&path, Some(user), Some(group))?;
            }
        }
        let mut settings = fs::OpenOptions::new()
            .append(true)
            .open(data.join("postgresql.conf"))?;
        io::Write::write_all(&mut settings, b"\nssl = on\n")?;
        self.crash_and_start()
    }

    fn ask(&self, program: &str, arguments: &[&str]) -> io::Result<String> {
        let port = self.port.to_string();
        let answered = Command::new(self.programs.join(program))
            .args(arguments)
            .env("PGHOST", "127.0.0.1")
            .env("PGPORT", port)
            .env("PGUSER", USER)
            .output()?;
        if answered.status.success() {
            return Ok(String::from_utf8_lossy(&answered.stdout).trim().to_owned());
        }
        let said = String::from_utf8_lossy(&answered.stderr).into_owned();
        Err(io::Error::other(format!("{program}: {said}")))
    }

    fn wait(&self) -> io::Result<()> {
        let begun = Instant::now();
        while self.ask("pg_isready", &[]).is_err() {
            if begun.elapsed() > START_WITHIN {
                let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
                return Err(io::Error::other(format!(
                    "PostgreSQL does not start: {log}"
                )));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn stop(&mut self) {
        let mut stop = as_owner(&self.programs.join("pg_ctl"), self.owner, &self.folder);
        let stop = stop.args(["stop", "-w", "-m", "immediate", "-D"]);
        let stopped = stop.arg(self.folder.join("data")).output();
        if !stopped.is_ok_and(|stopped| stopped.status.success()) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn launch(
    programs: &Path,
    folder: &Path,
    port: u16,
    owner: Option<(u32, u32)>,
) -> io::Result<Child> {
    let log = fs::File::create(folder.join("log"))?;
    let mut server = as_owner(&programs.join("postgres"), owner, folder);
    server
        .arg("-D")
        .arg(folder.join("data"))
        .arg("-k")
        .arg(folder)
        .args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1"])
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
}

/// PostgreSQL refuses to run as root: as root it is run as `nobody`, whose the folder then is.
fn owner(folder: &Path) -> io::Result<Option<(u32, u32)>> {
    const NOBODY: (u32, u32) = (65_534, 65_534);
    use std::os::unix::fs::MetadataExt as _;
    if fs::metadata(folder)?.uid() != 0 {
        return Ok(None);
    }
    chown(folder, Some(NOBODY.0), Some(NOBODY.1))?;
    Ok(Some(NOBODY))
}

fn as_owner(program: &Path, owner: Option<(u32, u32)>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder);
    if let Some((user, group)) = owner {
        command.uid(user).gid(group);
    }
    command
}
