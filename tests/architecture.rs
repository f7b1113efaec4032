//! The source keeps the rules of docs/ARCHITECTURE.md: imports run downwards, a name means one thing, and the
//! root of the crate stays small.
//!
//! The checks read tokens and know no types, so what a macro makes cannot be seen. Code under `#[cfg(test)]` may
//! import anything and name its types as it likes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{fmt, fs};

use zresp_testing::source::{Comment, Source, Token, blocks, group, item, starts_with};

/// How many items the root of the crate may export, besides modules.
const ROOT_ITEMS: usize = 36;

/// Phrases that slow a reader down: "alternating", `n`, "is not" and "which … of" are the ordinary words.
const BANNED: [&str; 5] = ["by turns", "of which", "so many", "is no", "are none"];

/// A broken rule, and where.
#[derive(Debug, PartialEq)]
struct Violation {
    file: String,
    line: usize,
    message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.message)
    }
}

fn violation(source: &Source, line: usize, message: String) -> Violation {
    Violation { file: source.file.clone(), line, message }
}

/// The block of layers in a document, from the bottom up.
fn layers(document: &str) -> Vec<Vec<String>> {
    let block = document.lines().skip_while(|line| *line != "```layers").skip(1);
    let lines = block.take_while(|line| !line.starts_with("```"));
    lines.map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
}

fn layer(layers: &[Vec<String>], module: &str) -> Option<usize> {
    layers.iter().position(|layer| layer.iter().any(|listed| listed == module))
}

/// The modules that the layers leave out, and those that they list but `src` does not have.
fn unlisted(layers: &[Vec<String>], sources: &[Source]) -> Vec<Violation> {
    let tops = sources.iter().filter_map(|source| Some((*source.modules().first()?, source)));
    let tops: BTreeMap<_, _> = tops.collect();
    let left_out = tops.iter().filter(|(top, _)| layer(layers, top).is_none());
    let left_out = left_out.map(|(top, source)| {
        violation(source, 1, format!("the layers in docs/ARCHITECTURE.md leave out `{top}`"))
    });
    let listed = layers.iter().flatten().filter(|module| !tops.contains_key(module.as_str()));
    let missing = listed.map(|module| Violation {
        file: "docs/ARCHITECTURE.md".to_owned(),
        line: 1,
        message: format!("the layers list `{module}`, which is not in src"),
    });
    left_out.chain(missing).collect()
}

/// The paths of a file that run to a higher layer, or through the root of the crate.
fn upward_paths(layers: &[Vec<String>], source: &Source) -> Vec<Violation> {
    let own = source.modules();
    let Some(own_layer) = own.first().and_then(|top| layer(layers, top)) else { return Vec::new() };
    let mut found = Vec::new();
    for at in 0..source.tokens.len() {
        let before = at.checked_sub(1).map_or("", |at| source.tokens[at].text.as_str());
        let path = &source.tokens[at..];
        if before == "::" || !(starts_with(path, "crate ::") || starts_with(path, "super ::")) {
            continue;
        }
        let depth = own.len() + inline_modules(&source.tokens[..at]);
        let supers = path.chunks(2).take_while(|pair| starts_with(pair, "super ::")).count();
        let to_root = if supers == 0 { 1 } else { supers };
        if supers > 0 && supers < depth {
            continue;
        }
        for name in heads(&path[2 * to_root..]) {
            let message = match layer(layers, &name.text) {
                Some(layer) if layer <= own_layer => continue,
                Some(_) => format!("`{}` is in a higher layer than `{}`", name.text, own[0]),
                None => {
                    format!("`{}` is taken from the root of the crate; name its module", name.text)
                }
            };
            found.push(violation(source, name.line, message));
        }
    }
    found
}

/// How many modules with a block are open at the end of the tokens.
fn inline_modules(tokens: &[Token]) -> usize {
    blocks(tokens).iter().filter(|opener| opener.as_str() == "mod").count()
}

