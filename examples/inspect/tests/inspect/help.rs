//! The help, its examples, and what is shown on a narrow terminal.

use std::process::{Command, Output};

use crate::program::{PROGRAM, inspect, text};

fn with_environment(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).env_remove("NO_COLOR").env_remove("COLUMNS");
    command.envs(environment.iter().copied()).output().expect("the program starts")
}

#[test]
fn everything_fits_forty_columns() {
    let capture = "tests/captures/session.pcap";
    for arguments in [&["-h"][..], &["--help"], &["--stats", capture], &["--top", "5", capture]] {
        let output = with_environment(arguments, &[("COLUMNS", "40")]);
        assert!(output.status.success());
        let shown = text(&output.stdout);
        assert!(shown.lines().count() > 20, "{shown}");
        for line in shown.lines() {
            assert!(line.chars().count() <= 40, "{arguments:?}: {line}");
        }
    }
    // Addresses are whole.
    let top = with_environment(&["--top", "5", capture], &[("COLUMNS", "40")]);
    assert!(!text(&top.stdout).contains("…:") && text(&top.stdout).contains("127.0.0.1:36238"));
    let addresses = text(&top.stdout);
    let addresses =
        addresses.split_whitespace().filter(|word| word.contains("127") || word.contains("362"));
    for address in addresses {
        assert!(address.starts_with("127.0.0.1:") && address.len() == 15, "{address}");
    }
    // Nothing of the table is lost.
    let [wide, narrow] = ["200", "40"].map(|columns| {
        let output = with_environment(&["--stats", capture], &[("COLUMNS", columns)]);
        text(&output.stdout)
    });
    let line = wide.lines().find(|line| line.starts_with("get ")).expect("a line for GET");
    let cells: Vec<_> = narrow
        .lines()
        .filter_map(|line| line.strip_prefix("get "))
        .flat_map(str::split_whitespace)
        .collect();
    assert_eq!(cells, line.split_whitespace().skip(1).collect::<Vec<_>>());

    // Into a pipe, a row is one line.
    let piped = text(&with_environment(&["--top", "5", capture], &[]).stdout);
    assert!(piped.lines().any(|line| line.chars().count() > 100), "{piped}");
}

