//! Where an RDB snapshot ends, found by its checksum.
//!
//! A snapshot ends with the byte `0xFF` and the CRC-64 of everything before, in eight bytes, the lowest first.
//! Values may contain `0xFF` too. So at each `0xFF` the checksum of the bytes up to it is compared with the next
//! eight bytes. The checksum is carried on from one `0xFF` to the next, so the search takes time linear in the
//! length of the snapshot. By chance, a value looks like the end once in 2⁶⁴ bytes `0xFF`.

use crc::{CRC_64_REDIS, Crc, Digest, Table};

static CRC: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_REDIS);

/// The byte before the checksum.
const END: u8 = 0xFF;
/// The size of the end: `0xFF` and the checksum.
pub(super) const END_SIZE: usize = 9;

/// A snapshot at the beginning of an append-only file: data in the RDB format, which is not parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// The server that defines the version.
    pub magic: SnapshotMagic,
    /// The version of the RDB format.
    pub version: u16,
    /// The CRC-64 of the snapshot, which holds. `None` if the server has written none
    /// (`rdbchecksum no`): then nothing shows that the bytes are sound.
    #[doc(alias = "crc64")]
    pub checksum: Option<u64>,
}

/// How a snapshot begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SnapshotMagic {
    /// `REDIS` and four digits.
    Redis,
    /// `VALKEY` and three digits, from Valkey 9 on.
    Valkey,
}

/// The size of what a snapshot begins with: its magic and its version.
pub(super) const HEAD_SIZE: usize = 9;

const MAGICS: [(SnapshotMagic, &[u8]); 2] =
    [(SnapshotMagic::Redis, b"REDIS"), (SnapshotMagic::Valkey, b"VALKEY")];

/// What the first [`HEAD_SIZE`] bytes of a file are.
pub(super) enum SnapshotHead {
    Snapshot(Snapshot),
    /// A part of the head of a snapshot, or one whose version is not a number.
    Broken,
    Other,
}

impl Snapshot {
    /// Reads the first bytes of a file. If they are less than [`HEAD_SIZE`], they are the whole file.
    pub(super) fn begin(bytes: &[u8]) -> SnapshotHead {
        for (magic, name) in MAGICS {
            let Some(digits) = bytes.get(..HEAD_SIZE).and_then(|head| head.strip_prefix(name))
            else {
                if !bytes.is_empty() && (name.starts_with(bytes) || bytes.starts_with(name)) {
                    return SnapshotHead::Broken;
                }
                continue;
            };
            let number = |number, digit: &u8| {
                digit.is_ascii_digit().then(|| 10 * number + u16::from(digit - b'0'))
            };
            return match digits.iter().try_fold(0, number) {
                Some(version) => SnapshotHead::Snapshot(Self { magic, version, checksum: None }),
                None => SnapshotHead::Broken,
            };
        }
        SnapshotHead::Other
    }
}

/// The search for the end of a snapshot, in pieces.
pub(super) struct EndSearch {
    digest: Digest<'static, u64, Table<16>>,
    /// How many bytes have been searched.
    searched: u64,
    /// The first and the last place after a zero checksum.
    zeros: Option<(u64, u64)>,
}

/// What a step of the search has led to.
pub(super) enum Searched {
    /// The snapshot ends after this many bytes of the piece.
    End { size: usize, checksum: u64 },
    /// This many bytes of the piece have been searched. The search goes on after them.
    More(usize),
    /// The piece, and so the rest of the file, is too short for an end.
    Exhausted,
}

impl EndSearch {
    pub(super) fn new() -> Self {
        Self { digest: CRC.digest(), searched: 0, zeros: None }
    }

    /// Searches a piece, which begins where the last step stopped. A piece of less than [`END_SIZE`] bytes must be the
    /// rest of the file.
    pub(super) fn step(&mut self, piece: &[u8]) -> Searched {
        if piece.len() < END_SIZE {
            return Searched::Exhausted;
        }
        let mut at = 0;
        while let Some(place) = memchr::memchr(END, piece.get(at..).unwrap_or_default()) {
            let place = at + place;
            let Some(checksum) = piece.get(place + 1..).and_then(<[u8]>::first_chunk) else {
                return self.searched(piece, at, place);
            };
            let checksum = u64::from_le_bytes(*checksum);
            self.digest.update(piece.get(at..=place).unwrap_or_default());
            at = place + 1;
            if checksum == 0 {
                let end = self.searched + (place + END_SIZE) as u64;
                self.zeros = Some((self.zeros.map_or(end, |(first, _)| first), end));
            } else if self.digest.clone().finalize() == checksum {
                return Searched::End { size: place + END_SIZE, checksum };
            }
        }
        self.searched(piece, at, piece.len())
    }

    /// Ends a step: `from..to` of the piece is not part of the checksum yet.
    fn searched(&mut self, piece: &[u8], from: usize, to: usize) -> Searched {
        self.digest.update(piece.get(from..to).unwrap_or_default());
        self.searched += to as u64;
        Searched::More(to)
    }

    /// The first and the last offset where a snapshot without a checksum could end.
    pub(super) const fn zeros(&self) -> Option<(u64, u64)> {
        self.zeros
    }
}
