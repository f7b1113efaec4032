//! The implementation that the macro writes.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::ext::IdentExt;
use syn::{
    Data, DataEnum, DeriveInput, Error, Fields, GenericParam, Lifetime, LitByteStr, Result,
    parse_quote,
};

use crate::attributes::{Case, Missing, Options, each};

/// Returns the implementation of `FromReply`.
pub(crate) fn from_reply(input: &DeriveInput) -> Result<TokenStream> {
    let mut generics = input.generics.clone();
    let mut lifetimes = input.generics.lifetimes().map(|lifetime| lifetime.lifetime.clone());
    // A type that borrows does so from the reply.
    let reply = match (lifetimes.next(), lifetimes.next()) {
        (Some(own), None) => own,
        (None, _) => {
            let reply = Lifetime::new("'__reply", Span::mixed_site());
            generics.params.insert(0, GenericParam::Lifetime(parse_quote!(#reply)));
            reply
        }
        (_, Some(second)) => {
            return Err(Error::new(second.span(), "expected one lifetime at most"));
        }
    };
    let case = Case::of(&input.attrs)?;
    let (shape, body) = match &input.data {
        Data::Struct(data) => structure(&data.fields, case, &reply)?,
        Data::Enum(data) => (quote!(::zresp::convert::TypeShape::Scalar), enumeration(data, case)?),
        Data::Union(data) => {
            return Err(Error::new(data.union_token.span, "a union cannot be read from a reply"));
        }
    };
    for parameter in input.generics.type_params() {
        let name = &parameter.ident;
        let bound = parse_quote!(#name: ::zresp::FromReply<#reply>);
        generics.make_where_clause().predicates.push(bound);
    }
    let name = &input.ident;
    let (implementation, _, bounds) = generics.split_for_impl();
    let (_, own, _) = input.generics.split_for_impl();
    Ok(quote! {
        #[automatically_derived]
        impl #implementation ::zresp::FromReply<#reply> for #name #own #bounds {
            const SHAPE: ::zresp::convert::TypeShape = #shape;

            fn from_reply(
                reply: ::zresp::ReplyRef<#reply>,
            ) -> ::core::result::Result<Self, ::zresp::ConversionError> {
                #body
            }
        }
    })
}

/// The shape of a struct, and the body that reads it.
fn structure(fields: &Fields, case: Case, reply: &Lifetime) -> Result<(TokenStream, TokenStream)> {
    let aggregate = quote!(::zresp::convert::TypeShape::Aggregate);
    if let Fields::Unnamed(fields) = fields {
        for field in &fields.unnamed {
            each(&field.attrs, |meta| Err(meta.error("only a field with a name has options")))?;
        }
    }
    match fields {
        Fields::Named(fields) => {
            let (mut names, mut values) = (Vec::new(), Vec::new());
            for (index, field) in fields.named.iter().enumerate() {
                let Options { rename, missing } = Options::of_field(&field.attrs)?;
                let identifier = field.ident.as_ref().map(IdentExt::unraw);
                let name = identifier.map(|name| case.apply(&name.to_string()));
                let name = rename.or(name).unwrap_or_default();
                if names.contains(&name) {
                    return Err(Error::new_spanned(field, "another field has this name"));
                }
                names.push(name);
                let take = match missing {
                    Missing::Refuse => quote!(fields.required(#index)?),
                    Missing::Default => {
                        quote!(fields.optional(#index)?.unwrap_or_else(::core::default::Default::default))
                    }
                    Missing::Call(function) => {
                        quote!(fields.optional(#index)?.unwrap_or_else(#function))
                    }
                };
                let identifier = &field.ident;
                values.push(quote!(#identifier: #take));
            }
            let body = quote! {
                let fields = ::zresp::convert::FieldValues::read(reply, [#(#names),*])?;
                ::core::result::Result::Ok(Self { #(#values),* })
            };
            Ok((aggregate, body))
        }
        Fields::Unnamed(fields) if fields.unnamed.len() == 1 => {
            let inner = fields.unnamed.iter().map(|field| &field.ty);
            let shape = quote!(#(<#inner as ::zresp::FromReply<#reply>>::SHAPE)*);
            Ok((shape, quote!(::core::result::Result::Ok(Self(reply.to()?)))))
        }
        Fields::Unnamed(fields) => {
            let types: Vec<_> = fields.unnamed.iter().map(|field| &field.ty).collect();
            let names: Vec<_> =
                (0..types.len()).map(|index| quote::format_ident!("field_{index}")).collect();
            let body = quote! {
                let (#(#names,)*) = reply.to::<(#(#types,)*)>()?;
                ::core::result::Result::Ok(Self(#(#names),*))
            };
            Ok((aggregate, body))
        }
        Fields::Unit => {
            Err(Error::new(Span::call_site(), "a struct without fields has nothing to read"))
        }
    }
}

/// The body that reads an enum by the names of its variants.
fn enumeration(data: &DataEnum, case: Case) -> Result<TokenStream> {
    let (mut arms, mut names) = (Vec::new(), Vec::new());
    for variant in &data.variants {
        if !matches!(variant.fields, Fields::Unit) {
            let text = "a variant with data cannot be read from a reply";
            return Err(Error::new_spanned(variant, text));
        }
        let Options { rename, .. } = Options::of_variant(&variant.attrs)?;
        let name = rename.unwrap_or_else(|| case.apply(&variant.ident.unraw().to_string()));
        let identifier = &variant.ident;
        let bytes = LitByteStr::new(name.as_bytes(), identifier.span());
        arms.push(quote!(#bytes => ::core::result::Result::Ok(Self::#identifier)));
        names.push(format!("`{name}`"));
    }
    let expected = format!("expected {}", names.join(" or "));
    Ok(quote! {
        match &*reply.to_bytes()? {
            #(#arms,)*
            _ => ::core::result::Result::Err(::zresp::ConversionError::custom(#expected, &reply)),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(input: &DeriveInput) -> Option<String> {
        from_reply(input).err().map(|error| error.to_string())
    }

    #[test]
    fn options_without_effect_are_refused() {
        assert_eq!(
            error(&parse_quote!(
                struct Named {
                    #[resp(rename = "b")]
                    a: u8,
                    c: u8,
                }
            )),
            None
        );
        let cases: [(DeriveInput, &str); 4] = [
            (
                parse_quote!(
                    struct Pair(u8, #[resp(default)] u8);
                ),
                "only a field with a name",
            ),
            (
                parse_quote!(
                    struct One(#[resp(bogus = "x")] u8);
                ),
                "only a field with a name",
            ),
            (
                parse_quote!(
                    struct Twice {
                        #[resp(rename = "b")]
                        a: u8,
                        b: u8,
                    }
                ),
                "another field",
            ),
            (
                parse_quote!(
                    struct Wrong {
                        #[resp(bogus)]
                        a: u8,
                    }
                ),
                "expected",
            ),
        ];
        for (input, expected) in cases {
            let found = error(&input).unwrap_or_default();
            assert!(found.starts_with(expected), "{found}");
        }
    }
}
