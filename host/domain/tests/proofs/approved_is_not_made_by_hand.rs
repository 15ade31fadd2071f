use stockade_domain::order::Command;
use stockade_domain::risk::Approved;

fn forge(command: Command) -> Approved<Command> {
    Approved(command)
}

fn main() {}
