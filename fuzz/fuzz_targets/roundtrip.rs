//! Any reply encodes and decodes to the same reply; its length is exact; its RESP2 form is also a reply.
#![no_main]

use zresp::{Protocol::Resp2, Protocol::Resp3, Reply};
use zresp_fuzz::written;
use zresp_testing::drive::verdicts::compared;

libfuzzer_sys::fuzz_target!(|reply: Reply| {
    let (wire, older) = (written(&reply, Resp3), written(&reply, Resp2));
    let frame = zresp::decode(&wire).expect("a valid frame").expect("a whole frame");
    let again = Reply::from(frame);
    assert_eq!((compared(again.tokens()), frame.wire()), (compared(reply.tokens()), &*wire));
    assert_eq!((written(&again, Resp3), written(&frame, Resp2)), (wire.clone(), older.clone()));
    assert_eq!(zresp::decode(&older).expect("a valid frame").expect("a whole one").wire(), older);
});
