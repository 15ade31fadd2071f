//! A strategy that asks for a network, which no host gives it.

use stockade_sdk::prelude::*;

#[allow(missing_docs, unsafe_code, clippy::all, reason = "generated")]
mod outside {
    wit_bindgen::generate!({
        inline: "
            package wasi:sockets@0.2.6;
            interface instance-network {
                resource network;
                instance-network: func() -> network;
            }
            world outside {
                import instance-network;
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
        Manifest::new("ungranted-import", env!("CARGO_PKG_VERSION")).about("Asks for a network. For tests of the sandbox.")
    }

    fn new(_: ()) -> Result<Self, String> {
        Ok(UngrantedImport)
    }

    fn on_tick(&mut self, _ctx: &mut Context, _tick: &Tick) {
        drop(outside::wasi::sockets::instance_network::instance_network());
    }
}

stockade_sdk::export!(UngrantedImport);
