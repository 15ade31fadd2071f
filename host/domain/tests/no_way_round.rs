//! What must not compile: orders that skipped the gate or the journal, and floats on money.

#[test]
fn there_is_no_way_round_gate_and_journal_and_no_float_on_money() {
    // The compiler's words belong to the toolchain that is pinned; after a new one: TRYBUILD=overwrite cargo test.
    trybuild::TestCases::new().compile_fail("tests/proofs/*.rs");
}
