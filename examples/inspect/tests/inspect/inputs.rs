//! Inputs: the built-in capture, files, standard input, and messages about broken ones.

use std::io::Read;
use std::process::{Command, Stdio};

use crate::program::{PROGRAM, inspect, text};
use crate::scratch::Scratch;

#[test]
fn without_input_the_built_in_capture_is_shown() {
    let output = inspect(&[], b"");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        text(&output.stderr),
        "zresp-inspect: no input, showing the built-in capture (see --help)\n"
    );
    let shown = text(&output.stdout);
    let beginning = "1# \"server\" => \"redis\"\n2# \"version\" => \"";
    assert!(shown.starts_with(beginning), "{}", shown.lines().next().unwrap_or_default());

    let capture = "../../tests/captures/resp3-session.replies";
    assert!(inspect(&[capture], b"").stdout == output.stdout, "not the replies of that file");
    let explicit = inspect(&["-"], b"");
    assert!(explicit.status.success() && explicit.stdout.is_empty(), "{explicit:?}");
    // A pipe in which nothing comes is not replaced: it has a command that empties a server.
    for options in [["--raw"].as_slice(), &["--raw", "--as", "requests"], &["--json"]] {
        let output = inspect(options, b"");
        assert!(output.status.success() && output.stdout.is_empty(), "{options:?}: {output:?}");
    }
}

#[test]
fn files_are_read_in_order_and_a_missing_one_does_not_stop_the_others() {
    let (first, last) = (Scratch::new("first", b":1\r\n"), Scratch::new("last", b":3\r\n"));
    let output = inspect(&[first.path(), "-", "no-such-file", last.path()], b":2\r\n");
    assert_eq!(text(&output.stdout), "(integer) 1\n(integer) 2\n(integer) 3\n");
    let error = text(&output.stderr);
    assert!(
        error.starts_with("zresp-inspect: no-such-file: ") && error.lines().count() == 1,
        "{error}"
    );
    assert_eq!(output.status.code(), Some(1));

    assert_eq!(inspect(&["--no-such-option"], b"").status.code(), Some(2));
}

#[test]
fn broken_input_is_reported_on_one_line_with_status_1() {
    // The input, what is shown before the error, the message, the offset of the frame, the good frames before it.
    let table: &[(&[u8], &str, &str, u64, u64)] = &[
        (b"$12x", "", "offset 3: expected a digit or CR, found `x`: 24 31 32 [78]", 0, 0),
        (
            b"hello\r\n",
            "",
            "offset 0: expected a type byte, found `h`: [68] 65 6c 6c 6f 0d 0a",
            0,
            0,
        ),
        (
            b"+OK\r\n*1\r\n$3\r\nabcXYZ0123456\r\n",
            "OK\n",
            "offset 16: expected CR, found `X`: \
             … 0a 24 33 0d 0a 61 62 63 [58] 59 5a 30 31 32 33 34 35",
            5,
            1,
        ),
        (
            b"+OK\r\n$5\r\nhel",
            "OK\n",
            "offset 12: input ends inside a frame: 24 35 0d 0a 68 65 6c [end]",
            5,
            1,
        ),
        (
            &b"*1\r\n".repeat(129),
            "",
            "offset 513: nested deeper than 128 levels: … 31 0d 0a 2a 31 0d 0a 2a [31] 0d 0a",
            0,
            0,
        ),
    ];
    for (input, replies, line, frame, good) in table {
        let file = Scratch::new("broken", input);
        for (name, output) in [
            (file.path(), inspect(&["--as", "replies", file.path()], b"")),
            ("standard input", inspect(&["--as", "replies", "-"], input)),
        ] {
            let place = format!("(frame at offset {frame}, good frames before it: {good})");
            let expected = format!("zresp-inspect: {name}: {line} {place}\n");
            assert_eq!(text(&output.stderr), expected);
            assert_eq!(text(&output.stdout), *replies, "{line}");
            assert_eq!(output.status.code(), Some(1), "{line}");
        }
    }
}

#[test]
fn offsets_count_from_the_first_byte_of_a_large_file() {
    let file = Scratch::new("large", &[b"+OK\r\n".repeat(100_000).as_slice(), b"?"].concat());
    let output = inspect(&["--stats", file.path()], b"");
    let line = "offset 500000: expected a type byte, found `?`: [3f] \
        (frame at offset 500000, good frames before it: 100000)";
    assert_eq!(text(&output.stderr), format!("zresp-inspect: {}: {line}\n", file.path()));
    assert!(output.stdout.starts_with(b"frames    100,000\n"), "{}", text(&output.stdout));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn every_capture_is_read_to_its_end() {
    for entry in std::fs::read_dir("../../tests/captures").expect("the folder of captures") {
        let path = entry.expect("a folder entry").path();
        if path.extension().is_some_and(|extension| extension == "replies") {
            let path = path.to_str().expect("a path in UTF-8");
            for arguments in [[path].as_slice(), &["--stats", path]] {
                let output = inspect(arguments, b"");
                assert!(output.status.success(), "{path}: {}", text(&output.stderr));
            }
        }
    }
}

#[test]
fn a_closed_output_ends_the_program_quietly() {
    let file = Scratch::new("long", &b"$10\r\n0123456789\r\n".repeat(200_000));
    let broken = Scratch::new("broken", b":a\r\n");
    // An error before counts, and so does one that is found when nothing more can be shown.
    for (paths, status) in [
        (&[file.path()][..], 0),
        (&[broken.path(), file.path()], 1),
        (&["no-such-file", file.path()], 1),
    ] {
        let mut child = Command::new(PROGRAM)
            .args(paths)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut line = [0; 13];
        let mut stdout = child.stdout.take().expect("a pipe");
        stdout.read_exact(&mut line).expect("the first line");
        drop(stdout);
        assert_eq!(&line, b"\"0123456789\"\n");
        let output = child.wait_with_output().expect("the program ends");
        let lines = text(&output.stderr).lines().count();
        assert_eq!((output.status.code(), lines), (Some(status), paths.len() - 1), "{paths:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_output_that_takes_nothing_is_an_error() {
    for arguments in
        [&["--help"][..], &["--version"], &["../../tests/captures/resp3-session.replies"]]
    {
        let full = std::fs::File::options().write(true).open("/dev/full").expect("the device");
        let output =
            Command::new(PROGRAM).args(arguments).stdout(full).output().expect("it starts");
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(error.starts_with("zresp-inspect: standard output: "), "{error}");
    }
}

#[test]
fn wrong_arguments_do_not_forge_lines() {
    for argument in ["--bogus\nzresp-inspect: forged", "--from=1\nzresp-inspect: forged"] {
        let output = inspect(&[argument], b"");
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2));
        assert!(error.contains("\\nzresp-inspect: forged"), "{error}");
        assert!(!error.contains("\nzresp-inspect: "), "{error}");
    }
}
