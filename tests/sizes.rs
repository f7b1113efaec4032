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
