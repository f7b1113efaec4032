//! The documents are held to what can be checked: the files and tests that they name exist, the README is
//! short, and the words are plain.

use std::fs;
use std::iter::zip;
use std::path::{Path, PathBuf};

/// The most words of the README, as `wc -w` counts them.
const README_WORDS: usize = 1_200;

/// Folders that a document names files in, from the root of the repository.
const FOLDERS: [&str; 8] =
    ["src/", "tests/", "docs/", "benches/", "examples/", "fuzz/", "tools/", ".ci/"];

/// Folders that fuzzing and building make.
const MADE: [&str; 3] = ["fuzz/corpus", "fuzz/artifacts", "tools/panic-check/target"];

/// Words that read as if translated, each with a hint for a plainer one.
const NOT_PLAIN: [(&str, &str); 20] = [
    ("behind", "after"),
    ("in front of", "before"),
    ("by turns", "alternating"),
    ("in turns", "alternating"),
    ("of which", "name the thing"),
    ("for which", "name the thing"),
    ("so many", "`n`"),
    ("so much", "name the amount"),
    ("is no", "is not a"),
    ("are no", "are not"),
    ("are none", "are not"),
    ("but for", "except"),
    ("save for", "except"),
    ("to be had", "the plain verb"),
    ("goes by", "the plain verb"),
    ("comes to", "the plain verb"),
    ("holds of", "the plain verb"),
    ("of one's own", "your own"),
    ("what is", "name the thing"),
    ("who", "name the reader"),
];

struct Document {
    path: PathBuf,
    text: String,
}

/// The documents for readers of the crate.
fn documents() -> Vec<Document> {
    let mut paths: Vec<PathBuf> =
        ["README", "SECURITY", "BENCHMARKS", "CONTRIBUTING", "CHANGELOG", "fuzz/README", "src/lib"]
            .map(|name| PathBuf::from(format!("{name}.md")))
            .to_vec();
    for folder in ["docs", "src/guide", "examples"] {
        for entry in fs::read_dir(folder).expect(folder) {
            let path = entry.expect(folder).path();
            let path = if path.is_dir() { path.join("README.md") } else { path };
            if path.extension().is_some_and(|extension| extension == "md") && path.exists() {
                paths.push(path);
            }
        }
    }
    paths.into_iter().map(Document::read).collect()
}

impl Document {
    fn read(path: PathBuf) -> Self {
        match fs::read_to_string(&path) {
            Ok(text) => Self { path, text },
            Err(error) => panic!("{}: {error}", path.display()),
        }
    }

    /// The file that a link or a path leads to from here.
    fn beside(&self, file: &str) -> PathBuf {
        self.path.parent().unwrap_or(Path::new("")).join(file)
    }

    /// The lines outside of blocks of code.
    fn prose_lines(&self) -> impl Iterator<Item = &str> {
        let mut is_code = false;
        self.text.lines().filter(move |line| {
            let is_fence = line.trim_start().starts_with("```");
            is_code ^= is_fence;
            !is_code && !is_fence
        })
    }

    /// The code spans of the prose.
    fn spans(&self) -> impl Iterator<Item = &str> {
        self.prose_lines().flat_map(|line| line.split('`').skip(1).step_by(2))
    }

    /// The targets of the links in the prose.
    fn links(&self) -> impl Iterator<Item = &str> {
        let targets = self.prose_lines().flat_map(|line| line.split("](").skip(1));
        targets.filter_map(|target| Some(target.split_once(')')?.0))
    }

    /// The anchors of the headings.
    fn anchors(&self) -> impl Iterator<Item = String> {
        let headings = self.prose_lines().filter(|line| line.starts_with('#'));
        headings.map(|heading| {
            let kept = |character: &char| character.is_alphanumeric() || " -".contains(*character);
            let title = heading.trim_start_matches('#').trim().to_lowercase();
            title.chars().filter(kept).collect::<String>().replace(' ', "-")
        })
    }

    /// The words of the prose in lower case, with `code` for each span of code, and no targets of links.
    fn words(&self) -> Vec<String> {
        let mut prose = String::new();
        for line in self.prose_lines() {
            prose.push(' ');
            for (index, text) in line.split('`').step_by(2).enumerate() {
                prose.push_str(if index == 0 { "" } else { " code " });
                for (index, text) in text.split("](").enumerate() {
                    let rest = || text.split_once(')').map_or("", |(_, rest)| rest);
                    prose.push_str(if index == 0 { text } else { rest() });
                }
            }
        }
        let is_between = |character: char| !character.is_alphanumeric() && character != '\'';
        let words = prose.split(is_between).filter(|word| !word.is_empty());
        words.map(str::to_lowercase).collect()
    }
}

/// The paths of files that a text names.
fn paths(text: &str) -> impl Iterator<Item = &str> {
    let is_between =
        |character: char| character.is_whitespace() || "`()[]\"'|<>,;:*#".contains(character);
    text.split(is_between)
        .map(|word| word.trim_end_matches(['.', '/']))
        .filter(|word| FOLDERS.iter().any(|folder| word.starts_with(folder)))
        .filter(|word| !MADE.iter().any(|folder| word.starts_with(folder)))
}

/// The test that a span of code names, if it is one: `file::name` for `tests/file.rs`.
fn named_test(span: &str) -> Option<(&str, &str)> {
    let is_name = |text: &str| {
        let mut bytes = text.bytes();
        !text.is_empty() && bytes.all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
    };
    let (file, name) = span.split_once("::")?;
    let is_crate = ["zresp", "std", "core", "alloc"].contains(&file);
    (!is_crate && is_name(file) && is_name(name)).then_some((file, name))
}

