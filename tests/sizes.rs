//! The public types are as small, as thread-safe and as cheap to copy as the documentation says.
#![cfg(feature = "std")]

use std::mem::size_of;

use zresp::command::{ArgIndex, Args, InlineArgs, InlineCommand, PartialCommand};
use zresp::convert::Place;
use zresp::encode::{CommandPatch, Downgrader, ReplyPatch, ReplyShape, Segments, Shaped};
use zresp::frames::{Frames, Replies, Requests};
use zresp::io::{CommandReader, ReplyReader, StreamError};
use zresp::replication::{self, Event, SyncDecoder};
use zresp::tree::{Annotated, Entries, Items, StreamedString, TreeTokens};
use zresp::view::{
    AnnotatedAttributePairs, AnnotatedElements, AnnotatedPairs, AttributePairs, Attributes, Chunks,
    Elements, Pairs, Tokens,
};
use zresp::{
    Command, CommandBuf, CommandDecoder, CommandFrame, CommandRef, ConversionError, Decoded,
    Decoder, EncodeError, Error, ErrorKind, ErrorReply, Expected, Frame, Framer, InlinePolicy,
    Kind, Limits, Progress, Protocol, Reply, ReplyRef, ReplyWriter, Request, Token,
};

#[test]
fn views_and_errors_are_small() {
    assert!(size_of::<ReplyRef<'_>>() <= 40, "{}", size_of::<ReplyRef<'_>>());
    assert_eq!(size_of::<ReplyShape>(), size_of::<usize>());
    assert!(size_of::<Error>() <= 24, "{}", size_of::<Error>());
    assert!(size_of::<Elements<'_>>() <= 24, "{}", size_of::<Elements<'_>>());
    assert!(size_of::<Result<(), Error>>() <= 24, "{}", size_of::<Result<(), Error>>());
}

#[test]
fn owned_replies_and_commands_are_small() {
    const FIVE_WORDS: usize = 5 * size_of::<usize>();
    // On some machines, such as WebAssembly, an integer of 64 bits is aligned to more than a word.
    let of_reply = FIVE_WORDS.next_multiple_of(align_of::<i64>());
    assert_eq!(size_of::<Reply>(), of_reply);
    assert_eq!(size_of::<Option<Reply>>(), of_reply);
    assert_eq!(size_of::<Frame>(), FIVE_WORDS);
    assert_eq!(size_of::<CommandFrame>(), FIVE_WORDS);
    assert!(size_of::<EncodeError>() <= 32, "{}", size_of::<EncodeError>());
    assert!(size_of::<Result<(), EncodeError>>() <= 32, "{}", size_of::<Result<(), EncodeError>>());
}

#[test]
fn types_are_copy_clone_send_and_sync_as_documented() {
    fn copy<T: Copy + Send + Sync>() {}
    fn shared<T: Send + Sync + Unpin>() {}
    fn cloned<T: Clone + Send + Sync>() {}
    copy::<ReplyRef<'_>>();
    copy::<ReplyShape>();
    copy::<Shaped<'_, ReplyRef<'_>>>();
    copy::<Decoded<'_>>();
    copy::<Elements<'_>>();
    copy::<Pairs<'_>>();
    copy::<Chunks<'_>>();
    copy::<Attributes<'_>>();
    copy::<Token<'_>>();
    copy::<Error>();
    copy::<ErrorKind>();
    copy::<Kind>();
    copy::<Limits>();
    cloned::<AnnotatedElements<'_>>();
    cloned::<AnnotatedPairs<'_>>();
    copy::<Command<'_>>();
    copy::<CommandRef<'_>>();
    copy::<InlineCommand<'_>>();
    copy::<Request<'_>>();
    copy::<Progress>();
    copy::<replication::SyncProgress<'_>>();
    copy::<Event<'_>>();
    copy::<Expected>();
    copy::<InlinePolicy>();
    cloned::<Place>();
    cloned::<ConversionError>();
    cloned::<AttributePairs<'_>>();
    cloned::<AnnotatedAttributePairs<'_>>();
    cloned::<Args<'_>>();
    cloned::<ArgIndex<'_>>();
    cloned::<InlineArgs<'_>>();
    copy::<PartialCommand<'_>>();
    cloned::<ErrorReply>();
    cloned::<Decoder>();
    cloned::<CommandDecoder>();
    cloned::<Framer>();
    cloned::<Frames<'_, Replies>>();
    cloned::<Frames<'_, Requests>>();
    cloned::<Tokens<'_>>();
    cloned::<SyncDecoder>();
    copy::<EncodeError>();
    copy::<Protocol>();
    cloned::<TreeTokens<'_>>();
    cloned::<CommandPatch<CommandRef<'_>>>();
    cloned::<CommandPatch<PartialCommand<'_>>>();
    cloned::<ReplyPatch<'_>>();
    cloned::<Segments<&[u8]>>();
    shared::<ReplyWriter<'_>>();
    shared::<ReplyReader<&[u8]>>();
    shared::<CommandReader<&[u8]>>();
    shared::<StreamError>();
}

