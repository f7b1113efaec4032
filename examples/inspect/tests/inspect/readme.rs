//! The session in the README is what the program prints.

use std::fs;

use crate::program::{inspect, text};

#[test]
fn the_recorded_session_is_what_the_program_prints() {
    let readme = fs::read_to_string("README.md").expect("the README");
    let (_, session) = readme.split_once("```text\n").expect("a session");
    let (session, _) = session.split_once("```\n").expect("its end");
    let mut commands = 0;
    for command in session.split("$ zresp-inspect ").skip(1) {
        let (arguments, expected) = command.split_once('\n').expect("a line");
        let arguments: Vec<_> =
            arguments.split(' ').map(|argument| argument.trim_matches('\'')).collect();
        let shown = text(&inspect(&arguments, b"").stdout);
        // The time of the pass differs.
        let without_pass = |text: &str| {
            let lines = text.lines().filter(|line| !line.starts_with("pass  "));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(without_pass(&shown), without_pass(expected), "{arguments:?}");
        commands += 1;
    }
    assert_eq!(commands, 2);
}
