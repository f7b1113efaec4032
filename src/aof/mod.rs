//! Append-only files, as servers write them: the directory of Redis 7 and Valkey with its manifest, and the single file
//! of Redis 6.2 and older.
//!
//! Available with the feature `aof`, which enables `std` and depends on `crc`.
//!
//! | in the file | as |
//! |---|---|
//! | a snapshot at the beginning (`REDIS…` or `VALKEY…`) | [`AofContent::Snapshot`], passed over |
//! | a line such as `#TS:1700000000` | [`AofContent::Annotation`] |
//! | a command | [`AofContent::Command`], a [`CommandRef`](crate::CommandRef) |
//! | the end, inside a command or a transaction | an error for which [`is_truncated`](AofErrorKind::is_truncated) holds |
//!
//! [`AofFiles`] opens a directory or a file; [`AofReader`] reads one file from any [`Read`](std::io::Read). Both work in
//! constant memory: their buffer grows to the size of the longest command. Each entry has its offset and its size. An
//! error has the offset up to which the file is sound, the `ok_up_to` of `redis-check-aof`.
//!
//! # The snapshot
//!
//! A snapshot is an RDB file. zresp does not parse it, but finds its end: the byte `0xFF`, and a CRC-64 that holds for all
//! bytes before. So a snapshot that is damaged or cut is noticed, but not where; `redis-check-rdb` tells more.
//!
//! An attacker that knows all bytes before a value can choose the value so that the checksum seems to hold inside it. A
//! parser of RDB cannot be deceived in this way. Do not rely on the end of a snapshot if an attacker may have chosen values
//! in it and knows the rest.
//!
//! A server with `rdbchecksum no` writes a checksum of zero. Then the end can only be that of the file, if it ends with
//! `0xFF` and eight zeros, as a base file of Redis 7 does. If commands follow, as in a file of Redis 6.2, the result is
//! [`AofErrorKind::SnapshotWithoutChecksum`].
//!
//! # Compared with `redis-check-aof`
//!
//! The verdict and `ok_up_to` are those of `redis-check-aof`, except:
//!
//! - It reads numbers as C does, so it accepts spaces, a plus sign or zeros before a number (`*+1`, `$03`), and a length
//!   without digits (`$`). Here they are malformed. Servers do not write them.
//! - It has no limits. A command that exceeds [`Limits`](crate::Limits) is [`Malformed`](AofErrorKind::Malformed) here.
//! - It looks at the name of a command before it reads the arguments. If the arguments of a `MULTI` or `EXEC` in the
//!   wrong place are cut, it sees the wrong place, and this the cut.
//! - It reads the two bytes after an argument at once. If the file ends after a first byte that is not CR, it sees the end,
//!   and this the wrong byte.
//! - It parses the snapshot. So it refuses one that is cut after `0xFF` and eight zeros inside a value, which here looks
//!   like one without a checksum. For a damaged snapshot it tells no `ok_up_to`; here it is 0. A file of less than 8 bytes
//!   is never a snapshot for it, but malformed.
//! - It refuses a snapshot at the beginning of an incremental file. Servers load it, and so does this.
//! - `valkey-check-aof` 9.1 does not know `VALKEY…`, and refuses the base files of its own server.
//! - Before Redis 7, it refuses annotations and empty files, and may fail on a negative length.
//!
//! When the tail of a transaction is cut inside a command, a server first drops that command only, and the transaction
//! when it starts again.

mod entry;
mod error;
mod files;
mod manifest;
mod reader;
mod snapshot;

pub use entry::{Annotation, AofContent, AofEntry};
pub use error::{AofError, AofErrorKind};
pub use files::AofFiles;
pub use manifest::{Manifest, ManifestError, ManifestErrorKind, ManifestFile, ManifestFileKind};
pub use reader::AofReader;
pub use snapshot::{Snapshot, SnapshotMagic};
