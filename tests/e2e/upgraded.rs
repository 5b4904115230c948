//! A gateway that is replaced while it runs: [`Replaced`]. Owns asking for it, and the processes that come after the first; who is connected meanwhile is the tests' business.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::cluster::Server;
use crate::holdfast::{Holdfast, command, signal};
use crate::metrics::{await_more, metric};
use crate::program::PATIENCE;

/// A gateway, whichever process it is by now.
pub(crate) struct Replaced {
    pub(crate) pid: u32,
    runtime_dir: PathBuf,
    listen: SocketAddr,
    admin: SocketAddr,
    /// There if it belongs to nobody else: the first process, and its folder.
    own: Option<(Holdfast, TempDir)>,
}

impl Replaced {
    /// That of a cluster. It ends with it, by the end of its stdin, whichever process it is then.
    pub(crate) fn of(server: &Server) -> Self {
        let (listen, admin) = (server.address("listen"), server.address("admin"));
        let runtime_dir = server.setting("runtime-dir").expect("a cluster's gateway has one").into();
        Self { pid: server.pid(), runtime_dir, listen, admin, own: None }
    }

    /// One that echoes, with two reactors and these settings on top.
    pub(crate) fn echo(more: &[&str]) -> Self {
        Self::echo_with(more, &[])
    }

    /// The same, with this in its environment.
    pub(crate) fn echo_with(more: &[&str], environment: &[(&str, &Path)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let runtime_dir = folder.path().join("run");
        let runtime = format!("--runtime-dir={}", runtime_dir.display());
        let usual = ["gateway", "--mode=echo", "--listen=127.0.0.1:0", "--admin=127.0.0.1:0", "--reactors=2"];
        let arguments = [&usual[..], &["--stop-on-stdin-eof", "--log-format=text", &runtime], more].concat();
        let first = Holdfast::start_with(&arguments, environment);
        let (listen, admin) = (first.address(&["listen"]), first.address(&["admin"]));
        let own = Some((first, folder));
        let pid = own.as_ref().map(|(first, _)| first.program.pid()).expect("it was just started");
        Self { pid, runtime_dir, listen, admin, own }
    }

    /// Where clients connect.
    pub(crate) fn address(&self) -> SocketAddr {
        self.listen
    }

    /// Where its socket for wishes is.
    pub(crate) fn runtime_dir(&self) -> &Path {
        &self.runtime_dir
    }

    /// Asks for a replacement.
    pub(crate) fn ask(&self, more: &[&str]) -> Output {
        let (directory, pid) = (self.runtime_dir.display().to_string(), self.pid.to_string());
        let arguments = ["upgrade", "--runtime-dir", &directory, "--pid", &pid];
        command(&[&arguments[..], more].concat()).output().expect("the binary of this build can be started")
    }

    /// Has it replaced: what was reported.
    pub(crate) fn replace(&mut self) -> String {
        let output = self.ask(&[]);
        let (report, why) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{report}{why}");
        let pid = report.split_once("handed over to process ").and_then(|(_, rest)| rest.split_once(' '));
        let before = std::mem::replace(&mut self.pid, pid.expect("a pid").0.parse().expect("a number"));
        await_end(before);
        report.into_owned()
    }

    /// Asks for a replacement that must fail: why it did. The same process serves on.
    pub(crate) fn replace_in_vain(&self, more: &[&str]) -> String {
        let output = self.ask(more);
        assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
        assert!(is_there(self.pid));
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// A number of its metrics.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        metric(self.admin, name)
    }

    /// Waits until a number is larger than it was.
    pub(crate) fn await_more(&self, name: &str, than: u64) {
        await_more(self.admin, name, than);
    }

    /// Descriptors that are open in each of its threads.
    pub(crate) fn open_descriptors(&self) -> Vec<usize> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.pid)).expect("it runs").flatten();
        let mut open: Vec<_> =
            tasks.map(|task| fs::read_dir(task.path().join("fd")).map_or(0, Iterator::count)).collect();
        open.sort_unstable();
        open
    }
}

impl Drop for Replaced {
    fn drop(&mut self) {
        if let Some((first, _)) = &self.own
            && self.pid != first.program.pid()
            && is_there(self.pid)
        {
            signal(self.pid, "KILL");
        }
    }
}

/// Whether there is such a process, and it has not ended.
pub(crate) fn is_there(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // Behind the name, in which anything may stand.
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// Waits until a process has ended.
pub(crate) fn await_end(pid: u32) {
    let deadline = Instant::now() + PATIENCE;
    while is_there(pid) {
        assert!(Instant::now() < deadline, "process {pid} does not end");
        std::thread::sleep(Duration::from_millis(5));
    }
}
