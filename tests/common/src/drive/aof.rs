//! An append-only file as the crate reads it, from pieces.

use std::io::Read;

use zresp::aof::{AofContent, AofEntry, AofError, AofErrorKind, AofReader};

use crate::oracle::aof::{AofCheck, AofPart, AofVerdict};

/// Reads a file up to its end or an error.
pub fn check(file: impl Read) -> AofCheck {
    let mut reader = AofReader::new(file);
    let mut parts = Vec::new();
    let error = loop {
        match reader.read() {
            Ok(Some(entry)) => parts.push(part(&entry)),
            Ok(None) => {
                let ok_up_to = index(reader.ok_up_to());
                return AofCheck { verdict: AofVerdict::Valid, ok_up_to, parts };
            }
            Err(error) => break error,
        }
    };
    assert_eq!(error.ok_up_to, reader.ok_up_to());
    // An error stays.
    let again = reader.read().expect_err("the same error").to_string();
    assert_eq!(again, error.to_string());
    AofCheck { verdict: verdict(&error), ok_up_to: index(error.ok_up_to), parts }
}

pub fn part(entry: &AofEntry<'_>) -> AofPart {
    let texts = match entry.content {
        AofContent::Command(command) => command.args().map(<[u8]>::to_vec).collect(),
        AofContent::Annotation(annotation) => vec![annotation.wire().to_vec()],
        AofContent::Snapshot(_) => Vec::new(),
        other => panic!("{other:?}"),
    };
    AofPart { offset: index(entry.offset), size: index(entry.size), texts }
}

pub fn verdict(error: &AofError) -> AofVerdict {
    match &error.kind {
        kind if kind.is_truncated() => AofVerdict::Truncated,
        AofErrorKind::Snapshot => AofVerdict::BadSnapshot,
        AofErrorKind::SnapshotWithoutChecksum { .. } => AofVerdict::UnknownEnd,
        AofErrorKind::Malformed(_) | AofErrorKind::NestedMulti | AofErrorKind::ExecWithoutMulti => {
            AofVerdict::Corrupt
        }
        other => panic!("{other:?}"),
    }
}

fn index(offset: u64) -> usize {
    usize::try_from(offset).expect("an offset in memory")
}
