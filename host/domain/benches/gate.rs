//! How long an order takes through the gate with every limit set, on an account with 50 positions and 50 working orders on four
//! symbols, two of which need a rate.

#[path = "../tests/common/mod.rs"]
mod common;

use common::Busy;
use std::time::Instant;

const ROUNDS: usize = 200_000;

fn main() {
    let mut busy = Busy::new();
    let mut took_ns = Vec::with_capacity(ROUNDS);
    for round in 0..ROUNDS + 1_000 {
        let command = busy.command(false);
        let begun = Instant::now();
        let answer = busy.check(command);
        let ns = begun.elapsed().as_nanos() as u64;
        assert_eq!(answer, Ok(()), "no limit is near");
        busy.forget();
        if round >= 1_000 {
            took_ns.push(ns);
        }
    }
    took_ns.sort_unstable();
    let us = |percent: usize| took_ns[ROUNDS * percent / 100] as f64 / 1e3;
    eprintln!("{ROUNDS} orders through every check: p50 {:.1} us, p99 {:.1} us", us(50), us(99));
    println!(r#"{{"name":"gate_p99_us","value":{:.2},"unit":"us","target":"<= 20"}}"#, us(99));
}