#[test]
fn the_help_has_colours_only_when_they_are_wanted() {
    let has_colours = |arguments: &[&str], environment: &[(&str, &str)]| {
        text(&with_environment(arguments, environment).stdout).contains('\x1b')
    };
    assert!(has_colours(&["--color", "always", "--help"], &[]));
    assert!(has_colours(&["--color=always", "-h"], &[("NO_COLOR", "1")]));
    assert!(!has_colours(&["--color=always", "--color", "never", "--help"], &[]));
    assert!(!has_colours(&["--help"], &[]));
    // Clap itself would use colours with this.
    assert!(!has_colours(&["--color", "never", "--help"], &[("CLICOLOR_FORCE", "1")]));
    assert!(!has_colours(&["--help"], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
}

#[test]
#[cfg(unix)]
fn an_argument_need_not_be_text() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let name = OsStr::from_bytes(b"\xff\n");
    for (arguments, status) in [([name, OsStr::new("--help")], 0), ([name, name], 1)] {
        let output = Command::new(PROGRAM).args(arguments).output().expect("the program starts");
        assert_eq!(output.status.code(), Some(status), "{}", text(&output.stderr));
    }
}

#[test]
fn options_that_contradict_each_other_are_refused() {
    for bounds in
        [["9", "3"], ["@1.000000001", "@1.000000000"], ["2026-01-31", "2026-01-30 23:59:59"]]
    {
        let output = inspect(&["--from", bounds[0], "--to", bounds[1], "-"], b"");
        assert_eq!(output.status.code(), Some(2), "{bounds:?}");
        assert!(text(&output.stderr).starts_with("error: --from is after --to\n"), "{bounds:?}");
    }
    for bounds in [["3", "3"], ["9", "@3"]] {
        assert!(inspect(&["--from", bounds[0], "--to", bounds[1], "-"], b"").status.success());
    }
    let output = inspect(&["--from", "@1", "-"], b"+a\r\n+b\r\n");
    let note = "zresp-inspect: standard input: frames without a time, which are left out: 2\n";
    assert_eq!((text(&output.stderr), output.status.code()), (note.to_owned(), Some(0)));
}

#[test]
fn offsets_are_shown_if_they_are_wanted() {
    let commands = b"#TS:1700000000\r\n*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r\n";
    let time = "2023-11-14T22:13:20.000000Z";
    let shown = text(&inspect(&["--offsets", "-"], commands).stdout);
    assert_eq!(shown, format!("16 {time} \"PING\"\n30 {time} \"PING\"\n"));
    let shown =
        text(&inspect(&["--offsets", "--from", "5", "-"], b"+OK\r\n*2\r\n:1\r\n:2\r\n").stdout);
    assert_eq!(shown, "5 1) (integer) 1\n2) (integer) 2\n");
}

#[test]
fn keys_are_selected_by_the_escapes_that_are_shown() {
    let commands = b"*2\r\n$3\r\nGET\r\n$3\r\na\0\n\r\n*2\r\n$3\r\nGET\r\n$1\r\nb\r\n";
    let shown = text(&inspect(&["--key", r"a\x00\n", "-"], commands).stdout);
    assert_eq!(shown, "\"GET\" \"a\\x00\\n\"\n");
}

#[test]
#[cfg(not(feature = "manual"))]
fn the_manual_without_its_feature_is_a_clear_error() {
    let output = inspect(&["--manual", "man"], b"");
    let error = text(&output.stderr);
    assert!(
        error.starts_with("error: --manual needs a program built with `--features manual`"),
        "{error}"
    );
    assert_eq!(output.status.code(), Some(2));
    assert!(!text(&inspect(&["--help"], b"").stdout).contains("--manual"));
}

#[test]
#[cfg(feature = "manual")]
fn the_manual_has_names_of_values_and_examples_as_they_stand() {
    let page = text(&inspect(&["--manual", "man"], b"").stdout);
    assert!(page.contains("\n[\\fB\\-\\-key\\fR \\fIPATTERN\\fR]\n"), "{page}");
    let (_, examples) = page.split_once(".SH EXAMPLES\n.nf\n").expect("examples");
    let (examples, _) = examples.split_once(".fi\n.SH EXIT STATUS\n").expect("their end");
    assert!(examples.contains("\nzresp\\-inspect \\-\\-stats traffic.pcap\n"), "{examples}");
    for shell in ["bash", "zsh", "fish"] {
        let completions = text(&inspect(&["--manual", shell], b"").stdout);
        for value in ["replication", "always", "powershell"] {
            assert!(completions.contains(value), "{shell}: {value}");
        }
    }
}

/// The examples run in a shell, with files of those names. `tcpdump` and `redis-cli` would need a server: they are replaced
/// by programs that write a capture and read to the end.
#[test]
#[cfg(unix)]
fn the_examples_of_the_help_work_as_they_stand() {
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::{env, fs};

    use crate::scratch::Scratch;

    let folder = Scratch::directory("examples");
    let path = |name: &str| format!("{}/{name}", folder.path());
    let capture = fs::read("tests/captures/session.pcap").expect("the capture");
    for name in ["traffic.pcap", "traffic.pcapng", "traffic.pcap.gz"] {
        fs::write(path(name), &capture).expect("a file");
    }
    let command = b"*3\r\n$3\r\nSET\r\n$6\r\nuser:1\r\n$1\r\nv\r\n";
    fs::write(path("appendonly.aof"), command.repeat(400)).expect("a file");
    for (name, script) in
        [("tcpdump", "#!/bin/sh\ncat traffic.pcap\n"), ("redis-cli", "#!/bin/sh\nexec cat\n")]
    {
        fs::write(path(name), script).expect("a file");
        fs::set_permissions(path(name), fs::Permissions::from_mode(0o755)).expect("a program");
    }
    let programs = env::join_paths(
        [folder.path().into(), Path::new(PROGRAM).parent().expect("a folder").into()]
            .into_iter()
            .chain(env::split_paths(&env::var_os("PATH").expect("a PATH"))),
    );
    let programs = programs.expect("a PATH");
    let has_jq = Command::new("jq").arg("--version").output().is_ok();
    let directory = fs::canonicalize("../../tests/append_only/redis-8.6").expect("the directory");

    let help = text(&inspect(&["--help"], b"").stdout);
    let (_, examples) = help.split_once("Examples:\n").expect("examples");
    let (examples, _) = examples.split_once("\n\n").expect("their end");
    let mut count = 0;
    for example in examples.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        if example.contains("| jq") && !has_jq {
            continue;
        }
        let directory = directory.to_str().expect("a path in UTF-8");
        let line = example.replace("/var/lib/redis/appendonlydir", directory);
        let mut shell = Command::new("sh");
        shell.args(["-c", &line]).current_dir(folder.path()).env("PATH", &programs);
        let output = shell.output().expect("a shell");
        let (shown, error) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success() && error.is_empty(), "{example}: {error}");
        assert!(
            !shown.is_empty() && shown.lines().all(|line| line != "null"),
            "{example}: {shown}"
        );
        count += 1;
    }
    assert_eq!(count, 7 - usize::from(!has_jq));
}
