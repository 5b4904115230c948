//! The whole path may run over Unix sockets: a path is its owner's alone, is taken over from a server that was killed, refused while one lives, and gone when it stops.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};

use crate::cluster::{Cluster, Links};
use crate::crowd::{Crowd, check};
use crate::holdfast::run;

/// Messages of each person.
const MESSAGES: usize = 200;

fn cluster() -> Cluster {
    Cluster::linked_by(&Links { by_unix_sockets: true, ..Links::default() })
}

#[test]
fn people_talk_over_them_while_state_and_logic_are_killed_and_come_back_at_the_same_path() {
    let mut cluster = cluster();
    for name in ["state.sock", "logic.sock"] {
        let socket = fs::symlink_metadata(cluster.folder().join(name)).unwrap();
        assert!(socket.file_type().is_socket());
        assert_eq!(socket.permissions().mode() & 0o777, 0o600);
    }
    let crowd = Crowd::start(&cluster, MESSAGES);
    crowd.await_answers(Crowd::total(MESSAGES) / 3);
    cluster.state.kill();
    assert!(fs::exists(cluster.folder().join("state.sock")).unwrap(), "what the dead leave");
    cluster.state.start_again();
    crowd.await_answers(Crowd::total(MESSAGES) / 3);
    cluster.logic.kill();
    cluster.logic.start_again();
    let people = crowd.finish();
    assert!(people.iter().all(|person| person.disconnects == 0), "the connections stay open");
    check(&cluster, &people);
}

#[test]
fn a_second_server_at_the_same_path_is_refused_and_the_first_one_cleans_up() {
    let mut cluster = cluster();
    let (logic, store) = (cluster.logic.told("listen"), cluster.folder().join("other.db"));
    let store = store.display().to_string();
    let output = run(&["logic", "--listen", &logic, "--http", "127.0.0.1:0", "--store", &store]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("logic.sock: another process listens there"), "{said}");
    cluster.gateway.stop();
    cluster.state.stop();
    cluster.logic.stop();
    for name in ["state.sock", "logic.sock"] {
        assert!(!fs::exists(cluster.folder().join(name)).unwrap(), "{name}");
    }
}

#[test]
fn a_path_is_a_setting_like_an_address() {
    let output = run(&["gateway", "--state", "unix:/run/holdfast/state.sock", "--print-config"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("\nstate = \"unix:/run/holdfast/state.sock\"\n"), "{said}");
    for (part, flag) in
        [("gateway", "--state"), ("state", "--listen"), ("state", "--logic"), ("logic", "--listen")]
    {
        let output = run(&[part, flag, "unix:", "--print-config"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(78));
        assert!(said.contains(&format!("{flag}: \"unix:\" has no path after unix:")), "{said}");
    }
}
