//! The socket by which an operator asks a running gateway for a handover: [`Control`] listens, [`ask`] asks. Owns where it is, who may use it, and the few words that are said.
//!
//! It is a Unix socket in a directory that only this user can enter (mode 0700), with mode 0600 itself, and whoever connects must be this user or root: what is asked for is that a program be
//! started. One request a connection: a line with the program to start, empty for the one that runs. The answer is a line, `done` or `failed`, and what there is to say.

use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use proto::limits::{HANDOVER_FREEZE_DEADLINE, HANDOVER_READY_DEADLINE, HANDOVER_SERVING_DEADLINE};
use reactor::sys;

/// How long a request may take to come.
const REQUEST: Duration = Duration::from_secs(2);
/// Bytes of a request: the longest path that Linux takes, and the end of the line.
const REQUEST_BYTES_MAX: u64 = 4097;
/// How long whoever asks waits for the answer: longer than a handover can take, with a million connections.
const ANSWER: Duration = Duration::from_secs(
    HANDOVER_READY_DEADLINE.as_secs()
        + HANDOVER_FREEZE_DEADLINE.as_secs()
        + HANDOVER_SERVING_DEADLINE.as_secs()
        + 60,
);

/// Somebody wants a handover.
#[derive(Debug)]
pub struct Wish {
    /// The program to start; `None` for the one that runs.
    pub program: Option<PathBuf>,
    stream: UnixStream,
}

impl Wish {
    /// Tells what came of it: the report, or why nothing changed. Who asked may have gone.
    pub fn answer(mut self, outcome: &Result<String, String>) {
        let (word, text) = match outcome {
            Ok(report) => ("done", report),
            Err(why) => ("failed", why),
        };
        if let Err(error) = write!(self.stream, "{word}\n{text}") {
            tracing::warn!(%error, "whoever asked for a handover is not told what came of it");
        }
    }
}

/// The listening side. Its socket goes with it.
#[derive(Debug)]
pub struct Control {
    path: PathBuf,
}

impl Control {
    /// Listens in this directory, and passes each wish to `wish`, on a thread of its own.
    pub fn listen(directory: &Path, wish: impl Fn(Wish) + Send + 'static) -> io::Result<Self> {
        prepare(directory)?;
        let path = path(directory, std::process::id());
        // If there is one, it is of a process that had the same number and is gone.
        drop(fs::remove_file(&path));
        let listener = UnixListener::bind(&path)?;
        fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        std::thread::Builder::new().name("control".into()).spawn(move || {
            for stream in listener.incoming().flatten() {
                if let Err(error) = serve(stream, &wish) {
                    tracing::warn!(%error, "a request for a handover is refused");
                }
            }
        })?;
        Ok(Self { path })
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.path));
    }
}

/// Where sockets are if nobody says otherwise: what a supervisor gives the service, or the user's own place.
pub fn default_directory() -> PathBuf {
    let of = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(directory) = of("RUNTIME_DIRECTORY") {
        return directory;
    }
    match of("XDG_RUNTIME_DIR") {
        Some(directory) => directory.join("holdfast"),
        None => std::env::temp_dir().join(format!("holdfast-{}", sys::own_uid())),
    }
}

/// The gateways that can be asked: their processes.
pub fn gateways(directory: &Path) -> Vec<u32> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let pid = |entry: fs::DirEntry| {
        entry.file_name().to_str()?.strip_prefix("gateway-")?.strip_suffix(".sock")?.parse().ok()
    };
    entries.filter_map(pid).filter(|pid| UnixStream::connect(path(directory, *pid)).is_ok()).collect()
}

/// Asks a gateway to hand over, and waits: the report.
///
/// # Errors
/// Why nothing changed, or what is not known.
pub fn ask(directory: &Path, pid: u32, program: Option<&Path>) -> Result<String, String> {
    let path = path(directory, pid);
    let failed = |error: io::Error| format!("{}: {error}", path.display());
    let mut stream = UnixStream::connect(&path).map_err(failed)?;
    stream.set_read_timeout(Some(ANSWER)).map_err(failed)?;
    let program = program.map_or("", |program| program.to_str().unwrap_or_default());
    writeln!(stream, "{program}").map_err(failed)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(failed)?;
    match answer.split_once('\n') {
        Some(("done", report)) => Ok(report.to_owned()),
        Some(("failed", why)) => Err(why.to_owned()),
        _ => Err("the gateway went away without an answer".into()),
    }
}

fn path(directory: &Path, pid: u32) -> PathBuf {
    directory.join(format!("gateway-{pid}.sock"))
}

/// Makes the directory, or sees that it is as it must be, and removes what gateways have left in it that were killed.
fn prepare(directory: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let found = fs::symlink_metadata(directory)?;
    let is_ours = found.is_dir() && found.uid() == sys::own_uid();
    if !is_ours || found.mode() & 0o022 != 0 {
        let why = format!("{} is not this user's own, or others can write to it", directory.display());
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    }
    for entry in fs::read_dir(directory)?.flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix("gateway-")?.strip_suffix(".sock"));
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            drop(fs::remove_file(entry.path()));
        }
    }
    Ok(())
}

fn serve(stream: UnixStream, wish: &impl Fn(Wish)) -> io::Result<()> {
    let user = sys::peer_uid(stream.as_fd())?;
    if user != 0 && user != sys::own_uid() {
        let why = format!("a process of user {user} may not ask for it");
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    }
    stream.set_read_timeout(Some(REQUEST))?;
    stream.set_write_timeout(Some(REQUEST))?;
    let mut line = String::new();
    BufReader::new((&stream).take(REQUEST_BYTES_MAX)).read_line(&mut line)?;
    let Some(program) = line.strip_suffix('\n') else {
        // Somebody looked whether it is there, or sent what is no line.
        return Ok(());
    };
    if program.contains('\0') {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let program = (!program.is_empty()).then(|| PathBuf::from(program));
    wish(Wish { program, stream });
    Ok(())
}
