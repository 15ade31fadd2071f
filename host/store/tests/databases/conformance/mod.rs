//! What every database must do, by subject. Each case is given an empty store; each column is read back.

pub mod audit;
pub mod engines;
pub mod health;
pub mod people;
pub mod reports;
pub mod risk;
pub mod trading;
pub mod versions;

/// The error of a call, which must have failed.
macro_rules! error_of {
    ($call:expr) => {
        $call.await.expect_err("this must be refused").to_string()
    };
}
pub(crate) use error_of;
