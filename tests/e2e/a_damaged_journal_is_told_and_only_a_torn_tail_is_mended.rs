//! A journal whose bytes have changed is refused with file and offset; what is left of a last commit that was never done is cut off. `holdfast state verify-journal` tells the same.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use crate::cluster::Cluster;
use crate::device::{Device, Way};
use crate::holdfast::run;
use crate::metrics::metric;

/// Bytes before the first commit's own, and some of these: whatever is flipped here is followed by other commits.
const IN_THE_FIRST_COMMIT: usize = 100;

/// The segment with the most in it, of all shards.
fn largest(folder: &Path) -> PathBuf {
    let shards =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    let files = shards.flat_map(|shard| fs::read_dir(shard).unwrap()).map(|entry| entry.unwrap().path());
    files.max_by_key(|path| path.metadata().unwrap().len()).expect("a segment")
}

fn verify(folder: &Path, more: &[&str]) -> (Option<i32>, String) {
    let folder = folder.to_str().unwrap();
    let Output { status, stdout, stderr } = run(&[&["state", "verify-journal", folder], more].concat());
    (status.code(), format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr)))
}

#[test]
fn a_flipped_bit_is_refused_and_a_torn_tail_is_cut_off() {
    let mut cluster = Cluster::start();
    let mut bob = Device::online(&cluster, "bob", "phone", Way::Tcp);
    let alice = Device::online(&cluster, "alice", "phone", Way::Tcp);
    (0..5).for_each(|n| drop(bob.say("alice", &n.to_string())));
    cluster.state.kill();
    let folder = cluster.folder().join("sessions");
    assert_eq!(verify(&folder, &[]).0, Some(0));

    // Half a commit behind the last one, as a loss of power may leave it.
    let file = largest(&folder);
    let whole = fs::read(&file).unwrap();
    fs::write(&file, [&whole[..], &[0x5A; 9]].concat()).unwrap();
    let (code, said) = verify(&folder, &[]);
    assert!(code == Some(1) && said.contains("torn"), "{said}");
    let (code, said) = verify(&folder, &["--repair"]);
    assert_eq!((code, fs::read(&file).unwrap() == whole), (Some(0), true), "{said}");

    let mut flipped = whole.clone();
    flipped[IN_THE_FIRST_COMMIT] ^= 4;
    fs::write(&file, &flipped).unwrap();
    let (code, said) = verify(&folder, &["--repair"]);
    assert!(code == Some(1) && said.contains(file.to_str().unwrap()), "{said}");
    assert!(said.contains("checksum") && fs::read(&file).unwrap() == flipped, "nothing is mended: {said}");

    fs::write(&file, &whole).unwrap();
    cluster.state.start_again();
    assert_eq!(metric(cluster.state.address("admin"), "holdfast_state_sessions"), 2);
    bob.say("alice", "still there");
    drop(alice);
}
