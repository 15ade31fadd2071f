use stockade_domain::journal::{Journal, owe, record};
use stockade_domain::order::Command;

fn note(journal: &mut dyn Journal, asked: Command) {
    drop(record(journal, vec![asked.clone()]));
    drop(owe(asked));
}

fn main() {}