fn assert_no_problem(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn files_that_are_named_exist() {
    let (mut problems, mut count) = (Vec::new(), 0);
    for document in documents() {
        for path in paths(&document.text) {
            count += 1;
            if !Path::new(path).exists() && !document.beside(path).exists() {
                problems.push(format!("{}: there is no {path}", document.path.display()));
            }
        }
    }
    assert_no_problem(&problems);
    assert!(count > 100, "only {count} paths");
}

#[test]
fn links_lead_to_files_and_headings() {
    let mut problems = Vec::new();
    for document in documents() {
        let to_files = |link: &&str| !link.contains("::") && !link.starts_with("http");
        for link in document.links().filter(to_files) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target =
                if file.is_empty() { document.path.clone() } else { document.beside(file) };
            let is_there = target.exists()
                && (anchor.is_empty() || Document::read(target).anchors().any(|at| at == anchor));
            if !is_there {
                problems.push(format!("{}: {link} leads nowhere", document.path.display()));
            }
        }
    }
    assert_no_problem(&problems);
}

/// Whether a file has a function of this name that is run as a test.
fn has_test(file: &str, name: &str) -> bool {
    let Some((before, _)) = file.split_once(&format!("fn {name}(")) else { return false };
    let attributes = before.rsplit("}\n").next().unwrap_or_default();
    ["#[test]", "#[tokio::test]"].iter().any(|test| attributes.contains(test))
        && !attributes.contains("#[ignore")
}

#[test]
fn only_functions_that_are_run_are_tests() {
    let file = "#[test]\nfn a() {\n}\nfn b() {}\n#[cfg(unix)]\n#[test]\nfn c() {}\n#[test]\n#[ignore]\nfn d() {}\n\
        #[ignore = \"slow\"]\n#[tokio::test]\nasync fn e() {}\n#[tokio::test]\nasync fn f() {}\n";
    assert_eq!(
        ["a", "b", "c", "d", "e", "f", "g"].map(|name| has_test(file, name)),
        [true, false, true, false, false, true, false]
    );
}

#[test]
fn tests_that_are_named_exist() {
    let (mut problems, mut count) = (Vec::new(), 0);
    // The guide names functions of the crate in this form.
    for document in documents().iter().filter(|document| !document.path.starts_with("src")) {
        for (file, name) in document.spans().filter_map(named_test) {
            count += 1;
            let tests = fs::read_to_string(format!("tests/{file}.rs")).unwrap_or_default();
            if !has_test(&tests, name) {
                problems.push(format!("{}: no test {file}::{name}", document.path.display()));
            }
        }
    }
    assert_no_problem(&problems);
    assert!(count > 60, "only {count} names of tests");
}

#[test]
fn every_file_of_tests_and_every_fuzz_target_is_named() {
    let named = ["docs/PROOFS.md", "CONTRIBUTING.md", "docs/ARCHITECTURE.md"];
    let named = named.map(|path| fs::read_to_string(path).expect(path)).concat();
    let mut problems = Vec::new();
    for folder in ["tests", "fuzz/fuzz_targets"] {
        for entry in fs::read_dir(folder).expect(folder) {
            let path = entry.expect(folder).path();
            let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            let forms = [format!("`{name}`"), format!("`{name}::"), format!("tests/{name}.rs")];
            let is_source = path.extension().is_some_and(|extension| extension == "rs");
            if is_source && !forms.iter().any(|form| named.contains(form)) {
                problems.push(format!("{}: no document says its promise", path.display()));
            }
        }
    }
    assert_no_problem(&problems);
}

#[test]
fn the_readme_is_short() {
    let text = fs::read_to_string("README.md").expect("the README");
    let words = text.split_whitespace().count();
    assert!(words <= README_WORDS, "{words} words, {README_WORDS} are allowed");
}

/// Each of these pages of the guide is one program.
#[test]
fn the_programs_of_the_guide_are_short() {
    let pages = [
        "a_client",
        "a_shared_client",
        "a_server",
        "a_proxy",
        "a_replica",
        "a_tool",
        "without_std",
    ];
    for page in pages {
        let path = format!("src/guide/{page}.md");
        let text = fs::read_to_string(&path).expect(&path);
        let program = text.lines().skip_while(|line| *line != "```rust").skip(1);
        let count = program.take_while(|line| *line != "```").count();
        assert!((50..=120).contains(&count), "{path}: a program of {count} lines");
        assert_eq!(text.matches("```rust").count(), 1, "{path}");
    }
}

#[test]
fn words_are_plain() {
    let mut problems = Vec::new();
    for document in documents() {
        let words = document.words();
        for (phrase, hint) in NOT_PLAIN {
            let wanted: Vec<&str> = phrase.split(' ').collect();
            for place in 0..words.len().saturating_sub(wanted.len() - 1) {
                // "There is no reply" is plain, "that is no reply" is not.
                let is_plain = phrase == "is no" && place > 0 && words[place - 1] == "there";
                if words[place..place + wanted.len()] == wanted && !is_plain {
                    let context =
                        words[place.saturating_sub(4)..words.len().min(place + 7)].join(" ");
                    let path = document.path.display();
                    problems.push(format!("{path}: {phrase:?} in {context:?}: {hint}"));
                }
            }
        }
    }
    assert_no_problem(&problems);
}

#[test]
fn lines_fit_a_review() {
    let mut problems = Vec::new();
    for document in documents() {
        for (number, line) in zip(1.., document.text.lines()) {
            let may_be_long = line.trim_start().starts_with(['|', '!', '`']) || line.contains("](");
            if line.chars().count() > 120 && !may_be_long {
                problems.push(format!("{}:{number} is too long", document.path.display()));
            }
        }
    }
    assert_no_problem(&problems);
}
