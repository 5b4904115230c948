//! What the kernel offers and neither std, mio nor socket2 hands out safely. Owns every `unsafe` block of Holdfast, each with its argument; leaves the
//! decision to use them to the shells.
#![allow(unsafe_code, reason = "the one exception to the workspace's rule")]

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::ptr;
use std::time::Duration;

/// Raises the soft limit of open files to the hard one and returns what then holds.
pub fn raise_open_files() -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a valid, writable rlimit for the duration of the call.
    check(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) })?;
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: `limit` is a valid rlimit; the kernel only reads it.
    check(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) })?;
    Ok(limit.rlim_cur)
}

/// Binds the calling thread to one core, so that a reactor's caches stay its own.
pub fn pin_to_core(core: usize) -> io::Result<()> {
    // SAFETY: cpu_set_t is a plain bit set for which all zeroes is the empty set; CPU_SET checks its bounds itself.
    let set = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(core, &mut set);
        set
    };
    // SAFETY: pid 0 is the calling thread and `set` is a valid cpu_set_t of the given size.
    check(unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set) })
}

/// A counter that a poll can watch, at 0: the write of a number makes it readable (eventfd(2)).
pub fn eventfd() -> io::Result<OwnedFd> {
    // SAFETY: no memory is passed.
    let descriptor = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
    check(descriptor)?;
    // SAFETY: the call has just opened it, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// Receives what has come for a socket (recv(2)), at most the buffer's length; 0 is the end of the stream.
///
/// The system call itself, without the C library's cancellation point around it, which costs a gateway with more than one thread some percent of its time.
///
/// # Errors
/// As recv(2): `WouldBlock` where nothing has come.
#[inline]
pub fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    let (to, room) = (buffer.as_mut_ptr(), buffer.len());
    // SAFETY: the kernel writes at most `room` bytes at `to`, which is the buffer that is borrowed for the duration of the call.
    length(unsafe {
        libc::syscall(
            libc::SYS_recvfrom,
            socket.as_raw_fd(),
            to,
            room,
            0,
            ptr::null::<u8>(),
            ptr::null::<u8>(),
        )
    })
}

/// Sends from the front of `bytes` what the socket takes (send(2)), without the signal for a peer that has gone. As [`receive`], the bare system call.
///
/// # Errors
/// As send(2): `WouldBlock` where nothing was taken.
#[inline]
pub fn send(socket: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    let (from, count) = (bytes.as_ptr(), bytes.len());
    let (descriptor, flags) = (socket.as_raw_fd(), libc::MSG_NOSIGNAL);
    // SAFETY: the kernel reads `count` bytes at `from`, which are borrowed for the duration of the call.
    length(unsafe { libc::syscall(libc::SYS_sendto, descriptor, from, count, flags, ptr::null::<u8>(), 0) })
}

/// A timer that a poll can watch (timerfd_create(2)), on the monotonic clock; not set.
pub fn timer() -> io::Result<OwnedFd> {
    // SAFETY: no memory is passed.
    let descriptor =
        unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_CLOEXEC | libc::TFD_NONBLOCK) };
    check(descriptor)?;
    // SAFETY: the call has just opened it, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// Has a timer of [`timer`] become readable in `wait` from now, and no more at the time it was set to before. A wait of nothing is the shortest there is.
pub fn set_timer(timer: BorrowedFd<'_>, wait: Duration) -> io::Result<()> {
    let wait = wait.max(Duration::from_nanos(1));
    let never = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let after = libc::timespec {
        tv_sec: wait.as_secs() as libc::time_t,
        tv_nsec: libc::c_long::from(wait.subsec_nanos()),
    };
    let set = libc::itimerspec { it_interval: never, it_value: after };
    // SAFETY: `set` is a valid itimerspec, which the kernel only reads; no old value is asked for.
    check(unsafe { libc::timerfd_settime(timer.as_raw_fd(), 0, &raw const set, ptr::null_mut()) })
}

/// Lets a socket be bound to an address without a port: the kernel chooses one when it connects, and so may give a port to several connections whose other ends
/// differ (ip(7), IP_BIND_ADDRESS_NO_PORT).
pub fn bind_address_without_port(socket: BorrowedFd<'_>) -> io::Result<()> {
    let on: libc::c_int = 1;
    set_option(socket, libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT, &on.to_ne_bytes())
}

/// What the kernel calls its TLS among the protocols above TCP, as it tells it: with the zero behind it.
const TLS_PROTOCOL: &[u8] = b"tls\0";

