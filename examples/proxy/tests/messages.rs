//! What the program says about wrong options, and about upstreams that it cannot use as the options say.

mod support;

use std::io::Read;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use support::live_server::free_address;
use support::{Client, PROGRAM, Server};

/// How long the program may run before its messages are read.
const RUN: Duration = Duration::from_millis(1500);

/// Returns what the program writes to standard error until it ends, or for a while.
fn messages(options: &[&str]) -> String {
    let mut program = Command::new(PROGRAM)
        .args(options)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    thread::sleep(RUN);
    // It may have ended.
    let _ = program.kill();
    let mut text = String::new();
    program.stderr.take().expect("a pipe").read_to_string(&mut text).expect("text");
    assert!(!program.wait().expect("its status").success());
    text
}

#[test]
fn wrong_options_are_refused_at_the_start() {
    for (options, expected) in [
        (
            &["--upstream", "a:1", "--upstream", "b:1", "--upstream", "a:1"][..],
            "a:1 is given twice",
        ),
        (&["--upstream", "a:1", "--password", ""], "--password"),
        (&["--listen", "localhost:6380"], "this is not an IP address and a port"),
        (&["--metrics", "localhost:6380"], "this is not an IP address and a port"),
    ] {
        let text = messages(options);
        assert!(text.starts_with("error: ") && text.contains(expected), "{options:?}: {text}");
    }
}

#[test]
fn each_warning_is_given_once() {
    let options = ["--cluster-enabled", "yes"];
    let (Some(plain), Some(node)) = (Server::start(), Server::start_with(&options)) else { return };
    let Some(locked) = Server::start() else { return };
    assert_eq!(Client::new(locked.connect()).answer("CONFIG SET requirepass p"), "+OK\r\n");
    let [plain, node, locked] = [&plain, &node, &locked].map(|server| server.address().to_string());
    let down = free_address().to_string();
    for (options, expected) in [
        (&["--cluster", &plain][..], "without a cluster, use --upstream"),
        (&["--upstream", &node], "this is a node of a cluster: use --cluster"),
        (&["--upstream", &down], "not available"),
        (&["--upstream", &plain, "--upstream", &locked], "wants a password: use --password"),
    ] {
        let text = messages(&[options, &["--listen", "127.0.0.1:0", "--threads", "4"]].concat());
        assert_eq!(text.lines().count(), 1, "{options:?}: {text}");
        assert!(text.contains(expected), "{options:?}: {text}");
    }
    assert_eq!(messages(&["--upstream", &plain, "--listen", "127.0.0.1:0"]), "");
}
