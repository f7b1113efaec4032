//! Any reply makes a table or an error, and a table finds only keys that are arguments, also while a command arrives.
#![no_main]

use zresp::commands::CommandTable;
use zresp_testing::drive::keys;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    if let Ok(Some(frame)) = zresp::decode(input) {
        if let Ok(table) = CommandTable::from_reply(frame.reply()) {
            table
                .commands()
                .for_each(|info| assert_eq!(table.lookup(info.name.as_bytes()), Some(info)));
        }
    }
    let (table, requests) = keys::table_of(input);
    for request in zresp::requests(requests).map_while(Result::ok) {
        keys::assert_agree_in(&table, request);
    }
});