/// Puts the kernel's TLS between a connected TCP socket and its user (the kernel's documentation, networking/tls). Until it has keys, bytes pass as they are.
///
/// # Errors
/// `NotFound` where the kernel has no TLS.
pub fn attach_tls(socket: BorrowedFd<'_>) -> io::Result<()> {
    set_option(socket, libc::SOL_TCP, libc::TCP_ULP, TLS_PROTOCOL)
}

/// Whether [`attach_tls`] was done with this socket, by whichever process.
pub fn has_tls(socket: BorrowedFd<'_>) -> bool {
    let mut name = [0_u8; 16];
    let mut size = name.len() as libc::socklen_t;
    let (level, option) = (libc::SOL_TCP, libc::TCP_ULP);
    // SAFETY: `name` is writable and `size` tells how far; both outlive the call.
    let result = unsafe {
        libc::getsockopt(socket.as_raw_fd(), level, option, name.as_mut_ptr().cast(), &raw mut size)
    };
    result == 0 && name.starts_with(TLS_PROTOCOL)
}

/// Gives the kernel's TLS the keys for one direction, laid out as its `tls12_crypto_info_*` of the cipher: from here on it encrypts what is sent, or decrypts
/// what comes.
///
/// # Errors
/// `InvalidInput` or `NotFound` for a cipher that the kernel does not have.
pub fn set_tls_keys(socket: BorrowedFd<'_>, way: TlsWay, keys: &[u8]) -> io::Result<()> {
    let option = match way {
        TlsWay::Out => libc::TLS_TX,
        TlsWay::In => libc::TLS_RX,
    };
    set_option(socket, libc::SOL_TLS, option, keys)
}

/// Which records keys are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsWay {
    /// Those that are sent.
    Out,
    /// Those that come.
    In,
}

/// Room for a control message of one byte, in words: the kernel wants it aligned.
const TLS_CONTROL_WORDS: usize =
    // SAFETY: CMSG_SPACE only computes.
    unsafe { libc::CMSG_SPACE(1) } as usize / size_of::<u64>();

/// Sends one record of another type than data, such as an alert, over a socket with the kernel's TLS.
pub fn send_tls_record(socket: BorrowedFd<'_>, record_type: u8, bytes: &[u8]) -> io::Result<()> {
    let mut part = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    let mut control = [0_u64; TLS_CONTROL_WORDS];
    let message = message(&mut part, &mut control);
    // SAFETY: `control` is aligned and has room for a header with one byte, which is all that is written. The message points to `bytes` and `control`, which
    // live on; the kernel only reads them.
    unsafe {
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        (*header).cmsg_level = libc::SOL_TLS;
        (*header).cmsg_type = libc::TLS_SET_RECORD_TYPE;
        (*header).cmsg_len = libc::CMSG_LEN(1) as usize;
        libc::CMSG_DATA(header).write(record_type);
        length(libc::sendmsg(socket.as_raw_fd(), &raw const message, libc::MSG_NOSIGNAL) as libc::c_long)
            .map(drop)
    }
}

