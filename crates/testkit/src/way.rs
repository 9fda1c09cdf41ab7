//! A way to a server of this machine that can be cut, for tests of what a network does.

use std::{
    io::{self, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

/// Carries what is sent to it to a server, and back. It lives as long as the process.
#[derive(Debug)]
pub struct Way {
    address: SocketAddr,
    is_cut: Arc<AtomicBool>,
    carried: Arc<Mutex<Vec<TcpStream>>>,
}

impl Way {
    /// A way to whoever listens at this port of loopback.
    ///
    /// # Errors
    /// If no port is free.
    pub fn to(port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let way = Self {
            address: listener.local_addr()?,
            is_cut: Arc::default(),
            carried: Arc::default(),
        };
        let (is_cut, carried) = (Arc::clone(&way.is_cut), Arc::clone(&way.carried));
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                // Whoever connects to a server that is gone is hung up on.
                let _ = begin(&near, port, &is_cut, &carried);
            }
        });
        Ok(way)
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// From now on whatever is sent is lost, both ways, and nobody is told.
    pub fn cut(&self) {
        self.is_cut.store(true, Ordering::SeqCst);
    }

    /// From now on it arrives. On connections that lost something nothing more can come: they end.
    pub fn mend(&self) {
        self.hang_up();
        self.is_cut.store(false, Ordering::SeqCst);
    }

    /// Ends every connection that is open now, as a server that restarts does.
    pub fn hang_up(&self) {
        let mut carried = self.carried.lock().unwrap_or_else(PoisonError::into_inner);
        for end in carried.drain(..) {
            let _ = end.shutdown(Shutdown::Both);
        }
    }
}

fn begin(
    near: &TcpStream,
    port: u16,
    is_cut: &Arc<AtomicBool>,
    carried: &Mutex<Vec<TcpStream>>,
) -> io::Result<()> {
    let far = TcpStream::connect(("127.0.0.1", port))?;
    for end in [near, &far] {
        end.set_nodelay(true)?;
    }
    let ways = [
        (near.try_clone()?, far.try_clone()?),
        (far.try_clone()?, near.try_clone()?),
    ];
    for (from, to) in ways {
        let is_cut = Arc::clone(is_cut);
        thread::spawn(move || carry(from, to, &is_cut));
    }
    let mut carried = carried.lock().unwrap_or_else(PoisonError::into_inner);
    carried.extend([near.try_clone()?, far]);
    Ok(())
}

fn carry(mut from: TcpStream, mut to: TcpStream, is_cut: &AtomicBool) {
    let mut bytes = vec![0; 16 << 10];
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        let is_lost = is_cut.load(Ordering::SeqCst);
        let sent = bytes.get(..length).unwrap_or_default();
        if !is_lost && to.write_all(sent).is_err() {
            break;
        }
    }
    for end in [from, to] {
        let _ = end.shutdown(Shutdown::Both);
    }
}
