//! The check of what a strategy says of itself.
#![no_main]

use domain::contract::Description;
use domain::params::check_description;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(description) = serde_json::from_slice::<Description>(bytes) else { return };
    match check_description(&description) {
        Ok(()) => {
            let json = serde_json::to_string(&description).expect("it has only string keys");
            let read = serde_json::from_str::<Description>(&json).expect("what passes the check can be read again");
            assert_eq!(check_description(&read), Ok(()), "{json}");
        }
        Err(refused) => assert!(refused.len() <= 1_024 && !domain::text::hides(&refused), "{refused:?}"),
    }
});
