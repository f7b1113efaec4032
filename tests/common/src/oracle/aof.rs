//! A second reader of append-only files. It has the whole file, and follows `redis-check-aof` step by step.

/// The verdict on a file, and what the file consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AofCheck {
    pub verdict: AofVerdict,
    pub ok_up_to: usize,
    pub parts: Vec<AofPart>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AofVerdict {
    Valid,
    /// The end cuts a command or a transaction.
    Truncated,
    Corrupt,
    /// The snapshot is cut or damaged.
    BadSnapshot,
    /// The snapshot may have no checksum.
    UnknownEnd,
}

/// A snapshot, an annotation or a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AofPart {
    pub offset: usize,
    pub size: usize,
    /// The arguments of a command, or the annotation; empty for a snapshot.
    pub texts: Vec<Vec<u8>>,
}

/// Why a command cannot be read.
enum Stop {
    End,
    Bad,
}

pub fn check(file: &[u8]) -> AofCheck {
    let mut parts = Vec::new();
    let (mut at, mut ok_up_to, mut in_transaction) = (0, 0, false);
    let begins_with =
        |magic: &[u8]| file[..magic.len().min(file.len())] == magic[..magic.len().min(file.len())];
    if !file.is_empty() && (begins_with(b"REDIS") || begins_with(b"VALKEY")) {
        match snapshot_end(file) {
            Ok(end) => {
                parts.push(AofPart { offset: 0, size: end, texts: Vec::new() });
                (at, ok_up_to) = (end, end);
            }
            Err(verdict) => return AofCheck { verdict, ok_up_to, parts },
        }
    }
    let verdict = loop {
        if !in_transaction {
            ok_up_to = at;
        }
        match file.get(at) {
            None if in_transaction => break AofVerdict::Truncated,
            None => break AofVerdict::Valid,
            Some(b'#') => {
                let rest = &file[at..file.len().min(at + 1023)];
                let size = rest.iter().position(|byte| *byte == b'\n').map(|place| place + 1);
                // One that the end cuts counts, but is not shown.
                let (size, is_shown) =
                    (size.unwrap_or(rest.len()), size.is_some() || rest.len() == 1023);
                if is_shown {
                    let texts = vec![rest[..size].to_vec()];
                    parts.push(AofPart { offset: at, size, texts });
                }
                at += size;
            }
            Some(b'*') => match command(file, at) {
                Err(Stop::End) => break AofVerdict::Truncated,
                Err(Stop::Bad) => break AofVerdict::Corrupt,
                Ok((arguments, end)) => {
                    let name = arguments.first().map(|name| name.to_ascii_uppercase());
                    match name.as_deref() {
                        Some(b"MULTI") if in_transaction => break AofVerdict::Corrupt,
                        Some(b"EXEC") if !in_transaction => break AofVerdict::Corrupt,
                        Some(b"MULTI") => in_transaction = true,
                        Some(b"EXEC") => in_transaction = false,
                        _ => {}
                    }
                    if !arguments.is_empty() {
                        parts.push(AofPart { offset: at, size: end - at, texts: arguments });
                    }
                    at = end;
                }
            },
            Some(_) => break AofVerdict::Corrupt,
        }
    };
    AofCheck { verdict, ok_up_to, parts }
}

/// The arguments of a command, and where it ends.
fn command(file: &[u8], mut at: usize) -> Result<(Vec<Vec<u8>>, usize), Stop> {
    let count = header(file, &mut at, b'*')?;
    let mut arguments = Vec::new();
    for _ in 0..count {
        let length = header(file, &mut at, b'$')?;
        let length = usize::try_from(length).expect("a length within the limits");
        let rest = &file[at..];
        if let Some(argument) = rest.get(..length) {
            arguments.push(argument.to_vec());
            at += length;
        } else {
            return Err(Stop::End);
        }
        line_end(file, &mut at)?;
    }
    Ok((arguments, at))
}

/// The number of a header, within the default limits. It has no leading zeros. A negative one is the same as 0.
fn header(file: &[u8], at: &mut usize, kind: u8) -> Result<u64, Stop> {
    expect(file, at, kind)?;
    let is_negative = kind == b'*' && file.get(*at) == Some(&b'-');
    *at += usize::from(is_negative);
    let start = *at;
    while file.get(*at).is_some_and(u8::is_ascii_digit) {
        *at += 1;
    }
    let digits = std::str::from_utf8(&file[start..*at]).expect("digits");
    if digits.is_empty() && kind == b'*' && !is_negative && file.get(*at) == Some(&b'\r') {
        line_end(file, at)?;
        return Ok(0);
    }
    if digits.is_empty() {
        return Err(if *at == file.len() { Stop::End } else { Stop::Bad });
    }
    if digits.len() > 1 && digits.starts_with('0') && !is_negative {
        return Err(Stop::Bad);
    }
    let number = digits.parse().unwrap_or(u64::MAX);
    let is_too_much = match kind {
        _ if is_negative => digits.len() > 19,
        b'*' => number >= 1 << 31,
        _ => number > 512 * 1024 * 1024,
    };
    if is_too_much {
        return Err(Stop::Bad);
    }
    line_end(file, at)?;
    Ok(if is_negative { 0 } else { number })
}

fn line_end(file: &[u8], at: &mut usize) -> Result<(), Stop> {
    expect(file, at, b'\r')?;
    expect(file, at, b'\n')
}

fn expect(file: &[u8], at: &mut usize, byte: u8) -> Result<(), Stop> {
    match file.get(*at) {
        None => Err(Stop::End),
        Some(found) if *found == byte => {
            *at += 1;
            Ok(())
        }
        Some(_) => Err(Stop::Bad),
    }
}

/// Where the snapshot ends that the file begins with.
fn snapshot_end(file: &[u8]) -> Result<usize, AofVerdict> {
    let digits = if file.starts_with(b"REDIS") { 5..9 } else { 6..9 };
    if !file.get(digits).is_some_and(|digits| digits.iter().all(u8::is_ascii_digit)) {
        return Err(AofVerdict::BadSnapshot);
    }
    let mut crc = 0;
    let mut may_have_none = false;
    for (place, byte) in file.iter().enumerate() {
        crc = crc64(crc, *byte);
        let checksum = file.get(place + 1..place + 9);
        if let (0xff, Some(checksum)) = (byte, checksum) {
            if *checksum == [0; 8] {
                may_have_none = true;
                if place + 9 == file.len() {
                    return Ok(file.len());
                }
            } else if *checksum == crc.to_le_bytes() {
                return Ok(place + 9);
            }
        }
    }
    Err(if may_have_none { AofVerdict::UnknownEnd } else { AofVerdict::BadSnapshot })
}

/// The CRC-64 that Redis calls Jones, bit by bit.
pub fn crc64(mut crc: u64, byte: u8) -> u64 {
    crc ^= u64::from(byte);
    for _ in 0..8 {
        // The polynomial, its bits reversed.
        crc = (crc >> 1) ^ if crc & 1 == 1 { 0x95ac_9329_ac4b_c9b5 } else { 0 };
    }
    crc
}
