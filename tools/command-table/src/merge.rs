//! One table for several servers.

use std::collections::BTreeMap;

use zresp::commands::{CommandInfo, Flags};

/// All commands, in the order of their names: a container before its subcommands.
pub type Commands = BTreeMap<Vec<String>, CommandInfo>;

/// Flags that allow something. The table has them only if all servers do.
const PERMISSIVE: Flags = Flags::READONLY
    .union(Flags::LOADING)
    .union(Flags::STALE)
    .union(Flags::FAST)
    .union(Flags::NO_AUTH)
    .union(Flags::ALLOW_BUSY);

/// The name of a command as a key of [`Commands`].
pub fn key(name: &str) -> Vec<String> {
    name.split('|').map(str::to_owned).collect()
}

/// Adds what a server says of a command. Returns what the server says otherwise than the table.
pub fn add(commands: &mut Commands, new: &CommandInfo) -> Option<String> {
    let Some(old) = commands.get_mut(&key(&new.name)) else {
        commands.insert(key(&new.name), new.clone());
        return None;
    };
    if old.arity != new.arity {
        old.arity = -old.arity.abs().min(new.arity.abs());
    }
    let (all, both) = (old.flags | new.flags, old.flags & new.flags);
    old.flags = (all - PERMISSIVE) | both;
    old.categories |= new.categories;
    old.is_container |= new.is_container;
    for name in new.unknown.iter() {
        if !old.unknown.contains(name) {
            old.unknown.to_mut().push(name.clone());
        }
    }
    let places = |info: &CommandInfo| -> Vec<_> {
        info.key_specs.iter().map(|spec| (spec.begin.clone(), spec.find, spec.is_not_key)).collect()
    };
    if places(old) != places(new) {
        return Some(format!("other keys of {}: {:?}", new.name, new.key_specs));
    }
    for (old, new) in old.key_specs.to_mut().iter_mut().zip(new.key_specs.iter()) {
        old.access |= new.access;
        old.is_incomplete |= new.is_incomplete;
    }
    None
}