/// The first names of a path: one, or those of a group in braces.
fn heads(path: &[Token]) -> Vec<&Token> {
    let Some(first) = path.first() else { return Vec::new() };
    if first.text != "{" {
        return vec![first];
    }
    let inside = &path[1..group(path) - 1];
    let mut heads = Vec::new();
    let mut at = 0;
    while let Some(token) = inside.get(at) {
        heads.push(token);
        while inside.get(at).is_some_and(|token| token.text != ",") {
            at += group(&inside[at..]);
        }
        at += 1;
    }
    heads
}

/// The types that have the name of an earlier one.
fn shared_names(sources: &[Source]) -> Vec<Violation> {
    const KINDS: [&str; 5] = ["struct", "enum", "trait", "type", "union"];
    let mut places: BTreeMap<String, String> = BTreeMap::new();
    let mut found = Vec::new();
    for source in sources {
        for (at, pair) in source.tokens.windows(2).enumerate() {
            let [kind, name] = pair else { continue };
            let is_type = KINDS.contains(&kind.text.as_str())
                && name.text.starts_with(|c: char| c.is_ascii_uppercase());
            if !is_type {
                continue;
            }
            let around = blocks(&source.tokens[..at]);
            let is_associated = kind.text == "type"
                && around.last().is_some_and(|it| it == "impl" || it == "trait");
            if is_associated {
                continue;
            }
            let place = format!("{}:{}", source.file, name.line);
            match places.get(&name.text) {
                Some(other) => found.push(violation(
                    source,
                    name.line,
                    format!("a type `{}` is in {other} already", name.text),
                )),
                None => _ = places.insert(name.text.clone(), place),
            }
        }
    }
    found
}

/// The banned phrases in the comments of a file, also where a line ends in one; `there is no` is fine.
fn banned_words(source: &Source) -> Vec<Violation> {
    let words: Vec<_> = source.comments.iter().flat_map(words_of).collect();
    let mut found = Vec::new();
    for phrase in BANNED {
        let banned: Vec<_> = phrase.split(' ').collect();
        for (at, window) in words.windows(banned.len()).enumerate() {
            let before = at.checked_sub(1).and_then(|before| words.get(before));
            if before.is_some_and(|(_, word)| word == "there") {
                continue;
            }
            let (first, last) = (window[0].0, window[banned.len() - 1].0);
            let text = window.iter().map(|(_, word)| word.as_str()).collect::<Vec<_>>().join(" ");
            let is_apart = |c: char| c.is_ascii_punctuation();
            if text.trim_matches(is_apart) == phrase && last - first < 2 {
                found.push(violation(source, first, format!("`{phrase}` is not plain English")));
            }
        }
    }
    found
}

/// The words of a line, in lower case and with the punctuation around them.
fn words_of(comment: &Comment) -> impl Iterator<Item = (usize, String)> + '_ {
    comment.text.split_whitespace().map(|word| (comment.line, word.to_lowercase()))
}

/// The items that the root of the crate exports, besides modules; `modules` are all of the crate's, as `lex::word`.
fn root_items(root: &Source, modules: &[String]) -> Vec<String> {
    let mut items = Vec::new();
    let mut at = 0;
    while at < root.tokens.len() {
        let rest = &root.tokens[at..];
        if starts_with(rest, "pub use") {
            leaves(&rest[2..item(rest) - 1], "", &mut items);
            at += item(rest);
        } else if rest[0].text == "{" {
            at += group(rest);
        } else {
            at += 1;
        }
    }
    items.retain(|item| !modules.contains(item));
    items
}

/// The paths that a `use` names, its groups taken apart.
fn leaves(tree: &[Token], prefix: &str, items: &mut Vec<String>) {
    let Some(first) = tree.first() else { return };
    if first.text == "{" {
        let mut inside = &tree[1..group(tree) - 1];
        while !inside.is_empty() {
            let mut end = 0;
            while inside.get(end).is_some_and(|token| token.text != ",") {
                end += group(&inside[end..]);
            }
            leaves(&inside[..end], prefix, items);
            inside = inside.get(end + 1..).unwrap_or_default();
        }
        return;
    }
    let path =
        if prefix.is_empty() { first.text.clone() } else { format!("{prefix}::{}", first.text) };
    match tree.get(1) {
        Some(next) if next.text == "::" => leaves(&tree[2..], &path, items),
        _ => items.push(path),
    }
}

