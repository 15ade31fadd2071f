//! `#[derive(Params)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Data, DeriveInput, Error, Expr, ExprLit, ExprUnary, Field, Fields, Ident, Lit, Meta, Result, Type, UnOp};

/// The contract's bounds: parameters, and bytes.
const PARAMS_MAX: usize = 512;
const NAME_BYTES_MAX: usize = 64;
const HELP_BYTES_MAX: usize = 256;

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let name = &input.ident;
    let Data::Struct(data) = &input.data else {
        return Err(Error::new_spanned(name, "parameters must be a struct"));
    };
    let Fields::Named(fields) = &data.fields else {
        return Err(Error::new_spanned(name, "parameters must be a struct with named fields"));
    };
    if !input.generics.params.is_empty() {
        return Err(Error::new_spanned(&input.generics, "parameters cannot be generic"));
    }
    if fields.named.len() > PARAMS_MAX {
        let what = format!("{} parameters are too many; a strategy has at most {PARAMS_MAX}", fields.named.len());
        return Err(Error::new_spanned(name, what));
    }
    let params = fields.named.iter().map(Parameter::read).collect::<Result<Vec<_>>>()?;
    let idents: Vec<_> = params.iter().map(|param| &param.ident).collect();
    let types: Vec<_> = params.iter().map(|param| &param.ty).collect();
    let names: Vec<_> = params.iter().map(|param| param.ident.to_string()).collect();
    let helps: Vec<_> = params.iter().map(|param| &param.help).collect();
    let defaults: Vec<_> = params.iter().map(|param| &param.default).collect();
    let ranges: Vec<_> = params.iter().map(Parameter::range).collect();
    let count = params.len();
    let checks = params.iter().filter_map(Parameter::check);
    Ok(quote! {
        #(#checks)*
        impl ::core::default::Default for #name {
            fn default() -> Self {
                #name { #(#idents: #defaults),* }
            }
        }
        impl ::stockade_sdk::Params for #name {
            fn specs() -> ::std::vec::Vec<::stockade_sdk::ParamSpec> {
                let default = <#name as ::core::default::Default>::default();
                // One by one: a strategy's stack is small, and hundreds of them at once need not fit on it.
                let mut specs = ::std::vec::Vec::with_capacity(#count);
                #(specs.push(::stockade_sdk::params::glue::spec::<#types>(#names, #helps, &default.#idents, #ranges));)*
                specs
            }
            fn from_list(list: &[::stockade_sdk::Param]) -> ::core::result::Result<Self, ::std::string::String> {
                ::stockade_sdk::params::check_names(list, &[#(#names),*])?;
                let mut params = <#name as ::core::default::Default>::default();
                #(::stockade_sdk::params::glue::set::<#types>(&mut params.#idents, list, #names, #ranges)?;)*
                ::core::result::Result::Ok(params)
            }
            fn to_list(&self) -> ::std::vec::Vec<::stockade_sdk::Param> {
                ::std::vec![#(::stockade_sdk::params::glue::param::<#types>(#names, &self.#idents)),*]
            }
        }
    })
}

/// What the attributes of a field say.
struct Parameter {
    ident: Ident,
    ty: Type,
    help: String,
    default: Expr,
    min: Option<Expr>,
    max: Option<Expr>,
    step: Option<Expr>,
}

impl Parameter {
    fn read(field: &Field) -> Result<Self> {
        let ident = field.ident.clone().expect("the fields are named");
        let (mut default, mut min, mut max, mut step, mut help) = (None, None, None, None, None);
        for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("param")) {
            attribute.parse_nested_meta(|meta| {
                let place = match meta.path.get_ident().map(Ident::to_string).as_deref() {
                    Some("default") => &mut default,
                    Some("min") => &mut min,
                    Some("max") => &mut max,
                    Some("step") => &mut step,
                    Some("help") => &mut help,
                    _ => return Err(meta.error("expected default, min, max, step or help")),
                };
                *place = Some(meta.value()?.parse::<Expr>()?);
                Ok(())
            })?;
        }
        let help = match help {
            Some(expr) => text(&expr)?,
            None => doc_comment(&field.attrs),
        };
        let name = ident.to_string();
        let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
        if name.len() > NAME_BYTES_MAX || !name.chars().all(plain) {
            return Err(Error::new_spanned(&ident, "a parameter's name is lower case letters, digits and _, at most 64"));
        }
        if help.is_empty() || help.len() > HELP_BYTES_MAX {
            let what = "a parameter needs a help or a doc comment: one sentence with the unit, at most 256 bytes";
            return Err(Error::new_spanned(&ident, what));
        }
        let default = default.ok_or_else(|| Error::new_spanned(&ident, "a parameter needs #[param(default = ...)]"))?;
        let default = typed(default, &field.ty);
        Ok(Parameter { ident, ty: field.ty.clone(), help, default, min, max, step })
    }

    fn range(&self) -> TokenStream {
        let bound = |expr: &Option<Expr>| match expr {
            Some(expr) => {
                let expr = as_f64(expr);
                quote!(::core::option::Option::Some(#expr))
            }
            None => quote!(::core::option::Option::None),
        };
        let (min, max, step) = (bound(&self.min), bound(&self.max), bound(&self.step));
        let words = self.range_in_words();
        quote!(::stockade_sdk::params::glue::Range { min: #min, max: #max, step: #step, words: #words })
    }

    fn range_in_words(&self) -> String {
        let word = |expr: &Expr| quote!(#expr).to_string().replace("- ", "-");
        match (&self.min, &self.max) {
            (Some(min), Some(max)) => format!("from {} to {}", word(min), word(max)),
            (Some(min), None) => format!("at least {}", word(min)),
            (None, Some(max)) => format!("at most {}", word(max)),
            (None, None) => String::new(),
        }
    }

    /// A compile-time check that the default lies in its range; none where there is no range.
    fn check(&self) -> Option<TokenStream> {
        if self.min.is_none() && self.max.is_none() {
            return None;
        }
        let default = as_f64(&self.default);
        let low = self.min.as_ref().map(as_f64).unwrap_or_else(|| quote!(f64::NEG_INFINITY));
        let high = self.max.as_ref().map(as_f64).unwrap_or_else(|| quote!(f64::INFINITY));
        let message = format!("the default of `{}` is not within its min and max", self.ident);
        Some(quote! {
            const _: () = ::core::assert!(#low <= #default && #default <= #high, #message);
        })
    }
}

/// The default as an expression of the field's type: `1` is a good default for an `f64`, and `"x"` for a `String`.
fn typed(default: Expr, ty: &Type) -> Expr {
    let Type::Path(path) = ty else { return default };
    match &default {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => syn::parse_quote!(::std::string::String::from(#text)),
        _ if path.path.is_ident("f64") && number(&default).is_some() => {
            let expr = as_f64(&default);
            syn::parse_quote!(#expr)
        }
        _ => default,
    }
}

/// The expression as an `f64`, without a cast where it is a plain number.
fn as_f64(expr: &Expr) -> TokenStream {
    match number(expr) {
        Some(number) => quote!(#number),
        None => quote!(((#expr) as f64)),
    }
}

/// The value of a literal number, perhaps with a minus.
fn number(expr: &Expr) -> Option<f64> {
    match expr {
        Expr::Lit(ExprLit { lit: Lit::Int(int), .. }) => int.base10_parse().ok(),
        Expr::Lit(ExprLit { lit: Lit::Float(float), .. }) => float.base10_parse().ok(),
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => number(expr).map(|number| -number),
        _ => None,
    }
}

fn text(expr: &Expr) -> Result<String> {
    match expr {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Ok(text.value()),
        _ => Err(Error::new_spanned(expr, "expected a text in quotes")),
    }
}

/// The doc comment as one line.
fn doc_comment(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(meta) if meta.path.is_ident("doc") => text(&meta.value).ok(),
        _ => None,
    });
    lines.map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}
