//! A patched command or reply equals one that is built anew from the changed parts, also if the command is patched
//! while it arrives.
#![no_main]

use zresp_fuzz::Patches;
use zresp_testing::drive::edits::{
    Edit, assert_begun_command_is_rebuilt, assert_command_is_rebuilt, assert_reply_is_rebuilt,
};

libfuzzer_sys::fuzz_target!(|input: Patches| {
    let arguments: Vec<_> = [input.name].into_iter().chain(input.others).collect();
    let edits: Vec<_> = input.argument_edits.into_iter().map(Edit::of).collect();
    assert_command_is_rebuilt(&arguments, &edits);
    assert_begun_command_is_rebuilt(&arguments, &edits);
    let edits: Vec<_> = input.element_edits.into_iter().map(Edit::of).collect();
    assert_reply_is_rebuilt(&input.reply, &edits);
});
