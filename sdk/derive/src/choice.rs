//! `#[derive(Choice)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error, Result};

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let name = &input.ident;
    let Data::Enum(data) = &input.data else {
        return Err(Error::new_spanned(name, "a choice must be an enum"));
    };
    if data.variants.is_empty() {
        return Err(Error::new_spanned(name, "a choice needs at least one variant"));
    }
    if let Some(variant) = data.variants.iter().find(|variant| !variant.fields.is_empty()) {
        return Err(Error::new_spanned(variant, "a variant of a choice must have no data"));
    }
    let variants: Vec<_> = data.variants.iter().map(|variant| &variant.ident).collect();
    let names: Vec<_> = variants.iter().map(|variant| kebab(&variant.to_string())).collect();
    let indexes = 0..u32::try_from(variants.len()).expect("an enum has fewer variants than that");
    let indexes_back = indexes.clone();
    let expected = format!("must be one of: {}", names.join(", "));
    Ok(quote! {
        impl ::stockade_sdk::Choice for #name {
            const NAMES: &'static [&'static str] = &[#(#names),*];
            fn index(self) -> u32 {
                match self { #(#name::#variants => #indexes),* }
            }
            fn from_index(index: u32) -> ::core::option::Option<Self> {
                match index {
                    #(#indexes_back => ::core::option::Option::Some(#name::#variants),)*
                    _ => ::core::option::Option::None,
                }
            }
        }
        impl ::stockade_sdk::params::ParamType for #name {
            const CHOICES: &'static [&'static str] = <Self as ::stockade_sdk::Choice>::NAMES;
            fn to_value(&self) -> ::stockade_sdk::ParamValue {
                ::stockade_sdk::ParamValue::Choice(::stockade_sdk::Choice::index(*self))
            }
            fn from_value(value: &::stockade_sdk::ParamValue) -> ::core::result::Result<Self, ::std::string::String> {
                match value {
                    ::stockade_sdk::ParamValue::Choice(index) => <Self as ::stockade_sdk::Choice>::from_index(*index),
                    _ => ::core::option::Option::None,
                }
                .ok_or_else(|| ::std::string::String::from(#expected))
            }
        }
    })
}

/// `PullBack` as `pull-back`.
fn kebab(name: &str) -> String {
    let mut kebab = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !kebab.is_empty() {
            kebab.push('-');
        }
        kebab.extend(letter.to_lowercase());
    }
    kebab
}
