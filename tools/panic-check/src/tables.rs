//! Looks up commands, their keys, slots and redirections.

use zresp::CommandRef;
use zresp::cluster::{Redirect, key_slot};
use zresp::command::PartialCommand;
use zresp::commands::{self, CommandTable, Keys, KeysError, PartialKeys};

use crate::use_up;

/// Looks up a name.
#[unsafe(no_mangle)]
pub fn look_up(table: &CommandTable, name: &[u8]) -> bool {
    let found = commands::lookup(name).or(table.lookup(name));
    found.is_some_and(|info| {
        use_up((info.tip("request_policy"), info.reaches_only_its_keys()));
        true
    })
}

/// Finds the keys, channels and slots of a command.
#[unsafe(no_mangle)]
pub fn keys<'a>(table: &'a CommandTable, command: &CommandRef<'a>) -> Result<(), KeysError> {
    use_up((commands::of(command), table.of(command)));
    hash(commands::keys(command)?);
    hash(commands::shard_channels(command)?);
    hash(table.keys(command)?);
    hash(table.shard_channels(command)?);
    Ok(())
}

/// The same for a command that is still arriving.
#[unsafe(no_mangle)]
pub fn partial_keys<'a>(
    table: &'a CommandTable,
    command: &PartialCommand<'a>,
) -> Result<(), KeysError> {
    use_up((commands::partial_of(command), table.partial_of(command)));
    known(&commands::partial_keys(command)?);
    known(&commands::partial_shard_channels(command)?);
    known(&table.partial_keys(command)?);
    known(&table.partial_shard_channels(command)?);
    Ok(())
}

/// Reads a redirection.
#[unsafe(no_mangle)]
pub fn redirect(error: &[u8]) {
    use_up(Redirect::parse(error));
}

fn known(keys: &PartialKeys<'_>) {
    hash(keys.known());
}

fn hash(keys: Keys<'_>) {
    keys.for_each(|key| use_up(key_slot(key.key)));
}
