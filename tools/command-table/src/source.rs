//! The table as source text.

use std::error::Error;
use std::fmt::Write as _;

use zresp::ReplyRef;
use zresp::view::Elements;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Returns the table of the commands in a reply, as source text. `name` is the name of the recording.
pub fn of(reply: ReplyRef<'_>, name: &str) -> Result<String> {
    let mut commands = Vec::new();
    for command in array(reply)? {
        add(command, &mut commands)?;
    }
    commands.sort();
    let longest = commands.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let mut map = phf_codegen::Map::new();
    for (name, source) in &commands {
        map.entry(name.as_bytes(), source.as_str());
    }
    Ok(format!(
        "//! The commands of {name}: made by `cargo run -p zresp-command-table`, not by hand.\n\n\
         #![allow(clippy::unreadable_literal, reason = \"made by a program\")]\n\n\
         use super::{{Access, BeginSearch, Categories, CommandInfo, FindKeys, Flags, KeySpec}};\n\n\
         /// The length of the longest name.\n\
         pub(super) const LONGEST: usize = {longest};\n\n\
         /// The commands and subcommands by their names.\n\
         #[rustfmt::skip]\n\
         pub(super) static COMMANDS: phf::Map<&'static [u8], CommandInfo> = {};\n",
        map.build()
    ))
}

/// Adds a command and its subcommands.
fn add(command: ReplyRef<'_>, commands: &mut Vec<(String, String)>) -> Result<()> {
    let mut fields = array(command)?;
    let mut next = || fields.next().ok_or("a field is missing");
    let name = text(next()?)?.to_owned();
    let arity = next()?.as_i64()?;
    let flags = set("Flags", next()?, |flag| flag.to_uppercase())?;
    // The key specifications also have the first key, the last key and the step.
    for _ in 0..3 {
        next()?;
    }
    let categories =
        set("Categories", next()?, |category| category.trim_start_matches('@').to_uppercase())?;
    let _tips = next()?;
    let specs: Vec<String> = array(next()?)?.map(spec).collect::<Result<_>>()?;
    let mut subcommands = Vec::new();
    for subcommand in array(next()?)? {
        let name = array(subcommand)?.next().ok_or("a name is missing")?;
        subcommands.push(text(name)?.to_owned());
        add(subcommand, commands)?;
    }
    subcommands.sort();
    let source = format!(
        "CommandInfo {{ name: {name:?}, arity: {arity}, flags: {flags}, categories: {categories}, \
         key_specs: &[{}], subcommands: &{subcommands:?} }}",
        specs.join(", ")
    );
    commands.push((name, source));
    Ok(())
}

/// The source text of a set of flags.
fn set(kind: &str, names: ReplyRef<'_>, constant: impl Fn(&str) -> String) -> Result<String> {
    let mut source = format!("{kind}::empty()");
    for name in array(names)? {
        write!(source, ".union({kind}::{})", constant(text(name)?))?;
    }
    Ok(source)
}

fn spec(spec: ReplyRef<'_>) -> Result<String> {
    let fields = fields(spec)?;
    let flags: Vec<&str> = array(get(&fields, "flags")?)?.map(text).collect::<Result<_>>()?;
    let mut access = String::from("Access::empty()");
    for flag in &flags {
        let constants = match *flag {
            "RO" => &["READ"][..],
            "RW" => &["READ", "WRITE"],
            "OW" | "RM" => &["WRITE"],
            "access" => &["ACCESS"],
            "update" => &["UPDATE"],
            "insert" => &["INSERT"],
            "delete" => &["DELETE"],
            "not_key" | "incomplete" | "variable_flags" => &[],
            other => return Err(format!("an unknown key flag: {other}").into()),
        };
        for constant in constants {
            write!(access, ".union(Access::{constant})")?;
        }
    }
    Ok(format!(
        "KeySpec {{ access: {access}, begin: {}, find: {}, is_not_key: {}, is_incomplete: {} }}",
        begin_search(get(&fields, "begin_search")?)?,
        find_keys(get(&fields, "find_keys")?)?,
        flags.contains(&"not_key"),
        flags.contains(&"incomplete"),
    ))
}

fn begin_search(reply: ReplyRef<'_>) -> Result<String> {
    let search = fields(reply)?;
    let spec = fields(get(&search, "spec")?)?;
    Ok(match text(get(&search, "type")?)? {
        "index" => format!("BeginSearch::Index({})", get(&spec, "index")?.as_i64()?),
        "keyword" => format!(
            "BeginSearch::Keyword {{ keyword: {:?}, from: {} }}",
            text(get(&spec, "keyword")?)?,
            get(&spec, "startfrom")?.as_i64()?,
        ),
        "unknown" => "BeginSearch::Unknown".to_owned(),
        other => return Err(format!("an unknown type of search: {other}").into()),
    })
}

fn find_keys(reply: ReplyRef<'_>) -> Result<String> {
    let find = fields(reply)?;
    let spec = fields(get(&find, "spec")?)?;
    let number = |name| -> Result<i64> { Ok(get(&spec, name)?.as_i64()?) };
    Ok(match text(get(&find, "type")?)? {
        "range" => format!(
            "FindKeys::Range {{ last: {}, step: {}, limit: {} }}",
            number("lastkey")?,
            number("keystep")?,
            number("limit")?,
        ),
        "keynum" => format!(
            "FindKeys::Count {{ index: {}, first: {}, step: {} }}",
            number("keynumidx")?,
            number("firstkey")?,
            number("keystep")?,
        ),
        "unknown" => "FindKeys::Unknown".to_owned(),
        other => return Err(format!("an unknown type of key finder: {other}").into()),
    })
}

/// The fields of a map. RESP2 sends it as a flat array.
fn fields<'a>(reply: ReplyRef<'a>) -> Result<Vec<(&'a str, ReplyRef<'a>)>> {
    let mut flat = array(reply)?;
    let mut fields = Vec::new();
    while let Some(name) = flat.next() {
        fields.push((text(name)?, flat.next().ok_or("a field has no value")?));
    }
    Ok(fields)
}

fn get<'a>(fields: &[(&str, ReplyRef<'a>)], name: &str) -> Result<ReplyRef<'a>> {
    let field = fields.iter().find(|(field, _)| *field == name);
    Ok(field.ok_or_else(|| format!("no field is called {name}"))?.1)
}

fn array(reply: ReplyRef<'_>) -> Result<Elements<'_>> {
    match reply {
        ReplyRef::Array(elements) => Ok(elements),
        other => Err(format!("not an array: {other:?}").into()),
    }
}

fn text(reply: ReplyRef<'_>) -> Result<&str> {
    Ok(reply.as_str()?)
}
