//! The gate takes no memory on its way: a tick path that asks the allocator is as slow as the allocator.

mod common;

use common::Busy;
use stockade_domain::contract::DenyCode;

#[test]
fn an_order_goes_through_every_check_without_an_allocation() {
    let mut busy = Busy::new();
    // Denied at the very last check, so that the ledger has nothing to note.
    busy.use_up_the_rate();
    for cancels in [false, true, false, true] {
        let command = busy.command(cancels);
        let mut answer = Ok(());
        let counted = allocation_counter::measure(|| answer = busy.check(command));
        assert_eq!((answer, counted.count_total), (Err(DenyCode::RateExceeded), 0), "cancels: {cancels}");
    }
}
