//! The sign of life that a watchdog waits for, and what systemd is told (sd_notify(3)).
//!
//! The loop beats with every frame and every try to find a lost camera. A thread of its own looks after it: as long as the
//! loop beats, systemd's watchdog is fed; once it has not beaten for too long, the process ends, with a line that says so.

#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Exit code of a process that ended itself because it hung.
const HUNG: i32 = 1;

/// Beats.
#[derive(Clone, Debug)]
pub struct Pulse {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    began: Instant,
    /// Milliseconds from `began` to the last beat.
    last: AtomicU64,
    ended: AtomicBool,
}

impl Pulse {
    /// Begins with a beat.
    pub fn new() -> Pulse {
        let inner = Inner { began: Instant::now(), last: AtomicU64::new(0), ended: AtomicBool::new(false) };
        Pulse { inner: Arc::new(inner) }
    }

    /// Beats. Neither waits nor allocates.
    pub fn beat(&self) {
        self.inner.last.store(self.inner.began.elapsed().as_millis() as u64, Ordering::Relaxed);
    }

    /// For how long there was no beat.
    pub fn silence(&self) -> Duration {
        let last = Duration::from_millis(self.inner.last.load(Ordering::Relaxed));
        self.inner.began.elapsed().saturating_sub(last)
    }

    /// No more beats are to be expected.
    pub fn end(&self) {
        self.inner.ended.store(true, Ordering::Relaxed);
    }

    /// Looks after the beats on a thread of its own: feeds the manager's watchdog, where there is one, and calls `hung` where
    /// there was no beat for `limit`.
    ///
    /// # Errors
    /// That the system has no thread to give.
    pub fn guard(
        &self,
        limit: Option<Duration>,
        manager: Manager,
        hung: impl FnOnce(Duration) + Send + 'static,
    ) -> std::io::Result<()> {
        let pulse = self.clone();
        // Half of what the manager allows, as sd_watchdog_enabled(3) recommends.
        let feed = manager.watchdog.map(|allowed| allowed / 2);
        let nap = [Some(Duration::from_secs(1)), feed, limit.map(|limit| limit / 4)].into_iter().flatten().min();
        let nap = nap.unwrap_or(Duration::from_secs(1)).max(Duration::from_millis(10));
        std::thread::Builder::new().name("watchdog".into()).spawn(move || {
            while !pulse.inner.ended.load(Ordering::Relaxed) {
                std::thread::sleep(nap);
                let silence = pulse.silence();
                // A process that hangs is not to be fed.
                if manager.watchdog.is_some_and(|allowed| silence < allowed) {
                    manager.tell("WATCHDOG=1");
                }
                if limit.is_some_and(|limit| silence > limit) && !pulse.inner.ended.load(Ordering::Relaxed) {
                    return hung(silence);
                }
            }
        })?;
        Ok(())
    }
}

impl Default for Pulse {
    fn default() -> Self {
        Pulse::new()
    }
}

/// Ends the process, since it hangs.
pub fn end_process(silence: Duration) {
    eprintln!("error: no sign of life for {} s; ending, to be started anew", silence.as_secs());
    std::process::exit(HUNG);
}

/// Whoever started the process and wants to hear how it is: systemd, for units of `Type=notify`.
#[derive(Debug, Default)]
pub struct Manager {
    socket: Option<UnixDatagram>,
    watchdog: Option<Duration>,
}

impl Manager {
    /// As the environment says: `NOTIFY_SOCKET`, and `WATCHDOG_USEC` where it is for this process.
    pub fn of_environment() -> Manager {
        let socket = std::env::var_os("NOTIFY_SOCKET").and_then(|name| connect(name.as_bytes()).ok());
        let text = |name: &str| std::env::var(name).ok();
        let for_us = text("WATCHDOG_PID").is_none_or(|pid| pid == std::process::id().to_string());
        let watchdog = text("WATCHDOG_USEC").filter(|_| for_us && socket.is_some()).and_then(|text| text.parse().ok());
        Manager { socket, watchdog: watchdog.filter(|&us| us > 0).map(Duration::from_micros) }
    }

    /// One more handle to it.
    pub fn clone_for_thread(&self) -> Manager {
        let socket = self.socket.as_ref().and_then(|socket| socket.try_clone().ok());
        Manager { socket, watchdog: self.watchdog }
    }

    /// Tells it something, as `READY=1`; nobody to tell is no trouble. Does not allocate.
    pub fn tell(&self, what: &str) {
        if let Some(socket) = &self.socket {
            let _ = socket.send(what.as_bytes());
        }
    }

    /// Says that a reload begins, which has to give the time (`Type=notify-reload`).
    pub fn tell_reloading(&self) {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let now = Duration::try_from(now).unwrap_or_default();
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={}", now.as_micros()));
    }
}

/// A socket in the file system, or an abstract one, whose name begins with `@`.
fn connect(name: &[u8]) -> std::io::Result<UnixDatagram> {
    let address = match name.strip_prefix(b"@") {
        #[cfg(target_os = "linux")]
        Some(name) => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(name))?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.connect_addr(&address)?;
    // A manager that does not read is not to hold us up.
    socket.set_write_timeout(Some(Duration::from_millis(100)))?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn a_loop_that_beats_is_left_alone_and_one_that_hangs_is_not() {
        let ms = Duration::from_millis;
        let (pulse, (says, hears)) = (Pulse::new(), channel());
        pulse.guard(Some(ms(2000)), Manager::default(), move |silence| says.send(silence).unwrap()).unwrap();
        for _ in 0..6 {
            pulse.beat();
            assert!(hears.recv_timeout(ms(20)).is_err(), "it beats");
        }
        assert!(hears.recv_timeout(Duration::from_secs(30)).expect("it hangs") > ms(2000));
    }

    #[test]
    fn systemd_is_told_and_fed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let systemd = UnixDatagram::bind(&path).unwrap();
        systemd.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let socket = connect(path.as_os_str().as_bytes()).unwrap();
        let manager = Manager { socket: Some(socket), watchdog: Some(Duration::from_millis(3000)) };
        let heard = || {
            let mut bytes = [0; 128];
            let length = systemd.recv(&mut bytes).unwrap();
            String::from_utf8(bytes[..length].to_vec()).unwrap()
        };
        manager.tell("READY=1");
        assert_eq!(heard(), "READY=1");
        manager.tell_reloading();
        assert!(heard().starts_with("RELOADING=1\nMONOTONIC_USEC="));
        let pulse = Pulse::new();
        pulse.guard(None, manager.clone_for_thread(), |_| ()).unwrap();
        assert_eq!(heard(), "WATCHDOG=1");
        pulse.end();
    }
}
