//! A load client: many connections on one thread, each asking again as soon as it was answered.
//!
//! It reads no more of an answer than its length and its status, so that on the same cores most of
//! the time is the daemon's.

use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// What one connection does.
pub(crate) trait Script {
    /// The next request, whole; `None` when there is no more.
    fn next(&mut self) -> Option<&[u8]>;

    /// Looks at an answer.
    fn answered(&mut self, status: &[u8], body: &[u8]);
}

/// How long the answers took, the fastest first.
#[derive(Debug)]
pub(crate) struct Measured {
    took: Vec<Duration>,
    elapsed: Duration,
}

impl Measured {
    pub(crate) fn rate(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
        let count = self.took.len() as f64;
        count / self.elapsed.as_secs_f64()
    }

    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        let at = self.took.len().saturating_sub(1) * percent / 100;
        self.took.get(at).copied().unwrap_or_default()
    }

    /// What was measured at the same time.
    pub(crate) fn together(measured: Vec<Self>) -> Self {
        let longest = measured.iter().map(|one| one.elapsed).max();
        let took = measured.into_iter().flat_map(|one| one.took).collect();
        Self::of(took, longest.unwrap_or_default())
    }

    pub(crate) fn of(mut took: Vec<Duration>, elapsed: Duration) -> Self {
        took.sort_unstable();
        Self { took, elapsed }
    }
}

impl std::fmt::Display for Measured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:>7.0}/s  p50 {:>9.3?}  p99 {:>9.3?}  max {:>9.3?}",
            self.rate(),
            self.percentile(50),
            self.percentile(99),
            self.percentile(100)
        )
    }
}

/// Lets each script have a connection until its end, or the time's.
pub(crate) fn drive<S: Script + 'static>(
    address: SocketAddr,
    scripts: Vec<S>,
    during: Duration,
) -> (Measured, Vec<S>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let mut connections = Vec::new();
        for _ in &scripts {
            let stream = TcpStream::connect(address).await.unwrap();
            stream.set_nodelay(true).unwrap();
            connections.push(stream);
        }
        let begun = Instant::now();
        let end = begun + during;
        let tasks: Vec<_> = scripts
            .into_iter()
            .zip(connections)
            .map(|(script, stream)| local.spawn_local(one(script, stream, end)))
            .collect();
        let (mut took, mut scripts) = (Vec::new(), Vec::new());
        for task in tasks {
            let (script, times) = task.await.unwrap();
            scripts.push(script);
            took.extend(times);
        }
        (Measured::of(took, begun.elapsed()), scripts)
    })
}

async fn one<S: Script>(mut script: S, mut stream: TcpStream, end: Instant) -> (S, Vec<Duration>) {
    let mut took = Vec::new();
    let mut buffer = Vec::with_capacity(8 << 10);
    while Instant::now() < end {
        let Some(request) = script.next() else { break };
        let begun = Instant::now();
        stream.write_all(request).await.unwrap();
        let (head, whole) = answer(&mut stream, &mut buffer).await.unwrap();
        took.push(begun.elapsed());
        script.answered(&buffer[9..12], &buffer[head..whole]);
    }
    (script, took)
}

/// Reads one answer; tells where its body begins and ends.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<(usize, usize)> {
    buffer.clear();
    let mut whole = None;
    loop {
        if stream.read_buf(buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if whole.is_none()
            && let Some(at) = buffer.windows(4).position(|four| four == b"\r\n\r\n")
        {
            let head = String::from_utf8_lossy(&buffer[..at]).to_ascii_lowercase();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length:"));
            let length: usize = length.unwrap().trim().parse().unwrap();
            whole = Some((at + 4, at + 4 + length));
        }
        match whole {
            Some((head, whole)) if buffer.len() >= whole => return Ok((head, whole)),
            Some(_) | None => {}
        }
    }
}
