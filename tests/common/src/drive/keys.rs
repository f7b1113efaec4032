//! Properties of the keys of every command.

use zresp::commands::{Key, Keys, KeysError, keys, of, partial_keys, shard_channels};
use zresp::{CommandDecoder, CommandRef, Request};

/// Asserts that the keys of a request are some of its arguments, and that the keys found while the request
/// arrives are keys of the whole request.
pub fn assert_agree(request: Request<'_>) {
    let mut scratch = Vec::new();
    let command = request.command().to_array(&mut scratch);
    assert_eq!(keys(&command) == Err(KeysError::UnknownCommand), of(&command).is_none());
    for found in [keys(&command), shard_channels(&command)].into_iter().flatten() {
        assert_are_arguments(command, found);
    }
    let Ok(found) = keys(&command) else { return };
    let all: Vec<Key<'_>> = found.collect();
    let mut decoder = CommandDecoder::new();
    for there in 1..command.len() {
        let seen = &command.wire()[..command.arg_span(there).expect("an argument").start];
        assert_eq!(decoder.decode(seen), Ok(None));
        let partial = decoder.partial(seen).expect("a command has begun");
        assert_eq!(partial.args().count(), there);
        let Ok(found) = partial_keys(&partial) else { continue };
        found.for_each(|key| assert!(all.contains(&key), "{key:?} after {there} arguments"));
    }
}

fn assert_are_arguments(command: CommandRef<'_>, mut found: Keys<'_>) {
    let all: Vec<Key<'_>> = found.clone().collect();
    for (at, key) in all.iter().enumerate() {
        assert_eq!(command.arg(key.index), Some(key.key));
        assert!(key.index > 0 && all[..at].iter().all(|other| other.index != key.index));
    }
    assert!(found.by_ref().eq(all) && found.next().is_none());
}
