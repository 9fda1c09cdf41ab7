//! A small HTTP client for tests: one connection, kept open; nothing is hidden.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// Nothing in a test takes longer.
const WITHIN: Duration = Duration::from_secs(60);

/// A connection to a server on this machine.
#[derive(Debug)]
pub struct Client {
    address: SocketAddr,
    connection: Option<BufReader<TcpStream>>,
}

/// What a server answered.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut named = self
            .headers
            .iter()
            .filter(|(known, _)| known.eq_ignore_ascii_case(name));
        named.next().map(|(_, value)| value.as_str())
    }

    /// The body as JSON; null if it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

impl Client {
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            connection: None,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Asks, with a `Host` header of the address unless one is given.
    ///
    /// # Errors
    /// If there is no whole answer.
    pub fn ask(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> std::io::Result<Answer> {
        let mut head = format!("{method} {path} HTTP/1.1\r\n");
        let has_host = headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("host"));
        if !has_host {
            head.push_str(&format!("Host: {}\r\n", self.address));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() || method == "POST" {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        head.push_str(body);
        // A connection that the server closed while it was idle is opened again, once.
        if self.connection.is_some()
            && let Ok(answer) = self.raw(head.as_bytes())
        {
            return Ok(answer);
        }
        self.connection = None;
        self.raw(head.as_bytes())
    }

    /// Sends these bytes and reads one answer.
    ///
    /// # Errors
    /// If there is no whole answer.
    pub fn raw(&mut self, request: &[u8]) -> std::io::Result<Answer> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                let stream = TcpStream::connect(self.address)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(WITHIN))?;
                stream.set_write_timeout(Some(WITHIN))?;
                BufReader::new(stream)
            }
        };
        // A server may answer, and close, before it has read all of it.
        let written = connection.get_mut().write_all(request);
        let answer = read(&mut connection).or_else(|error| written.and(Err(error)))?;
        let is_closed = answer
            .header("connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("close"));
        if !is_closed {
            self.connection = Some(connection);
        }
        Ok(answer)
    }
}

fn read(connection: &mut BufReader<TcpStream>) -> std::io::Result<Answer> {
    let broken = |what: &str| std::io::Error::other(format!("no answer: {what}"));
    let mut line = String::new();
    if connection.read_line(&mut line)? == 0 {
        return Err(broken("closed"));
    }
    let status = line
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| broken(&line))?;
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        connection.read_line(&mut line)?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':') {
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
    }
    let mut answer = Answer {
        status,
        headers,
        body: String::new(),
    };
    let length = answer
        .header("content-length")
        .and_then(|length| length.parse().ok());
    if let Some(length) = length {
        let mut body = vec![0; length];
        connection.read_exact(&mut body)?;
        answer.body = String::from_utf8_lossy(&body).into_owned();
    } else if answer.header("transfer-encoding").is_some() {
        return Err(broken("this client reads no chunks"));
    }
    Ok(answer)
}