/// Receives from a socket with the kernel's TLS what [`receive`] refuses with `EIO`: a record of another type than data. Its type, and how many bytes it had.
///
/// # Errors
/// As recvmsg(2); `InvalidData` where the kernel does not tell the type.
pub fn receive_tls_record(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<(u8, usize)> {
    let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    let mut control = [0_u64; TLS_CONTROL_WORDS];
    let mut message = message(&mut part, &mut control);
    // SAFETY: the message points to `buffer` and `control`, which live on and are written to at most as far as their lengths say. The kernel has written a
    // whole header into `control` where there is a first one, with the one byte that its type has.
    unsafe {
        let received =
            length(libc::recvmsg(socket.as_raw_fd(), &raw mut message, libc::MSG_DONTWAIT) as libc::c_long)?;
        match libc::CMSG_FIRSTHDR(&raw const message).as_ref() {
            Some(header)
                if (header.cmsg_level, header.cmsg_type) == (libc::SOL_TLS, libc::TLS_GET_RECORD_TYPE) =>
            {
                Ok((libc::CMSG_DATA(header).read(), received))
            }
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

/// Gives the calling thread a descriptor table of its own (unshare(2), CLONE_FILES), in which there are the standard streams and `kept`, under the
/// numbers that they have, and nothing else. From then on what the thread opens is its own alone: the kernel takes no lock and counts no reference for a
/// descriptor, and the limit of open files counts for this thread by itself.
///
/// To be called first of all on a new thread. A descriptor that was moved into it and is not among `kept` is closed, and its number will name
/// something else. What is in `kept` must not be closed by this thread: in the other table it would stay open.
///
/// # Errors
/// Where the call is forbidden, as by some containers' system call filters; the thread then goes on with the table it has.
pub fn own_descriptors(kept: &[BorrowedFd<'_>]) -> io::Result<()> {
    // SAFETY: no memory is passed; the other threads keep the old table.
    check(unsafe { libc::unshare(libc::CLONE_FILES) })?;
    let mut kept: Vec<RawFd> = kept.iter().map(BorrowedFd::as_raw_fd).collect();
    kept.extend([libc::STDIN_FILENO, libc::STDOUT_FILENO, libc::STDERR_FILENO]);
    kept.sort_unstable();
    kept.dedup();
    let ends = kept.iter().skip(1).map(|next| (next - 1) as u32).chain([u32::MAX]);
    for (first, last) in kept.iter().map(|before| (before + 1) as u32).zip(ends) {
        if first <= last {
            // SAFETY: the table is this thread's own, and by this function's contract nothing in the thread uses a number that is closed here. The
            // descriptors' owners are on other threads and keep them.
            check(unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) } as libc::c_int)?;
        }
    }
    Ok(())
}

/// Takes over a descriptor that this process was started with, so that no process it starts itself inherits it. To be called once for each, and only for
/// those that whoever started it has opened for it.
///
/// # Errors
/// Where no such descriptor is open.
pub fn adopt(descriptor: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: no memory is passed; a number that is no descriptor is an error.
    check(unsafe { libc::fcntl(descriptor, libc::F_SETFD, libc::FD_CLOEXEC) })?;
    // SAFETY: it is open, and by this function's contract it was opened for this process, in which nobody else has taken it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// The user for whom the process at the other end of a Unix socket runs: at the moment when it connected, or began to listen (unix(7), SO_PEERCRED).
pub fn peer_uid(socket: BorrowedFd<'_>) -> io::Result<u32> {
    let mut credentials = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut size = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: `credentials` is a valid, writable ucred and `size` tells its size; both outlive the call.
    check(unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut credentials).cast(),
            &raw mut size,
        )
    })?;
    Ok(credentials.uid)
}

/// The user for whom this process runs.
pub fn own_uid() -> u32 {
    // SAFETY: no memory is passed, and it cannot fail (geteuid(2)).
    unsafe { libc::geteuid() }
}

/// Descriptors that one message may carry (SCM_MAX_FD of the kernel, unix(7)).
pub const DESCRIPTORS_PER_MESSAGE_MAX: usize = 253;

/// Bytes of the header before the descriptors of a message, and room for as many as there may be, in words: the kernel wants it aligned.
const CONTROL_WORDS: usize =
    // SAFETY: CMSG_SPACE only computes.
    unsafe { libc::CMSG_SPACE((DESCRIPTORS_PER_MESSAGE_MAX * size_of::<RawFd>()) as u32) } as usize
            / size_of::<u64>();

/// Sends one message with descriptors over a Unix socket (unix(7), SCM_RIGHTS). The receiver gets duplicates of them.
///
/// # Errors
/// `InvalidInput` for more than [`DESCRIPTORS_PER_MESSAGE_MAX`]; `ETOOMANYREFS` while as many as this user may have open are on their way.
pub fn send_with_descriptors(
    socket: BorrowedFd<'_>,
    bytes: &[u8],
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<()> {
    if descriptors.len() > DESCRIPTORS_PER_MESSAGE_MAX {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut part = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    let mut control = [0_u64; CONTROL_WORDS];
    let mut message = message(&mut part, &mut []);
    if !descriptors.is_empty() {
        let numbers: Vec<RawFd> = descriptors.iter().map(BorrowedFd::as_raw_fd).collect();
        let size = size_of_val(&numbers[..]) as u32;
        message.msg_control = control.as_mut_ptr().cast();
        // SAFETY: `control` is aligned and has room for the most descriptors, which these are not more than; so the first header is inside of it, and so are
        // the numbers behind it. CMSG_SPACE and CMSG_LEN only compute.
        unsafe {
            message.msg_controllen = libc::CMSG_SPACE(size) as usize;
            let header = libc::CMSG_FIRSTHDR(&raw const message);
            (*header).cmsg_level = libc::SOL_SOCKET;
            (*header).cmsg_type = libc::SCM_RIGHTS;
            (*header).cmsg_len = libc::CMSG_LEN(size) as usize;
            ptr::copy_nonoverlapping(numbers.as_ptr().cast::<u8>(), libc::CMSG_DATA(header), size as usize);
        }
    }
    loop {
        // SAFETY: the message points to `bytes` and `control`, which live on; the kernel only reads them.
        let sent = unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const message, libc::MSG_NOSIGNAL) };
        match usize::try_from(sent) {
            // A socket for messages takes the whole of one or nothing.
            Ok(_) => return Ok(()),
            Err(_) => match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::Interrupted => {}
                error => return Err(error),
            },
        }
    }
}

