//! The attribute `#[resp(…)]`.

use syn::meta::ParseNestedMeta;
use syn::{Attribute, ExprPath, LitStr, Result};

/// What to do if a field is missing.
pub(crate) enum Missing {
    /// It is an error, unless the type has a value for that, as `Option` does.
    Refuse,
    /// The `Default` of its type.
    Default,
    /// What this function returns.
    Call(ExprPath),
}

/// The options of a field or a variant.
pub(crate) struct Options {
    pub(crate) rename: Option<String>,
    pub(crate) missing: Missing,
}

impl Options {
    pub(crate) fn of_field(attributes: &[Attribute]) -> Result<Self> {
        let mut options = Self { rename: None, missing: Missing::Refuse };
        each(attributes, |meta| {
            if meta.path.is_ident("rename") {
                options.rename = Some(meta.value()?.parse::<LitStr>()?.value());
            } else if !meta.path.is_ident("default") {
                return Err(meta.error("expected `rename` or `default`"));
            } else if meta.input.peek(syn::Token![=]) {
                options.missing = Missing::Call(meta.value()?.parse::<LitStr>()?.parse()?);
            } else {
                options.missing = Missing::Default;
            }
            Ok(())
        })?;
        Ok(options)
    }

    pub(crate) fn of_variant(attributes: &[Attribute]) -> Result<Self> {
        let mut options = Self { rename: None, missing: Missing::Refuse };
        each(attributes, |meta| {
            if !meta.path.is_ident("rename") {
                return Err(meta.error("expected `rename`"));
            }
            options.rename = Some(meta.value()?.parse::<LitStr>()?.value());
            Ok(())
        })?;
        Ok(options)
    }
}

/// How the names of all fields or variants are written.
#[derive(Clone, Copy)]
pub(crate) enum Case {
    /// As in Rust.
    Rust,
    Lower,
    Upper,
    Camel,
    Snake,
    Kebab,
}

impl Case {
    pub(crate) fn of(attributes: &[Attribute]) -> Result<Self> {
        let mut case = Self::Rust;
        each(attributes, |meta| {
            if !meta.path.is_ident("rename_all") {
                return Err(meta.error("expected `rename_all`"));
            }
            let name: LitStr = meta.value()?.parse()?;
            case = match name.value().as_str() {
                "lowercase" => Self::Lower,
                "UPPERCASE" => Self::Upper,
                "camelCase" => Self::Camel,
                "snake_case" => Self::Snake,
                "kebab-case" => Self::Kebab,
                _ => {
                    let text = "expected `lowercase`, `UPPERCASE`, `camelCase`, `snake_case` or `kebab-case`";
                    return Err(syn::Error::new(name.span(), text));
                }
            };
            Ok(())
        })?;
        Ok(case)
    }

    /// Returns the name in this case.
    pub(crate) fn apply(self, name: &str) -> String {
        let words = words(name);
        match self {
            Self::Rust => name.to_owned(),
            Self::Lower => words.concat(),
            Self::Upper => words.concat().to_uppercase(),
            Self::Snake => words.join("_"),
            Self::Kebab => words.join("-"),
            Self::Camel => {
                let capital = |(index, word): (usize, &String)| {
                    let mut letters = word.chars();
                    match letters.next().filter(|_| index > 0) {
                        Some(first) => first.to_uppercase().chain(letters).collect(),
                        None => word.clone(),
                    }
                };
                words.iter().enumerate().map(capital).collect()
            }
        }
    }
}

/// The words of a name in `snake_case` or `PascalCase`, in lower case.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut is_new = true;
    for letter in name.chars() {
        if letter == '_' {
            is_new = true;
            continue;
        }
        if is_new || letter.is_uppercase() {
            words.push(String::new());
        }
        is_new = false;
        if let Some(word) = words.last_mut() {
            word.extend(letter.to_lowercase());
        }
    }
    words
}

/// Calls the function for each option in `#[resp(…)]`.
pub(crate) fn each(
    attributes: &[Attribute],
    mut option: impl FnMut(&ParseNestedMeta<'_>) -> Result<()>,
) -> Result<()> {
    let own = attributes.iter().filter(|attribute| attribute.path().is_ident("resp"));
    own.into_iter().try_for_each(|attribute| attribute.parse_nested_meta(|meta| option(&meta)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_in_each_case() {
        let cases = [
            (Case::Rust, "tcp_port", "tcp_port"),
            (Case::Lower, "tcp_port", "tcpport"),
            (Case::Upper, "ReadOnly", "READONLY"),
            (Case::Camel, "tcp_port", "tcpPort"),
            (Case::Camel, "ReadOnly", "readOnly"),
            (Case::Camel, "a_über", "aÜber"),
            (Case::Snake, "ReadOnly", "read_only"),
            (Case::Kebab, "tcp_port", "tcp-port"),
            (Case::Kebab, "_port", "port"),
        ];
        for (case, name, expected) in cases {
            assert_eq!(case.apply(name), expected, "{name}");
        }
    }
}
