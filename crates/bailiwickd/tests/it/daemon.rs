//! A daemon of a test's own, and the programs beside it.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::OnceLock,
    time::{Duration, Instant, SystemTime},
};

use bailiwick_testkit::{
    daemon::{self, Home},
    http::Answer,
};
use serde_json::{Value, json};

/// A daemon that has not stopped by then never will.
pub(crate) const STOPS_WITHIN: Duration = Duration::from_secs(60);

pub(crate) fn charter(agent: &str, most: u32) -> String {
    let tasks = format!(
        r#"
  post:
    for: 20m
    parameters: {{ supplier: "[a-z-]{{3,32}}" }}
    tools: [ {{ tool: ledger/post, when: "args.amount <= {most}" }} ]
  look:
    for: 20m
    tools: [ {{ tool: ledger/read }} ]
"#
    );
    daemon::charter(agent, &tasks)
}

/// A folder with charters and room for data.
pub(crate) struct Place {
    folder: tempfile::TempDir,
    home: Home,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path(), env!("CARGO_BIN_EXE_bailiwickd")).unwrap();
        home.charter("invoice.yaml", &charter("invoice", 1000))
            .unwrap();
        Self { folder, home }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn charters(&self) -> PathBuf {
        self.home.charters()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.home.data()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// A run of the daemon's program, in this place, that ends by itself.
    pub(crate) fn ran(&self, args: &[&str]) -> (i32, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bailiwickd"));
        told(
            &command
                .current_dir(self.path())
                .args(args)
                .output()
                .unwrap(),
        )
    }

    /// A start in this place, with these flags more, that is refused. Answers with what it said.
    pub(crate) fn refused(&self, more: &[&str]) -> String {
        let mut args = vec!["--charters", "charters", "--data", "data"];
        args.extend(["--listen", "127.0.0.1:0"]);
        args.extend(more);
        let (code, _, err) = self.ran(&args);
        assert_eq!(code, 2, "{more:?}: {err}");
        err
    }

    pub(crate) fn start(&self) -> Daemon {
        self.start_with(&[], &[])
    }

    pub(crate) fn start_with(&self, args: &[&str], variables: &[(&str, &str)]) -> Daemon {
        let started = self.home.start(|command| {
            let variables = variables.iter().copied();
            command.current_dir(self.path()).args(args).envs(variables);
        });
        Daemon {
            process: started.unwrap(),
            operator: self.home.operator(),
            home: self.home.clone(),
        }
    }
}

pub(crate) fn told(output: &Output) -> (i32, String, String) {
    (
        output.status.code().unwrap_or(-1),
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

pub(crate) struct Daemon {
    pub(crate) process: daemon::Daemon,
    pub(crate) operator: String,
    home: Home,
}

impl Daemon {
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.process.address())
    }

    pub(crate) fn log(&self) -> String {
        self.home.said()
    }

    pub(crate) fn ask(&self, who: &str, verb: &str, path: &str, body: &Value) -> Answer {
        self.try_ask(who, verb, path, body).unwrap()
    }

    pub(crate) fn try_ask(
        &self,
        who: &str,
        verb: &str,
        path: &str,
        body: &Value,
    ) -> std::io::Result<Answer> {
        let mut headers = vec![("content-type", "application/json")];
        if !who.is_empty() {
            headers.push(("authorization", who));
        }
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        self.process.client().ask(verb, path, &headers, &body)
    }

    /// A grant's id and the `Authorization` of its holder.
    pub(crate) fn grant(&self) -> (String, String) {
        let ticket = self.ask(
            &self.operator,
            "POST",
            "/v1/tickets",
            &json!({ "agent": "invoice" }),
        );
        assert_eq!(ticket.status, 201, "{}", ticket.body);
        let ticket = ticket.json();
        let shown = format!("Bailiwick-Ticket {}", ticket["ticket"].as_str().unwrap());
        let body =
            json!({ "agent": "invoice", "task": "post", "parameters": { "supplier": "acme" } });
        let opened = self.ask(&shown, "POST", "/v1/grants", &body);
        assert_eq!(opened.status, 201, "{}", opened.body);
        let opened = opened.json();
        (
            opened["grant"]["id"].as_str().unwrap().to_owned(),
            format!("Bearer {}", opened["token"].as_str().unwrap()),
        )
    }

    pub(crate) fn call(&self, token: &str, amount: u32) -> std::io::Result<Answer> {
        let body = json!({
            "subject": { "type": "agent", "id": "invoice" },
            "action": { "name": "call", "properties": { "amount": amount } },
            "resource": { "type": "tool", "id": "ledger/post" },
        });
        self.try_ask(token, "POST", "/access/v1/evaluation", &body)
    }

    pub(crate) fn allows(&self, token: &str) -> bool {
        let answer = self.call(token, 1).unwrap();
        answer.status == 200 && answer.json()["decision"] == true
    }

    pub(crate) fn records(&self) -> String {
        let answer = self.ask(
            &self.operator,
            "GET",
            "/v1/ledger/entries?limit=10000",
            &Value::Null,
        );
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        let sent = Command::new("kill")
            .args(["-s", name, &id])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) fn stop(self) -> (i32, String) {
        self.signal("TERM");
        self.stop_signalled()
    }

    /// Waits until it has stopped.
    pub(crate) fn stop_signalled(mut self) -> (i32, String) {
        let ended = self.process.ended(STOPS_WITHIN).unwrap();
        let code = ended.map(|ended| ended.code().unwrap_or(-1));
        (code.unwrap(), self.log())
    }

    /// Waits until something holds.
    pub(crate) fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let begun = Instant::now();
        while !holds() {
            let waited = begun.elapsed();
            assert!(waited < Duration::from_secs(30), "{what}: {}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// The command line beside the daemon. A build of the workspace has it; otherwise it is built here.
pub(crate) fn bailiwick() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let program = Path::new(env!("CARGO_BIN_EXE_bailiwickd")).with_file_name("bailiwick");
        let source = bailiwick_testkit::repository().join("crates/bailiwick/src");
        let built = std::fs::metadata(&program).and_then(|about| about.modified());
        if built.is_ok_and(|built| built > newest(&source)) {
            return program;
        }
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo)
            .args(["build", "--quiet", "--package", "bailiwick"])
            .current_dir(bailiwick_testkit::repository())
            .status()
            .unwrap();
        assert!(built.success());
        program
    })
}

/// When a file below a folder was last written.
fn newest(folder: &Path) -> SystemTime {
    let entries = std::fs::read_dir(folder).unwrap();
    let written = entries.map(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            newest(&path)
        } else {
            std::fs::metadata(path).unwrap().modified().unwrap()
        }
    });
    written.max().unwrap_or(SystemTime::UNIX_EPOCH)
}
