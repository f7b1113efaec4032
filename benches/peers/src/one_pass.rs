//! The limit for reading: one pass that checks and looks at every value, without limits and resumption.
//!
//! It reads arrays, maps and bulk strings of up to 99,999 bytes, which lie whole in the input; anything else ends
//! it. The program chooses what is done with a value, so nothing is stored on the way. A reader that also
//! has limits, resumes anywhere and tells of errors has more to do.

#![allow(clippy::inline_always, reason = "a call for each value would be measured too")]

/// Returns the number of frames before the first that is not read, and a sum over all values.
pub fn frames(mut bytes: &[u8]) -> (usize, u64) {
    let (mut frames, mut sum) = (0, 0u64);
    let mut around = Vec::new();
    while let Some((of_frame, rest)) = frame(bytes, &mut around) {
        sum = sum.wrapping_add(of_frame);
        bytes = rest;
        frames += 1;
    }
    (frames, sum)
}

/// Takes a frame, and returns the sum over its values. `around` is empty.
#[inline(always)]
fn frame<'a>(mut bytes: &'a [u8], around: &mut Vec<u32>) -> Option<(u64, &'a [u8])> {
    // The values that the innermost open aggregate still owes; `around` has those of the aggregates around it.
    let (mut owed, mut sum) = (1u32, 0u64);
    loop {
        let (kind, number, rest) = header(bytes)?;
        owed -= 1;
        match kind {
            b'$' => {
                let payload;
                (payload, bytes) = content(rest, number)?;
                sum += u64::from(number) + u64::from(payload.first().copied().unwrap_or(0));
            }
            b'*' | b'%' => {
                sum += u64::from(number);
                around.push(owed);
                owed = if kind == b'%' { 2 * number } else { number };
                bytes = rest;
            }
            _ => return None,
        }
        while owed == 0 {
            match around.pop() {
                Some(outer) => owed = outer,
                None => return Some((sum, bytes)),
            }
        }
    }
}

/// Takes a payload of this length and its line end.
#[inline(always)]
fn content(bytes: &[u8], length: u32) -> Option<(&[u8], &[u8])> {
    let (payload, rest) = bytes.split_at_checked(length as usize)?;
    Some((payload, rest.strip_prefix(b"\r\n")?))
}

/// Takes a type byte, a number of one to five digits and a line end.
#[inline(always)]
fn header(bytes: &[u8]) -> Option<(u8, u32, &[u8])> {
    let word = if let Some(chunk) = bytes.first_chunk() {
        u64::from_le_bytes(*chunk)
    } else {
        let mut padded = [0; 8];
        padded.get_mut(..bytes.len())?.copy_from_slice(bytes);
        u64::from_le_bytes(padded)
    };
    let digit = |place: u32| {
        let value = ((word >> (8 * place)) as u8).wrapping_sub(b'0');
        (value < 10).then_some(u32::from(value))
    };
    let ends = |place: u32| (word >> (8 * place)) << 48 == 0x0a0d << 48;
    let mut number = digit(1)?;
    let mut size = 4;
    if !ends(2) {
        if number == 0 {
            return None;
        }
        for place in 2..6 {
            number = 10 * number + digit(place)?;
            if ends(place + 1) {
                size = place as usize + 3;
                break;
            }
            if place == 5 {
                return None;
            }
        }
    }
    Some((word as u8, number, bytes.get(size..)?))
}
