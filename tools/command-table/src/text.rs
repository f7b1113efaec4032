//! The table as text: one line for each command, with tabs between the fields.

use std::error::Error;
use std::fmt::Display;
use std::str::FromStr;

use zresp::commands::{Access, BeginSearch, Categories, CommandInfo, FindKeys, Flags, KeySpec};

use crate::merge::{Commands, key};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const HEADER: &str = "# name\tarity\tflags\tcategories\tkeys: begin find access | …\ttips";

pub fn parse(text: &str) -> Result<Commands> {
    let mut commands = Commands::new();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.starts_with('#')) {
        let info = command(line).map_err(|error| format!("line {}: {error}", at + 1))?;
        if let Some((container, _)) = info.name.split_once('|') {
            let container = commands.get_mut(&key(container));
            container.ok_or_else(|| format!("{}: no container", info.name))?.is_container = true;
        }
        if let Some(other) = commands.insert(key(&info.name), info) {
            return Err(format!("{} has two lines", other.name).into());
        }
    }
    Ok(commands)
}

fn command(line: &str) -> Result<CommandInfo> {
    let mut fields = line.split('\t');
    let mut next = || fields.next().unwrap_or_default();
    let mut info = CommandInfo::new(next().to_owned(), number(next())?);
    for word in next().split_whitespace() {
        match Flags::from_name(&word.to_uppercase()) {
            Some(flag) => info.flags |= flag,
            None => info.unknown.to_mut().push(word.to_owned().into()),
        }
    }
    for word in next().split_whitespace() {
        let category = Categories::from_name(&word.to_uppercase());
        info.categories |= category.ok_or_else(|| format!("no category is called {word}"))?;
    }
    let specs = next().split(" | ").filter(|spec| !spec.is_empty()).map(spec);
    info.key_specs = specs.collect::<Result<Vec<_>>>()?.into();
    let tips = next().split_whitespace().map(|tip| tip.to_owned().into());
    info.tips = tips.collect::<Vec<_>>().into();
    Ok(info)
}

fn spec(text: &str) -> Result<KeySpec> {
    let mut words = text.split(' ');
    let mut half = || {
        let word = words.next().unwrap_or_default();
        let (kind, values) = word.split_once(':').unwrap_or((word, ""));
        (kind, values.split(',').collect::<Vec<_>>())
    };
    let begin = match half() {
        ("index", values) => BeginSearch::Index(number(values[0])?),
        ("keyword", values) if values.len() == 2 => {
            BeginSearch::Keyword { keyword: values[0].to_owned().into(), from: number(values[1])? }
        }
        ("unknown", _) => BeginSearch::Unknown,
        (kind, _) => return Err(format!("no search begins at {kind:?}").into()),
    };
    let find = match half() {
        ("range", values) if values.len() == 3 => FindKeys::Range {
            last: number(values[0])?,
            step: number(values[1])?,
            limit: number(values[2])?,
        },
        ("keynum", values) if values.len() == 3 => FindKeys::Count {
            index: number(values[0])?,
            first: number(values[1])?,
            step: number(values[2])?,
        },
        ("unknown", _) => FindKeys::Unknown,
        (kind, _) => return Err(format!("no keys are found by {kind:?}").into()),
    };
    let mut spec = KeySpec::new(Access::empty(), begin, find);
    for word in words {
        match word {
            "not_key" => spec.is_not_key = true,
            "incomplete" => spec.is_incomplete = true,
            access => {
                let access = Access::from_name(&access.to_uppercase());
                spec.access |= access.ok_or_else(|| format!("no access is called {word}"))?;
            }
        }
    }
    Ok(spec)
}

fn number<T: FromStr<Err: Display>>(text: &str) -> Result<T> {
    text.parse().map_err(|error| format!("{text:?}: {error}").into())
}

pub fn print(commands: &Commands) -> String {
    let mut text = format!("{HEADER}\n");
    for info in commands.values() {
        let flags = info.flags.iter_names().map(|(name, _)| name.to_lowercase());
        let flags: Vec<String> =
            flags.chain(info.unknown.iter().map(ToString::to_string)).collect();
        let categories: Vec<_> =
            info.categories.iter_names().map(|(name, _)| name.to_lowercase()).collect();
        let specs: Vec<_> = info.key_specs.iter().map(print_spec).collect();
        let (flags, categories, specs, tips) =
            (flags.join(" "), categories.join(" "), specs.join(" | "), info.tips.join(" "));
        let line = format!("{}\t{}\t{flags}\t{categories}\t{specs}\t{tips}", info.name, info.arity);
        text += line.trim_end();
        text.push('\n');
    }
    text
}

fn print_spec(spec: &KeySpec) -> String {
    let begin = match &spec.begin {
        BeginSearch::Index(index) => format!("index:{index}"),
        BeginSearch::Keyword { keyword, from } => format!("keyword:{keyword},{from}"),
        BeginSearch::Unknown => "unknown".to_owned(),
    };
    let find = match spec.find {
        FindKeys::Range { last, step, limit } => format!("range:{last},{step},{limit}"),
        FindKeys::Count { index, first, step } => format!("keynum:{index},{first},{step}"),
        FindKeys::Unknown => "unknown".to_owned(),
    };
    let marks = marks(spec).into_iter().map(|mark| format!(" {}", mark.to_lowercase()));
    format!("{begin} {find}{}", marks.collect::<String>())
}

/// What a specification says of its keys, in capitals.
pub fn marks(spec: &KeySpec) -> Vec<&'static str> {
    let mut marks: Vec<_> = spec.access.iter_names().map(|(name, _)| name).collect();
    marks.extend(spec.is_not_key.then_some("NOT_KEY"));
    marks.extend(spec.is_incomplete.then_some("INCOMPLETE"));
    marks
}
