//! What a newcomer reads when everything is up: [`text`]. Owns the words; what they name is what the servers have told.

use std::path::Path;
use std::time::Duration;

use proto::ids::Uid;

use super::{Up, address};
use crate::dev_key::{self, Signer};
use crate::failure::Failure;

/// Addresses, and commands that can be pasted as they stand.
pub(super) fn text(up: &Up, data: &Path) -> Result<String, Failure> {
    let carol: Uid = "carol".parse().expect("five letters are a uid");
    let signer = Signer::read(&dev_key::path(data), dev_key::KID)?;
    let token = signer.token(&carol, None, Duration::from_hours(24));
    let login = format!(r#"{{"login":{{"uid":"{carol}","device":"hand","token":"{token}"}}}}"#);
    let submit = r#"{"clientId":"1","submit":{"to":"alice","text":"hello"}}"#;
    let holdfast = program();
    let data = data.display();
    let clients = address(&up.gateway, "listen");
    let pages = [("gateway", &up.gateway), ("state", &up.state), ("logic", &up.logic)];
    let pages = pages.map(|(part, up)| {
        let name = if part == "logic" { "http" } else { "admin" };
        format!("  curl http://{}/metrics   # {part}", address(up, name))
    });
    Ok(format!(
        r#"
Holdfast is up: clients at {clients}, by WebSocket and by TCP. Its data is in {data}. Ctrl-C stops it.

Two people, each in a terminal of their own, one by WebSocket and one by TCP:
  {holdfast} chat --data {data} --url ws://{clients} --uid alice --to bob
  {holdfast} chat --data {data} --url tcp://{clients} --uid bob --to alice

By hand, in JSON: open it, then paste the two lines (a clientId is good once: go on from the lastClientId of loginOk)
  websocat --protocol holdfast.v1.json ws://{clients}
  {login}
  {submit}

The same from the console of a browser:
  ws = new WebSocket("ws://{clients}", "holdfast.v1.json"); ws.onmessage = (m) => console.log(m.data);
  ws.onopen = () => ws.send('{login}');
  ws.send('{submit}');

What goes on inside:
{}
"#,
        pages.join("\n")
    ))
}

/// How to call this binary from here.
fn program() -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let program = std::env::current_exe().unwrap_or_else(|_| "holdfast".into());
    program.strip_prefix(&here).unwrap_or(&program).display().to_string()
}
