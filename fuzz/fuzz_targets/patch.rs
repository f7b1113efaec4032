//! A patch of a command or a reply gives what building it anew of the changed parts gives.
#![no_main]

use edits::Edit;
use libfuzzer_sys::fuzz_target;
use zresp::Reply;

#[path = "../../tests/edits/mod.rs"]
mod edits;

type Edits<T> = Vec<(u8, u8, T)>;

fuzz_target!(|input: (Vec<u8>, Vec<Vec<u8>>, Edits<Vec<u8>>, Reply, Edits<Reply>)| {
    let (name, others, argument_edits, reply, element_edits) = input;
    let arguments: Vec<_> = [name].into_iter().chain(others).collect();
    let argument_edits: Vec<_> = argument_edits.into_iter().map(Edit::of).collect();
    edits::assert_command_is_rebuilt(&arguments, &argument_edits);
    let element_edits: Vec<_> = element_edits.into_iter().map(Edit::of).collect();
    edits::assert_reply_is_rebuilt(&reply, &element_edits);
});