#[cfg(all(feature = "codec", feature = "cluster", feature = "commands", feature = "serde"))]
#[test]
fn types_of_features_are_copy_clone_send_and_sync_as_documented() {
    use zresp::{cluster, codec, commands, ser};

    fn copy<T: Copy + Send + Sync>() {}
    fn shared<T: Send + Sync + Unpin + 'static>() {}
    fn cloned<T: Clone + Send + Sync>() {}
    cloned::<codec::ReplyCodec>();
    cloned::<codec::CommandCodec>();
    shared::<zresp::io::StreamError>();
    shared::<ser::SerializeError>();
    copy::<cluster::Redirect<'_>>();
    copy::<cluster::Node<'_>>();
    cloned::<cluster::Shard<'_>>();
    shared::<cluster::SlotMap<u16>>();
    cloned::<zresp::push::Push<'_>>();
    copy::<commands::Key<'_>>();
    copy::<commands::KeysError>();
    cloned::<commands::Keys<'_>>();
    cloned::<commands::PartialKeys<'_>>();
    shared::<commands::CommandInfo>();
    shared::<commands::CommandTable>();
    cloned::<commands::CommandTable>();
    cloned::<commands::TableError>();
}

#[test]
fn types_that_own_their_bytes_can_move_to_any_thread() {
    fn owned<T: Clone + Send + Sync + Unpin + 'static>() {}
    owned::<Decoder>();
    owned::<CommandDecoder>();
    owned::<Framer>();
    owned::<SyncDecoder>();
    owned::<Frame>();
    owned::<CommandFrame>();
    owned::<Reply>();
    owned::<Items>();
    owned::<Entries>();
    owned::<Annotated>();
    owned::<StreamedString>();
    owned::<Segments>();
    owned::<CommandBuf>();
    owned::<Downgrader>();
    owned::<EncodeError>();
}

#[test]
fn errors_implement_the_error_trait() {
    fn error<T: core::error::Error + 'static>() {}
    error::<Error>();
    error::<ConversionError>();
    error::<StreamError>();
    error::<EncodeError>();
}

/// Payloads of 64 MiB that share their bytes: on 32 bits, a few of them are more than a `usize` counts.
#[cfg(all(target_pointer_width = "32", not(target_family = "wasm")))]
mod more_than_memory {
    use std::io::{self, Write};

    use bytes::{Buf, Bytes, BytesMut};
    use zresp::encode::Segments;
    use zresp::{
        Arguments, CommandBuf, Encode, EncodeCommand, EncodeError, Protocol, Reply, ReplyRef,
        ReplyWriter,
    };

    const PAYLOAD: usize = 64 << 20;
    const PROTOCOLS: [Protocol; 2] = [Protocol::Resp2, Protocol::Resp3];

    /// Counts what is written.
    #[derive(Default)]
    struct Counted(u64);

    impl Write for Counted {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len() as u64;
            Ok(bytes.len())
        }

