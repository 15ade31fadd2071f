//! The derives of `stockade-sdk`: `Params` and `Choice`.
//!
//! Use them through `stockade_sdk`, where they are documented; the code they make names `::stockade_sdk`.

mod choice;
mod params;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Describes and decodes a struct of parameters, and gives it `Default`. See `stockade_sdk::Params`.
#[proc_macro_derive(Params, attributes(param))]
pub fn derive_params(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    params::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes an enum without data the type of a parameter. See `stockade_sdk::Choice`.
#[proc_macro_derive(Choice)]
pub fn derive_choice(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    choice::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}
