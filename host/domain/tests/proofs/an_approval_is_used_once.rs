use stockade_domain::journal::{Journal, record};
use stockade_domain::order::Command;
use stockade_domain::risk::Approved;

fn twice(journal: &mut dyn Journal, approved: Approved<Command>) {
    drop(record(journal, vec![approved.clone()]));
    drop(record(journal, vec![approved]));
}

fn main() {}
