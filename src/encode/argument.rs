//! Arguments of commands: [`Argument`].

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::{Bytes, BytesMut};

use super::double::DoubleText;

/// Values that can be arguments of a command: bytes and text as they are, numbers as decimal text.
///
/// References to arguments are arguments, including `&dyn Argument`: use that if the arguments of a command differ
/// in type. Doubles are written with the shortest digits that read back to the same value.
///
/// The trait is sealed: turn your own type into one of these. Serde types are appended to a
/// [`CommandBuf`](super::CommandBuf) with `zresp::ser::push_arguments`.
///
/// ```
/// use zresp::{Argument, Arguments, EncodeCommand};
///
/// let mixed: [&dyn Argument; 3] = [&"EXPIRE", &b"key\r\n", &30];
/// assert_eq!(Arguments(&mixed).to_wire()?, "*3\r\n$6\r\nEXPIRE\r\n$5\r\nkey\r\n\r\n$2\r\n30\r\n");
/// # Ok::<(), zresp::EncodeError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a command",
    note = "bytes, text, integers and floating-point numbers can, and references to them",
    note = "for arguments of mixed types, use `&[&dyn Argument]` or add them to a `CommandBuf`",
    note = "a type that implements `serde::Serialize` goes through `zresp::ser::push_arguments`"
)]
#[doc(alias = "ToRedisArgs")]
pub trait Argument: ArgumentBytes {}

/// Gives access to the bytes of an argument.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a command",
    note = "`Argument` cannot be implemented outside of zresp: pass bytes or text in its place"
)]
pub trait ArgumentBytes {
    /// Returns the bytes, which may lie in the scratch space.
    fn bytes<'a>(&'a self, scratch: &'a mut Scratch) -> &'a [u8];
}

/// Room for the text of a number.
#[derive(Default)]
#[allow(missing_debug_implementations, reason = "no caller sees it")]
pub struct Scratch(Text);

#[derive(Default)]
enum Text {
    #[default]
    None,
    Integer(itoa::Buffer),
    Double(DoubleText),
}

impl<T: Argument + ?Sized> Argument for &T {}

impl<T: ArgumentBytes + ?Sized> ArgumentBytes for &T {
    fn bytes<'a>(&'a self, scratch: &'a mut Scratch) -> &'a [u8] {
        (**self).bytes(scratch)
    }
}

impl<const N: usize> Argument for [u8; N] {}

impl<const N: usize> ArgumentBytes for [u8; N] {
    #[inline]
    fn bytes<'a>(&'a self, _: &'a mut Scratch) -> &'a [u8] {
        self
    }
}

/// Implements `Argument` for types with a method of this name that returns the bytes.
macro_rules! slices {
    ($bytes:ident: $($type:ty)*) => {$(
        impl Argument for $type {}

        impl ArgumentBytes for $type {
            #[inline]
            fn bytes<'a>(&'a self, _: &'a mut Scratch) -> &'a [u8] {
                self.$bytes()
            }
        }
    )*};
}

slices!(as_ref: [u8] Vec<u8> Bytes BytesMut Box<[u8]> Cow<'_, [u8]>);
slices!(as_bytes: str String Box<str> Cow<'_, str>);

/// Implements `Argument` for integers.
macro_rules! integers {
    ($($type:ty)*) => {$(
        impl Argument for $type {}

        impl ArgumentBytes for $type {
            fn bytes<'a>(&'a self, scratch: &'a mut Scratch) -> &'a [u8] {
                scratch.0 = Text::Integer(itoa::Buffer::new());
                match &mut scratch.0 {
                    Text::Integer(buffer) => buffer.format(*self).as_bytes(),
                    _ => &[],
                }
            }
        }
    )*};
}

integers!(i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize);

/// Implements `Argument` for doubles.
macro_rules! doubles {
    ($($type:ty)*) => {$(
        impl Argument for $type {}

        impl ArgumentBytes for $type {
            fn bytes<'a>(&'a self, scratch: &'a mut Scratch) -> &'a [u8] {
                scratch.0 = Text::Double(DoubleText::new(*self));
                match &scratch.0 {
                    Text::Double(text) => text.as_bytes(),
                    _ => &[],
                }
            }
        }
    )*};
}

doubles!(f32 f64);