/// Receives one message, and appends the descriptors that came with it, which no process started later inherits. Returns how many bytes it had; 0 at the
/// end of the stream.
///
/// # Errors
/// `InvalidData` for a message that is larger than `buffer`, or has more descriptors than this process may open; those that did come are dropped with it.
pub fn receive_with_descriptors(
    socket: BorrowedFd<'_>,
    buffer: &mut [u8],
    descriptors: &mut Vec<OwnedFd>,
) -> io::Result<usize> {
    let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    let mut control = [0_u64; CONTROL_WORDS];
    let mut message = message(&mut part, &mut control);
    let received = loop {
        // SAFETY: the message points to `buffer` and `control`, which live on and are written to at most as far as their lengths say.
        let received = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, libc::MSG_CMSG_CLOEXEC) };
        match usize::try_from(received) {
            Ok(received) => break received,
            Err(_) => match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::Interrupted => {}
                error => return Err(error),
            },
        }
    };
    let first = descriptors.len();
    // SAFETY: the kernel has written whole headers into `control`, and tells in `msg_controllen` how far; the two macros stay within that. A descriptor that
    // came with SCM_RIGHTS is open, and nobody else knows of it.
    unsafe {
        let mut header = libc::CMSG_FIRSTHDR(&raw const message);
        while let Some(found) = header.as_ref() {
            if (found.cmsg_level, found.cmsg_type) == (libc::SOL_SOCKET, libc::SCM_RIGHTS) {
                let numbers = libc::CMSG_DATA(header).cast::<[u8; size_of::<RawFd>()]>();
                let count = (found.cmsg_len - libc::CMSG_LEN(0) as usize) / size_of::<RawFd>();
                descriptors.extend(
                    (0..count).map(|n| OwnedFd::from_raw_fd(RawFd::from_ne_bytes(numbers.add(n).read()))),
                );
            }
            header = libc::CMSG_NXTHDR(&raw const message, header);
        }
    }
    if message.msg_flags & (libc::MSG_TRUNC | libc::MSG_CTRUNC) != 0 {
        descriptors.truncate(first);
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a message was cut"));
    }
    Ok(received)
}

/// The most files that the calling thread's table may have open.
pub fn open_files_max() -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a valid, writable rlimit for the duration of the call.
    check(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) })?;
    Ok(limit.rlim_cur)
}

/// Stops this process, as if by Ctrl-Z, until somebody lets it go on. For tests of what others do then.
pub fn stop_here() {
    // SAFETY: no memory is passed.
    unsafe { libc::raise(libc::SIGSTOP) };
}

/// Microseconds of the system's monotonic clock, which is the same for all processes.
pub fn monotonic_micros() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is writable. The clock is always there.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    now.tv_sec as u64 * 1_000_000 + now.tv_nsec as u64 / 1000
}

/// A message of one part, with room for control messages. Both must outlive it: it points to them.
fn message(part: &mut libc::iovec, control: &mut [u64]) -> libc::msghdr {
    // SAFETY: msghdr is a plain structure for which all zeroes is an empty message.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = part;
    message.msg_iovlen = 1;
    if !control.is_empty() {
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = size_of_val(control);
    }
    message
}

fn set_option(
    socket: BorrowedFd<'_>,
    level: libc::c_int,
    option: libc::c_int,
    value: &[u8],
) -> io::Result<()> {
    let (from, length) = (value.as_ptr().cast(), value.len() as libc::socklen_t);
    // SAFETY: `from` points to `length` readable bytes for the duration of the call.
    check(unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, from, length) })
}