/// The features of the crate that its dev-dependency on itself leaves out; see Cargo.toml.
fn untested_features(manifest: &str) -> Vec<String> {
    let tested = manifest.lines().find(|line| line.starts_with("zresp = { path = \".\""));
    let tested: Vec<_> = tested.unwrap_or_default().split('"').collect();
    let features = manifest.lines().skip_while(|line| *line != "[features]").skip(1);
    let features = features.take_while(|line| !line.is_empty());
    let names = features.filter_map(|line| line.split_once(" = ")).map(|(name, _)| name);
    let left_out =
        names.filter(|name| !["default", "std"].contains(name) && !tested.contains(name));
    left_out.map(str::to_owned).collect()
}

fn read(file: impl AsRef<Path>) -> String {
    let file = file.as_ref();
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The files of `src`, in order.
fn sources() -> Vec<Source> {
    let mut folders = vec![PathBuf::from("src")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder of src") {
            let path = entry.expect("an entry of it").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    let name = |path: &Path| path.to_str().expect("a path in UTF-8").replace('\\', "/");
    files.iter().map(|path| Source::new(&name(path), &read(path))).collect()
}

fn assert_none(violations: &[Violation]) {
    let lines: Vec<_> = violations.iter().map(Violation::to_string).collect();
    assert!(lines.is_empty(), "{} violations\n{}", lines.len(), lines.join("\n"));
}

#[test]
fn the_list_of_layers_has_every_module() {
    assert_none(&unlisted(&layers(&read("docs/ARCHITECTURE.md")), &sources()));
}

#[test]
fn imports_run_downwards() {
    let layers = layers(&read("docs/ARCHITECTURE.md"));
    let found =
        sources().iter().flat_map(|source| upward_paths(&layers, source)).collect::<Vec<_>>();
    assert_none(&found);
}

#[test]
fn a_type_has_a_name_of_its_own() {
    assert_none(&shared_names(&sources()));
}

#[test]
fn comments_are_plain_english() {
    assert_none(&sources().iter().flat_map(banned_words).collect::<Vec<_>>());
}

#[test]
fn the_root_of_the_crate_is_small() {
    let sources = sources();
    let modules: Vec<_> = sources.iter().map(|source| source.modules().join("::")).collect();
    let root = sources.iter().find(|source| source.file == "src/lib.rs").expect("the root");
    let items = root_items(root, &modules);
    let globs: Vec<_> = items.iter().filter(|item| item.ends_with('*')).collect();
    assert!(globs.is_empty(), "uncounted: {globs:?}");
    // A trait and the macro that derives it share one name.
    let names: BTreeSet<_> = items.iter().filter_map(|item| item.rsplit("::").next()).collect();
    let count = names.len();
    assert!(count <= ROOT_ITEMS, "{count} items, {ROOT_ITEMS} are allowed: {names:?}");
}

// Not without features, which are only tested in a copy that lacks the line.
#[test]
#[cfg(feature = "std")]
fn cargo_test_alone_covers_every_feature() {
    assert_eq!(untested_features(&read("Cargo.toml")), [""; 0]);
}

// Each check sees what is planted.

const LAYERS: &str = "# Layers\n\n```layers\nerror\nlex\ntree io\n```\n";

fn found(violations: &[Violation]) -> Vec<String> {
    violations.iter().map(Violation::to_string).collect()
}

#[test]
fn an_upward_path_is_seen() {
    let text = "//! See [`crate::tree`].\n\
                use super::error::Error;\n\
                use crate::{error, tree::{self, Reply}};\n\
                fn a<'a>(it: &'a str) -> char { super::io::read(\"crate::io\", r#\"crate::\"io\"#, 'c', '\\'') }\n\
                mod inner { use super::super::io; use super::tree; }\n\
                use crate::Decoder;\n\
                #[cfg(test)]\n\
                mod tests { use super::*; use crate::io; }\n\
                use crate::io as late;\n";
    let layers = layers(LAYERS);
    let higher =
        |line, module| format!("src/lex.rs:{line}: `{module}` is in a higher layer than `lex`");
    assert_eq!(
        found(&upward_paths(&layers, &Source::new("src/lex.rs", text))),
        [
            higher(3, "tree"),
            higher(4, "io"),
            higher(5, "io"),
            "src/lex.rs:6: `Decoder` is taken from the root of the crate; name its module"
                .to_owned(),
            higher(9, "io"),
        ]
    );

    let nested = "use super::{tree, word};\nuse super::super::{error, tree};\npub(in super::super) use super::io;";
    let source = Source::new("src/lex/word.rs", nested);
    assert_eq!(
        found(&upward_paths(&layers, &source)),
        ["src/lex/word.rs:2: `tree` is in a higher layer than `lex`"]
    );
    let at_the_top = Source::new("src/tree/mod.rs", "use crate::{io, lex};\nuse super::error;");
    assert_eq!(upward_paths(&layers, &at_the_top), []);
    assert_eq!(
        upward_paths(&layers, &Source::new("src/lib.rs", "pub use crate::tree::Reply;")),
        []
    );
}

#[test]
fn a_module_that_the_layers_leave_out_or_make_up_is_seen() {
    let files = [
        "src/lib.rs",
        "src/error.rs",
        "src/lex/mod.rs",
        "src/lex/word.rs",
        "src/new/mod.rs",
        "src/io.rs",
    ];
    let sources = files.map(|file| Source::new(file, ""));
    assert_eq!(
        found(&unlisted(&layers(LAYERS), &sources)),
        [
            "src/new/mod.rs:1: the layers in docs/ARCHITECTURE.md leave out `new`",
            "docs/ARCHITECTURE.md:1: the layers list `tree`, which is not in src",
        ]
    );
}

#[test]
fn two_types_of_one_name_are_seen() {
    let first = "struct Open { read: fn(u8) }\nenum Level { A }\nimpl Iterator for Open { type Item = u8; }\n";
    let second = "/* struct Level; */\ntrait Walk { type Item; }\nimpl Walk for u8 { type Item = u8; }\n\
                  fn f() {\n  struct Level;\n}\nmod inner {\n  pub(super) type Open<'a> = &'a str;\n}\n\
                  #[cfg(test)]\nmod tests { struct Open; }\ntype Item = u8;\n";
    assert_eq!(
        found(&shared_names(&[Source::new("src/a.rs", first), Source::new("src/b.rs", second)])),
        [
            "src/b.rs:5: a type `Level` is in src/a.rs:2 already",
            "src/b.rs:8: a type `Open` is in src/a.rs:1 already",
        ]
    );
}

#[test]
fn a_banned_phrase_is_seen() {
    let text = "//! A chunk of which nothing is kept, of\n\
                //! which more is said below.\n\
                fn f() { g(\"of which\") } // This is no error, and also many; this no.\n\
                /* They come by\n   turns. */\n\
                // of\n\n// which\n";
    let said = |line, phrase| format!("src/a.rs:{line}: `{phrase}` is not plain English");
    assert_eq!(
        found(&banned_words(&Source::new("src/a.rs", text))),
        [said(4, "by turns"), said(1, "of which"), said(1, "of which"), said(3, "is no")]
    );
}

#[test]
fn items_of_the_root_are_counted() {
    let text = "mod lex;\npub mod io { pub use crate::lex::*; }\npub use lex::{Word, line::{self, Line}, word, number};\n\
                pub use error::Error as Failure;\npub(crate) use lex::Hidden;\n#[cfg(test)]\npub use lex::Test;\n";
    let modules = ["lex".to_owned(), "lex::word".to_owned()];
    assert_eq!(
        root_items(&Source::new("src/lib.rs", text), &modules),
        ["lex::Word", "lex::line::self", "lex::line::Line", "lex::number", "error::Error"]
    );
}

#[test]
fn a_feature_that_is_not_tested_is_seen() {
    let manifest = "[features]\ndefault = [\"std\"]\nstd = []\nnew = []\nold = []\n\n[dev-dependencies]\n\
                    zresp = { path = \".\", features = [\"old\"] }\n";
    assert_eq!(untested_features(manifest), ["new"]);
}
