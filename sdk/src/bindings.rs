//! What `wit-bindgen` makes of `sdk/wit`. Authors see these types under their names in the crate root.
#![allow(missing_docs, unsafe_code, clippy::all, reason = "generated from sdk/wit, where everything is documented")]

wit_bindgen::generate!({
    path: "wit",
    world: "trading-strategy",
    pub_export_macro: true,
    export_macro_name: "export_component",
    default_bindings_module: "stockade_sdk::bindings",
    generate_unused_types: true,
    additional_derives: [PartialEq],
});