/// What a system call that moves bytes has returned.
#[inline]
fn length(result: libc::c_long) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result >= 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File};
    use std::io::{Read as _, Write as _};
    use std::os::fd::AsFd as _;

    #[test]
    fn the_limit_of_open_files_can_be_raised_to_the_hard_one() {
        let first = raise_open_files().unwrap();
        assert_eq!(raise_open_files().unwrap(), first);
        assert!(first > 0);
    }

    #[test]
    fn bytes_cross_a_pair_of_sockets_and_an_empty_or_broken_one_says_so() {
        let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
        far.set_nonblocking(true).unwrap();
        let mut buffer = [0; 8];
        assert_eq!(receive(far.as_fd(), &mut buffer).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert_eq!(send(near.as_fd(), b"bytes").unwrap(), 5);
        assert_eq!(receive(far.as_fd(), &mut buffer).unwrap(), 5);
        assert_eq!(&buffer[..5], b"bytes");
        drop(near);
        assert_eq!(receive(far.as_fd(), &mut buffer).unwrap(), 0);
        assert_eq!(send(far.as_fd(), b"bytes").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn a_thread_can_be_pinned_to_the_first_core_but_not_to_one_that_is_not_there() {
        std::thread::spawn(|| {
            pin_to_core(0).unwrap();
            assert!(pin_to_core(1023).is_err());
        })
        .join()
        .unwrap();
    }

    #[test]
    fn descriptors_cross_a_socket_with_their_message_and_lead_to_the_same_thing() {
        let (here, there) = std::os::unix::net::UnixStream::pair().unwrap();
        let counters: Vec<_> = (0..DESCRIPTORS_PER_MESSAGE_MAX).map(|_| eventfd().unwrap()).collect();
        let sent: Vec<_> = counters.iter().map(OwnedFd::as_fd).collect();
        send_with_descriptors(here.as_fd(), b"these", &sent).unwrap();
        send_with_descriptors(here.as_fd(), b"none", &[]).unwrap();
        let (mut buffer, mut came) = ([0; 16], Vec::new());
        assert_eq!(receive_with_descriptors(there.as_fd(), &mut buffer, &mut came).unwrap(), 5);
        assert_eq!((&buffer[..5], came.len()), (&b"these"[..], counters.len()));
        File::from(came.pop().unwrap()).write_all(&7_u64.to_ne_bytes()).unwrap();
        let mut count = [0; 8];
        File::from(counters.into_iter().next_back().unwrap()).read_exact(&mut count).unwrap();
        assert_eq!(u64::from_ne_bytes(count), 7);
        came.clear();
        assert_eq!(receive_with_descriptors(there.as_fd(), &mut buffer, &mut came).unwrap(), 4);
        assert!(came.is_empty());
        drop(here);
        assert_eq!(receive_with_descriptors(there.as_fd(), &mut buffer, &mut came).unwrap(), 0);
        let too_many = vec![there.as_fd(); DESCRIPTORS_PER_MESSAGE_MAX + 1];
        let refused = send_with_descriptors(there.as_fd(), b"", &too_many).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn both_ends_of_a_unix_socket_see_who_the_other_is() {
        let (one, other) = std::os::unix::net::UnixStream::pair().unwrap();
        assert_eq!(peer_uid(one.as_fd()).unwrap(), own_uid());
        assert_eq!(peer_uid(other.as_fd()).unwrap(), own_uid());
        let stranger = File::open("/dev/null").unwrap();
        assert!(peer_uid(stranger.as_fd()).is_err(), "no socket");
    }

    #[test]
    fn a_thread_with_a_table_of_its_own_sees_only_what_it_kept_and_closes_nothing_of_others() {
        let (kept, left) = (File::from(eventfd().unwrap()), File::from(eventfd().unwrap()));
        let (number, other) = (kept.as_raw_fd(), left.as_raw_fd());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                own_descriptors(&[kept.as_fd()]).unwrap();
                let open: Vec<String> = fs::read_dir("/proc/thread-self/fd")
                    .unwrap()
                    .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                    .collect();
                assert!(open.contains(&number.to_string()), "{open:?}");
                // The standard streams, what was kept, and the folder that is being read.
                assert!(open.len() <= 5, "{open:?}");
                (&kept).write_all(&1_u64.to_ne_bytes()).unwrap();
            });
        });
        let mut count = [0; 8];
        (&kept).read_exact(&mut count).unwrap();
        assert_eq!(u64::from_ne_bytes(count), 1);
        assert!(fs::exists(format!("/proc/self/fd/{other}")).unwrap());
    }
}
