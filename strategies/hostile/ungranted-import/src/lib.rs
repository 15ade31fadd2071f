//! A strategy that asks to send requests, which no host lets it.

use stockade_sdk::prelude::*;

#[allow(missing_docs, unsafe_code, clippy::all, reason = "generated")]
mod outside {
    wit_bindgen::generate!({
        inline: "
            package wasi:http@0.2.6;
            interface outgoing-handler {
                handle: func(url: string);
            }
            world outside {
                import outgoing-handler;
            }
        ",
    });
}

/// The strategy.
#[derive(Debug)]
pub struct UngrantedImport;

impl Strategy for UngrantedImport {
    type Params = ();

    fn manifest() -> Manifest {
        Manifest::new("ungranted-import", env!("CARGO_PKG_VERSION")).about("Asks to send requests. For tests of the sandbox.")
    }

    fn new(_: ()) -> Result<Self, String> {
        Ok(UngrantedImport)
    }

    fn on_tick(&mut self, _ctx: &mut Context, _tick: &Tick) {
        outside::wasi::http::outgoing_handler::handle("https://example.com");
    }
}

stockade_sdk::export!(UngrantedImport);
