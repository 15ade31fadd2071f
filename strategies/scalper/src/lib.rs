//! scalper
use stockade_sdk::prelude::*;
/// Scalper.
#[derive(Debug)]
pub struct Scalper;
impl Strategy for Scalper {
    type Params = ();
    fn manifest() -> Manifest {
        Manifest::new("scalper", env!("CARGO_PKG_VERSION"))
    }
    fn new(_: ()) -> Result<Self, String> {
        Ok(Scalper)
    }
}
stockade_sdk::export!(Scalper);