        /// As Linux does, refuses slices of more bytes than it could return.
        fn write_vectored(&mut self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
            let size: u64 = slices.iter().map(|slice| slice.len() as u64).sum();
            self.0 += size;
            isize::try_from(size).map(isize::cast_unsigned).map_err(io::Error::other)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn is_no_room<T>(result: Result<T, EncodeError>) -> bool {
        matches!(result, Err(EncodeError::NoRoom { needed, room }) if needed > room)
    }

    #[test]
    fn a_command_that_is_too_long_to_count_is_refused() {
        let payload = vec![b'x'; PAYLOAD];
        let mut arguments = vec![payload.as_slice(); 65];
        arguments[0] = b"RPUSH";
        let command = Arguments(&arguments);
        assert!(is_no_room(command.encoded_len()));
        assert!(is_no_room(command.to_wire()));
        assert!(is_no_room(Segments::of_arguments(&arguments)));
        assert!(is_no_room(Segments::of_command(&command)));
        let mut out = [b'.'; 64];
        assert!(is_no_room(command.encode(&mut &mut out[..])));
        assert_eq!(out, [b'.'; 64]);
        let (mut out, mut bytes) = (Vec::new(), BytesMut::new());
        assert!(is_no_room(command.encode(&mut out)) && out.is_empty());
        assert!(is_no_room(command.encode(&mut bytes)) && bytes.is_empty());

        // Longer than an allocation, but not too long to count.
        let command = Arguments(&arguments[..41]);
        assert!(command.encoded_len().is_ok_and(|size| size > isize::MAX as usize));
        assert!(is_no_room(command.to_wire()));
        assert!(is_no_room(command.encode(&mut out)) && out.is_empty());
        assert!(is_no_room(command.encode(&mut bytes)) && bytes.is_empty());
        let mut segments = Segments::of_arguments(&arguments[..41]).expect("a name");
        assert_eq!(Ok(segments.remaining()), command.encoded_len());
        let mut written = Counted::default();
        segments.write_to(&mut written).expect("no error");
        assert_eq!(Ok(written.0), command.encoded_len().map(|size| size as u64));

        let small = vec![b'x'; 4000];
        let arguments = vec![small.as_slice(); (1 << 20) + 100_000];
        assert!(is_no_room(Arguments(&arguments).encoded_len()));
    }

    #[test]
    fn a_reply_that_is_too_long_to_count_is_refused() {
        let payload = Bytes::from(vec![b'x'; PAYLOAD]);
        for (len, is_countable) in [(64, false), (40, true)] {
            let reply = Reply::array((0..len).map(|_| Reply::Bulk(payload.clone())));
            for protocol in PROTOCOLS {
                assert_eq!(is_no_room(reply.encoded_len(protocol)), !is_countable);
                assert_eq!(is_no_room(Segments::of(&reply, protocol)), !is_countable);
                assert!(is_no_room(reply.to_wire(protocol)));
                let mut out = [b'.'; 64];
                assert!(is_no_room(reply.encode(protocol, &mut &mut out[..])));
                assert_eq!(out, [b'.'; 64]);
                let mut bytes = BytesMut::new();
                assert!(is_no_room(reply.encode(protocol, &mut bytes)) && bytes.is_empty());
                let mut writer = ReplyWriter::new(&mut bytes, protocol);
                assert!(writer.value(&reply).is_err());
                drop(writer);
                assert!(bytes.is_empty());
            }
        }
    }

    /// A slice of more than 1 GiB has more than half of the most room.
    #[test]
    fn a_large_slice_is_not_taken_for_a_buffer_that_grows() {
        const SIZE: usize = (1 << 30) + (1 << 20);
        let payload = vec![b'x'; PAYLOAD];
        let mut arguments = vec![payload.as_slice(); 17];
        arguments.insert(0, b"RPUSH");
        // Zeroed pages take no memory until something is written to them.
        let mut out = vec![0; SIZE];
        assert!(is_no_room(Arguments(&arguments).encode(&mut &mut out[..])));
        assert!(out[..64].iter().all(|byte| *byte == 0));
        let shared = Bytes::from(payload);
        let reply = Reply::array((0..17).map(|_| Reply::Bulk(shared.clone())));
        for protocol in PROTOCOLS {
            assert!(is_no_room(reply.encode(protocol, &mut &mut out[..])));
            assert!(out[..64].iter().all(|byte| *byte == 0));
            let mut room = out.as_mut_slice();
            assert!(ReplyRef::Bulk(b"small").encode(protocol, &mut room).is_ok());
            assert_eq!(room.len(), SIZE - 11);
            out[..64].fill(0);
        }
        let mut room = out.as_mut_slice();
        assert!(CommandBuf::new("PING").encode(&mut room).is_ok());
        assert_eq!(room.len(), SIZE - 14);
    }
}
