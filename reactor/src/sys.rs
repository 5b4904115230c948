//! What the kernel offers and neither std, mio nor socket2 hands out safely. Owns every `unsafe` block of Holdfast, each with its argument; leaves the
//! decision to use them to the shells.
#![allow(unsafe_code, reason = "the one exception to the workspace's rule")]

use std::io;

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

fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_open_files_can_be_raised_to_the_hard_one() {
        let first = raise_open_files().unwrap();
        assert_eq!(raise_open_files().unwrap(), first);
        assert!(first > 0);
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
}
