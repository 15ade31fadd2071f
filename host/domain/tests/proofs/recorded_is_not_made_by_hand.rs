use stockade_domain::journal::Recorded;
use stockade_domain::order::Command;
use stockade_domain::risk::Approved;

fn forge(command: Approved<Command>) -> Recorded<Command> {
    Recorded(command.into_inner())
}

fn main() {}
