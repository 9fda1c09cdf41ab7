//! The daemon as a real process, for tests and benchmarks: started, asked, killed, started again.

use std::{
    ffi::OsString,
    fs::{self, File},
    io,
    net::SocketAddr,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::http::Client;

/// A daemon that does not answer by then has not started.
const START_WITHIN: Duration = Duration::from_secs(60);

/// A charter of an agent with these tasks.
pub fn charter(agent: &str, tasks: &str) -> String {
    format!(
        r#"
agent: {agent}
owner: {{ team: payments, contact: payments@example.com }}
purpose: Post invoices.
environment: prod
mode: brokered
tasks:
{tasks}"#
    )
}

/// Where a daemon lives: its charters, its data and what it said.
#[derive(Debug, Clone)]
pub struct Home {
    folder: PathBuf,
    /// The program, behind what it is run under, if it is.
    words: Vec<OsString>,
}

impl Home {
    /// A home in this folder for this program (`env!("CARGO_BIN_EXE_bailiwickd")`).
    ///
    /// # Errors
    /// If its folders cannot be made.
    pub fn new(folder: &Path, program: &str) -> io::Result<Self> {
        let home = Self {
            folder: folder.to_owned(),
            words: vec![program.into()],
        };
        fs::create_dir_all(home.charters())?;
        Ok(home)
    }

    pub fn charters(&self) -> PathBuf {
        self.folder.join("charters")
    }

    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Writes a charter.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn charter(&self, file: &str, text: &str) -> io::Result<()> {
        fs::write(self.charters().join(file), text)
    }

    /// What it wrote to standard error since it was last started.
    pub fn said(&self) -> String {
        fs::read_to_string(self.log()).unwrap_or_default()
    }

    /// The `Authorization` of the operator that the first start made; empty before that.
    pub fn operator(&self) -> String {
        let token = fs::read_to_string(self.data().join("operator.token")).unwrap_or_default();
        format!("Bearer {}", token.trim())
    }

    /// Takes the keys and the operator's token of another home, as a replica does.
    ///
    /// # Errors
    /// If they cannot be copied.
    pub fn same_keys(&self, like: &Self) -> io::Result<()> {
        let keys = self.data().join("keys");
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(keys)?;
        for name in ["tokens", "checkpoints", "arguments"] {
            let key = format!("keys/{name}.key");
            // With its permissions: it is for its owner alone.
            fs::copy(like.data().join(&key), self.data().join(&key))?;
        }
        let token = "operator.token";
        fs::copy(like.data().join(token), self.data().join(token)).map(drop)
    }

    /// The same, with the program run under another one: a tracer, a profiler.
    #[must_use]
    pub fn under(&self, mut wrapper: Vec<OsString>) -> Self {
        wrapper.extend_from_slice(&self.words);
        Self {
            folder: self.folder.clone(),
            words: wrapper,
        }
    }

    /// Starts the daemon, on a free port of loopback, and waits until it answers.
    ///
    /// # Errors
    /// If it ends instead, or does not answer in time; with what it said.
    pub fn start(&self, configure: impl FnOnce(&mut Command)) -> io::Result<Daemon> {
        let mut daemon = self.launch(configure)?;
        let begun = Instant::now();
        loop {
            if daemon.answers() {
                return Ok(daemon);
            }
            if let Some(status) = daemon.child.try_wait()? {
                let said = self.said();
                return Err(io::Error::other(format!("ended with {status}: {said}")));
            }
            if begun.elapsed() > START_WITHIN {
                let said = self.said();
                return Err(io::Error::other(format!("no answer in time: {said}")));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Starts the daemon and waits for nothing.
    ///
    /// # Errors
    /// If there is no such program.
    pub fn launch(&self, configure: impl FnOnce(&mut Command)) -> io::Result<Daemon> {
        let address = self.data().join("address");
        match fs::remove_file(&address) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let mut words = self.words.iter();
        let mut command = Command::new(words.next().map_or("".as_ref(), OsString::as_os_str));
        command
            .args(words)
            .args(["--listen", "127.0.0.1:0", "--charters"])
            .arg(self.charters())
            .arg("--data")
            .arg(self.data())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(self.log())?);
        configure(&mut command);
        Ok(Daemon {
            child: command.spawn()?,
            address_file: address,
            address: None,
        })
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }
}

/// A running daemon. Dropping it kills it.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    address_file: PathBuf,
    address: Option<SocketAddr>,
}

impl Daemon {
    /// Where it listens.
    ///
    /// # Panics
    /// If it was launched and has not answered yet.
    pub fn address(&self) -> SocketAddr {
        #[expect(clippy::expect_used, reason = "a mistake of the test")]
        self.address.expect("the daemon has answered")
    }

    pub fn client(&self) -> Client {
        Client::new(self.address())
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it at once, as `kill -9` does, and waits until it is gone.
    ///
    /// # Errors
    /// If it cannot be waited for.
    pub fn kill(&mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(drop)
    }

    /// Waits until it has ended by itself. `None`: it has not in so long.
    ///
    /// # Errors
    /// If it cannot be waited for.
    pub fn ended(&mut self, within: Duration) -> io::Result<Option<std::process::ExitStatus>> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(Some(status));
            }
            if begun.elapsed() > within {
                return Ok(None);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Resident memory in KiB, and the most it ever was, where the system tells.
    pub fn resident(&self) -> Option<(u64, u64)> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).ok()?;
        let of = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().strip_suffix(" kB")?.parse().ok()
        };
        Some((of("VmRSS:")?, of("VmHWM:")?))
    }

    fn answers(&mut self) -> bool {
        let address = fs::read_to_string(&self.address_file).ok();
        let address = address.and_then(|text| {
            let (_, address) = text.trim().split_once("://")?;
            address.parse().ok()
        });
        let Some(address) = address else {
            return false;
        };
        self.address = Some(address);
        let answer = Client::new(address).ask("GET", "/healthz", &[], "");
        answer.is_ok_and(|answer| answer.status == 200)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}
