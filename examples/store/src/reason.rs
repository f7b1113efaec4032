//! Explains broken requests.

use zresp::{Error, ErrorKind, Expected};

/// Returns what is wrong with the input, in the words of Redis if it has a message for that.
#[must_use]
pub fn reason(error: Error, input: &[u8]) -> String {
    let before = input.get(..error.offset).unwrap_or_default();
    let line = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let header = input.get(line);
    match error.kind {
        ErrorKind::InlineTooLong { .. } => "too big inline request".to_owned(),
        ErrorKind::UnbalancedQuotes => "unbalanced quotes in request".to_owned(),
        ErrorKind::Unexpected { expected: Expected::Literal(b'$'), found } => {
            format!("expected '$', got '{}'", char::from(found).escape_default())
        }
        ErrorKind::TooManyElements { .. } => "invalid multibulk length".to_owned(),
        ErrorKind::BulkTooLong { .. } => "invalid bulk length".to_owned(),
        ErrorKind::Unexpected { .. } if header == Some(&b'*') => {
            "invalid multibulk length".to_owned()
        }
        ErrorKind::Unexpected { expected: Expected::Digit | Expected::DigitOrCr, .. } => {
            "invalid bulk length".to_owned()
        }
        ErrorKind::Unexpected { .. } if header == Some(&b'$') => "invalid bulk length".to_owned(),
        _ => error.to_string(),
    }
}
