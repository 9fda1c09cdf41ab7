//! A server that answers what a test tells it to, on loopback, and counts what it is asked.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What is asked: the path, the headers in lower case, the body.
pub(crate) struct Question {
    pub(crate) path: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: String,
}

pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

impl Said {
    #[expect(clippy::needless_pass_by_value, reason = "said where it is made")]
    pub(crate) fn json(body: impl ToString) -> Self {
        Self {
            status: 200,
            headers: vec![("content-type", "application/json".to_owned())],
            body: body.to_string(),
        }
    }

    pub(crate) fn status(status: u16) -> Self {
        Self {
            status,
            ..Self::json("{}")
        }
    }
}

type Answers = Box<dyn FnMut(&Question) -> Said + Send>;

#[derive(Clone)]
pub(crate) struct Server {
    address: SocketAddr,
    answers: Arc<Mutex<Answers>>,
    asked: Arc<Mutex<HashMap<String, u64>>>,
}

impl Server {
    pub(crate) fn new(answers: impl FnMut(&Question) -> Said + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            answers: Arc::new(Mutex::new(Box::new(answers))),
            asked: Arc::default(),
        };
        let serving = server.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let serving = serving.clone();
                std::thread::spawn(move || serving.serve(stream));
            }
        });
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn answers(&self, answers: impl FnMut(&Question) -> Said + Send + 'static) {
        *self.answers.lock().unwrap() = Box::new(answers);
    }

    /// How often a path was asked for.
    pub(crate) fn asked(&self, path: &str) -> u64 {
        *self.asked.lock().unwrap().get(path).unwrap_or(&0)
    }

    fn serve(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            let path = line.split(' ').nth(1).unwrap().to_owned();
            let mut headers = HashMap::new();
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                let Some((name, value)) = line.trim_end().split_once(':') else {
                    break;
                };
                headers.insert(name.to_lowercase(), value.trim().to_owned());
            }
            let length = headers
                .get("content-length")
                .map_or(0, |it| it.parse().unwrap());
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let body = String::from_utf8(body).unwrap();
            *self.asked.lock().unwrap().entry(path.clone()).or_default() += 1;
            let question = Question {
                path,
                headers,
                body,
            };
            let said = (self.answers.lock().unwrap())(&question);
            let mut head = format!("HTTP/1.1 {} x\r\n", said.status);
            for (name, value) in &said.headers {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
            head.push_str(&format!("content-length: {}\r\n\r\n", said.body.len()));
            let stream = reader.get_mut();
            // Whoever does not want all of an answer hangs up.
            if stream.write_all(head.as_bytes()).is_err()
                || stream.write_all(said.body.as_bytes()).is_err()
            {
                return;
            }
        }
    }
}
