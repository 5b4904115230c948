//! With `coalesce` one waking of a reactor serves all who have said something meanwhile, and everybody is answered all the same.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use proto::tcp;

use crate::holdfast::Holdfast;
use crate::metrics::metric;
use crate::raw::connect;

const CLIENTS: usize = 40;
const REST: Duration = Duration::from_millis(100);

/// Says something, and does not wait for the echo.
fn say(client: &mut TcpStream) {
    client.write_all(&[&tcp::head(5)[..], b"hello"].concat()).unwrap();
}

fn hear(client: &mut TcpStream) {
    let mut echo = [0; 9];
    client.read_exact(&mut echo).unwrap();
    assert!(echo.ends_with(b"hello"));
}

#[test]
fn turns_are_no_closer_together_than_the_setting_says_while_they_find_little() {
    let any = "127.0.0.1:0";
    let coalesce = format!("--coalesce={}ms", REST.as_millis());
    let [listen, admin] = ["listen", "admin"].map(|door| format!("--{door}={any}"));
    let echo = ["gateway", "--mode=echo", "--reactors=1", &listen, &admin, &coalesce];
    let gateway = Holdfast::start(&echo);
    let (edge, admin) = (gateway.address(&["listen"]), gateway.address(&["admin"]));
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| connect(edge)).collect();
    for client in &mut clients {
        client.write_all(&tcp::MAGIC).unwrap();
        say(client);
    }
    clients.iter_mut().for_each(hear);

    let turns = || metric(admin, "holdfast_gateway_turn_seconds_count");
    let (before, began) = (turns(), Instant::now());
    clients.iter_mut().for_each(say);
    clients.iter_mut().for_each(hear);
    let most = began.elapsed().as_millis() / REST.as_millis() + 2;
    assert!(u128::from(turns() - before) <= most, "more than {most}");
}
