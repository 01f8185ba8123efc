//! A broker for tests: takes what one client of MQTT 3.1.1 publishes, and does what a test wants it to do.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// What a broker sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A client that wants in.
    Connect { client: String, will: Option<(String, String)>, user: Option<(String, String)> },
    /// A message.
    Publish { topic: String, payload: String, retain: bool },
    /// The client said goodbye.
    Disconnect,
    /// The connection was closed without that.
    Lost,
}

/// How a broker behaves.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// What it answers to a client: 0 to let it in.
    pub code: u8,
    /// So many messages it confirms, before it falls silent.
    pub confirms: usize,
    /// So many messages it reads, before it is gone.
    pub reads: usize,
}

impl Default for Manner {
    fn default() -> Manner {
        Manner { code: 0, confirms: usize::MAX, reads: usize::MAX }
    }
}

/// A broker on a port of this machine, for one connection after another.
pub struct Broker {
    pub address: SocketAddr,
    pub seen: Receiver<Seen>,
    thread: JoinHandle<TcpListener>,
}

/// A port on which nobody listens.
pub fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

impl Broker {
    /// Begins to listen, for as many connections as there are manners.
    pub fn start(address: SocketAddr, manners: &[Manner]) -> Broker {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, seen) = channel();
        let manners = manners.to_vec();
        let thread = thread::spawn(move || {
            for manner in manners {
                let (stream, _) = listener.accept().unwrap();
                // However it ends: to the broker it is lost.
                let _ = serve(stream, manner, &sender);
            }
            listener
        });
        Broker { address, seen, thread }
    }

    /// The next thing that it sees.
    pub fn next(&self) -> Seen {
        self.seen.recv_timeout(Duration::from_secs(10)).expect("nothing was sent for ten seconds")
    }

    /// The next message that is published.
    pub fn next_publish(&self) -> (String, String, bool) {
        match self.next() {
            Seen::Publish { topic, payload, retain } => (topic, payload, retain),
            other => panic!("no message but {other:?}"),
        }
    }

    /// Waits until it has served all connections, and stops listening.
    pub fn end(self) -> Vec<Seen> {
        drop(self.thread.join().unwrap());
        self.seen.try_iter().collect()
    }
}

fn serve(mut stream: TcpStream, manner: Manner, seen: &Sender<Seen>) -> io::Result<()> {
    let (mut read, mut confirmed) = (0, 0);
    loop {
        let Ok((kind, body)) = packet(&mut stream) else {
            let _ = seen.send(Seen::Lost);
            return Ok(());
        };
        let mut body = body.as_slice();
        match kind >> 4 {
            1 => {
                let _ = seen.send(connect(body));
                stream.write_all(&[0x20, 2, 0, manner.code])?;
                if manner.code != 0 {
                    return Ok(());
                }
            }
            3 => {
                assert_eq!(kind & 0b0110, 0b0010, "at least once");
                let topic = text(&mut body);
                let number = [body[0], body[1]];
                let payload = String::from_utf8(body[2..].to_vec()).unwrap();
                let _ = seen.send(Seen::Publish { topic, payload, retain: kind & 1 == 1 });
                read += 1;
                if read == manner.reads {
                    return Ok(());
                }
                if confirmed < manner.confirms {
                    stream.write_all(&[0x40, 2, number[0], number[1]])?;
                    confirmed += 1;
                }
            }
            12 => stream.write_all(&[0xd0, 0])?,
            14 => {
                let _ = seen.send(Seen::Disconnect);
                return Ok(());
            }
            other => panic!("a client that only publishes sent a packet of type {other}"),
        }
    }
}

/// The first byte and the body of a packet.
fn packet(stream: &mut TcpStream) -> io::Result<(u8, Vec<u8>)> {
    let mut byte = [0];
    stream.read_exact(&mut byte)?;
    let (kind, mut length, mut shift) = (byte[0], 0, 0);
    loop {
        stream.read_exact(&mut byte)?;
        length |= usize::from(byte[0] & 0x7f) << shift;
        shift += 7;
        if byte[0] & 0x80 == 0 {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok((kind, body))
}

fn connect(mut body: &[u8]) -> Seen {
    assert_eq!(text(&mut body), "MQTT");
    let (level, flags) = (body[0], body[1]);
    assert_eq!(level, 4, "MQTT 3.1.1");
    assert_ne!(flags & 2, 0, "a clean session");
    body = &body[4..];
    let client = text(&mut body);
    let will = (flags & 4 != 0).then(|| (text(&mut body), text(&mut body)));
    assert!(will.is_none() || flags & 0b11_1000 == 0b10_1000, "the will is retained, and sent at least once");
    let user = (flags & 0x80 != 0).then(|| text(&mut body));
    let user = user.map(|user| (user, text(&mut body)));
    Seen::Connect { client, will, user }
}

/// A text with its length before it.
fn text(body: &mut &[u8]) -> String {
    let length = usize::from(u16::from_be_bytes([body[0], body[1]]));
    let text = String::from_utf8(body[2..2 + length].to_vec()).unwrap();
    *body = &body[2 + length..];
    text
}
