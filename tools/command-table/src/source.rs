//! The table as Rust: one line for each command.

use zresp::commands::{BeginSearch, CommandInfo, FindKeys, KeySpec};

use crate::merge::Commands;
use crate::text::marks;

const HEADER: &str = "\
//! The commands of the built-in table: made by `cargo run -p zresp-command-table`, not by hand.

use alloc::borrow::Cow;

use super::builtin::{SUBCOMMANDS, commands, index, key, keynum, keyword, mark, one, range};
use super::{BeginSearch, Categories, CommandInfo, FindKeys, Flags};

#[rustfmt::skip]
commands! {
";

pub fn print(commands: &Commands) -> String {
    let lines: String = commands.values().map(command).collect();
    format!("{HEADER}{lines}}}\n")
}

fn command(info: &CommandInfo) -> String {
    let container = if info.is_container { " with SUBCOMMANDS" } else { "" };
    let flags: Vec<_> = info.flags.iter_names().map(|(name, _)| name).collect();
    let categories: Vec<_> = info.categories.iter_names().map(|(name, _)| name).collect();
    let specs: Vec<_> = info.key_specs.iter().map(spec).collect();
    let quoted =
        |words: &[_]| words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(" ");
    let unknown = match &*info.unknown {
        [] => String::new(),
        unknown => format!(" unknown [{}]", quoted(unknown)),
    };
    format!(
        "    {:?}{container} {} [{}] [{}] [{}] [{}]{unknown};\n",
        info.name,
        info.arity,
        flags.join(" "),
        categories.join(" "),
        specs.join(" "),
        quoted(&info.tips),
    )
}

fn spec(spec: &KeySpec) -> String {
    let begin = match &spec.begin {
        BeginSearch::Index(at) => format!("index({at})"),
        BeginSearch::Keyword { keyword, from } => format!("keyword({keyword:?}, {from})"),
        BeginSearch::Unknown => "BeginSearch::Unknown".to_owned(),
    };
    let find = match spec.find {
        FindKeys::Range { last: 0, step: 1, limit: 0 } => "one()".to_owned(),
        FindKeys::Range { last, step, limit } => format!("range({last}, {step}, {limit})"),
        FindKeys::Count { index, first, step } => format!("keynum({index}, {first}, {step})"),
        FindKeys::Unknown => "FindKeys::Unknown".to_owned(),
    };
    format!("({begin}, {find}, {})", marks(spec).join(" "))
}
