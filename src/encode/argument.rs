//! What a command is made of: [`ToArguments`].

use alloc::borrow::{Cow, ToOwned};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::rc::Rc;
use alloc::string::String;
#[cfg(target_has_atomic = "ptr")]
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
#[cfg(feature = "std")]
use std::collections::{HashMap, HashSet};

use bytes::{Bytes, BytesMut};

use super::CommandBuf;
use super::double::DoubleText;

/// Values that can be added to a command, as any number of arguments.
///
/// | type | arguments |
/// |---|---|
/// | bytes and text: `[u8]`, `str`, `Vec<u8>`, `String`, `Bytes`, … | one: the bytes as they are |
/// | integers | one: decimal text |
/// | `f32`, `f64` | one: the shortest digits that read back to the same value |
/// | `bool` | one: `1` or `0` |
/// | [`fmt::Arguments`], which `format_args!` makes | one: the text |
/// | `Option` | those of the value, or none |
/// | slices, arrays, tuples, sets, `Vec`, `VecDeque` | those of each element |
/// | maps | those of each key and its value |
/// | references, `Box`, `Rc`, `Arc`, `Cow` | those of the value |
///
/// Serde types are added with `zresp::ser::push_arguments`.
///
/// Implement it for your own type by adding other values. The command measures and counts what it is given, so an
/// implementation cannot write a command that servers read differently:
///
/// ```
/// use zresp::{CommandBuf, EncodeCommand, ToArguments, cmd};
///
/// struct UserKey(u64);
///
/// impl ToArguments for UserKey {
///     fn push_to(&self, command: &mut CommandBuf) {
///         command.push(format_args!("user:{}", self.0));
///     }
/// }
///
/// let keys = [UserKey(7), UserKey(8)];
/// assert_eq!(cmd!("DEL", keys).to_wire()?, "*3\r\n$3\r\nDEL\r\n$6\r\nuser:7\r\n$6\r\nuser:8\r\n");
/// # Ok::<(), zresp::EncodeError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be added to a command",
    note = "bytes, text, numbers, booleans, and collections, options and tuples of them can",
    note = "implement `ToArguments` for your own type, or `serde::Serialize` and use `zresp::ser::push_arguments`"
)]
#[doc(alias = "ToRedisArgs")]
pub trait ToArguments {
    /// Adds the arguments to the command.
    fn push_to(&self, command: &mut CommandBuf);

    /// Adds the arguments of each item. A slice of `u8` is one argument.
    #[doc(hidden)]
    fn push_slice(items: &[Self], command: &mut CommandBuf)
    where
        Self: Sized,
    {
        push_each(items, command);
    }
}

fn push_each(items: impl IntoIterator<Item = impl ToArguments>, command: &mut CommandBuf) {
    for item in items {
        item.push_to(command);
    }
}

/// Implements the trait for types whose bytes one method returns.
macro_rules! texts {
    ($($type:ty: $bytes:ident)*) => {$(
        impl ToArguments for $type {
            #[inline]
            fn push_to(&self, command: &mut CommandBuf) {
                command.push_argument(self.$bytes());
            }
        }
    )*};
}

texts!(str: as_bytes String: as_bytes Bytes: as_ref BytesMut: as_ref);

impl ToArguments for fmt::Arguments<'_> {
    fn push_to(&self, command: &mut CommandBuf) {
        match self.as_str() {
            Some(text) => text.push_to(command),
            None => alloc::fmt::format(*self).push_to(command),
        }
    }
}

impl ToArguments for u8 {
    fn push_to(&self, command: &mut CommandBuf) {
        u32::from(*self).push_to(command);
    }

    #[inline]
    fn push_slice(items: &[Self], command: &mut CommandBuf) {
        command.push_argument(items);
    }
}

/// Implements the trait for integers.
macro_rules! integers {
    ($($type:ty)*) => {$(
        impl ToArguments for $type {
            fn push_to(&self, command: &mut CommandBuf) {
                command.push_argument(itoa::Buffer::new().format(*self).as_bytes());
            }
        }
    )*};
}

integers!(i8 i16 i32 i64 i128 isize u16 u32 u64 u128 usize);

/// Implements the trait for doubles.
macro_rules! doubles {
    ($($type:ty)*) => {$(
        impl ToArguments for $type {
            fn push_to(&self, command: &mut CommandBuf) {
                command.push_argument(DoubleText::new(*self).as_bytes());
            }
        }
    )*};
}

doubles!(f32 f64);

impl ToArguments for bool {
    fn push_to(&self, command: &mut CommandBuf) {
        command.push_argument(if *self { b"1" } else { b"0" });
    }
}

impl<T: ToArguments> ToArguments for Option<T> {
    fn push_to(&self, command: &mut CommandBuf) {
        push_each(self, command);
    }
}

impl<T: ToArguments> ToArguments for [T] {
    #[inline]
    fn push_to(&self, command: &mut CommandBuf) {
        T::push_slice(self, command);
    }
}

impl<T: ToArguments, const N: usize> ToArguments for [T; N] {
    #[inline]
    fn push_to(&self, command: &mut CommandBuf) {
        T::push_slice(self, command);
    }
}

impl<T: ToArguments> ToArguments for Vec<T> {
    #[inline]
    fn push_to(&self, command: &mut CommandBuf) {
        T::push_slice(self, command);
    }
}

/// Implements the trait for pointers to values.
macro_rules! pointers {
    ($($type:ty)*) => {$(
        impl<T: ToArguments + ?Sized> ToArguments for $type {
            #[inline]
            fn push_to(&self, command: &mut CommandBuf) {
                (**self).push_to(command);
            }
        }
    )*};
}

pointers!(&T Box<T> Rc<T>);
#[cfg(target_has_atomic = "ptr")]
pointers!(Arc<T>);

impl<T: ToArguments + ToOwned + ?Sized> ToArguments for Cow<'_, T> {
    fn push_to(&self, command: &mut CommandBuf) {
        (**self).push_to(command);
    }
}

/// Implements the trait for collections that cannot be seen as one slice.
macro_rules! collections {
    ($($type:ident<$($item:ident),+ $(; $hasher:ident)?>)*) => {$(
        impl<$($item: ToArguments,)+ $($hasher)?> ToArguments for $type<$($item,)+ $($hasher)?> {
            fn push_to(&self, command: &mut CommandBuf) {
                push_each(self, command);
            }
        }
    )*};
}

collections!(VecDeque<T> BTreeSet<T> BTreeMap<K, V>);
#[cfg(feature = "std")]
collections!(HashSet<T; S> HashMap<K, V; S>);

/// Implements the trait for tuples.
macro_rules! tuples {
    ($($($name:ident)+;)*) => {$(
        #[allow(non_snake_case, reason = "a field is named like its type")]
        impl<$($name: ToArguments),+> ToArguments for ($($name,)+) {
            fn push_to(&self, command: &mut CommandBuf) {
                let ($($name,)+) = self;
                $($name.push_to(command);)+
            }
        }
    )*};
}

tuples! {
    A;
    A B;
    A B C;
    A B C D;
    A B C D E;
    A B C D E F;
    A B C D E F G;
    A B C D E F G H;
}
