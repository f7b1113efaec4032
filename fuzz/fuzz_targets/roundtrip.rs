//! Any reply encodes, decodes, and is the same again; its length is known; its RESP2 form is a reply, too.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zresp::Protocol::{Resp2, Resp3};
use zresp::{Encode, Reply};

/// What a tree consists of, as text, for a NaN does not equal itself.
fn shown(reply: &Reply) -> Vec<String> {
    reply.tokens().map(|token| format!("{token:?}")).collect()
}

fuzz_target!(|reply: Reply| {
    let wire = reply.to_wire(Resp3).expect("an arbitrary reply has a form on the wire");
    let frame = zresp::decode(&wire).expect("a valid frame").expect("a whole frame");
    assert_eq!((frame.wire.len(), reply.encoded_len(Resp3)), (wire.len(), Ok(wire.len())));
    let again = Reply::from(frame);
    assert_eq!((shown(&again), again.to_wire(Resp3).as_ref()), (shown(&reply), Ok(&wire)));

    let older = reply.to_wire(Resp2).expect("a form in RESP2");
    assert_eq!(frame.to_wire(Resp2).as_ref(), Ok(&older));
    assert_eq!(reply.encoded_len(Resp2), Ok(older.len()));
    assert_eq!(zresp::decode(&older).expect("a valid frame").expect("a whole one").wire, older);
});
