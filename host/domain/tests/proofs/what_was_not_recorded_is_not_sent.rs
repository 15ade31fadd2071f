use stockade_domain::broker::Broker;
use stockade_domain::order::Command;
use stockade_domain::risk::Approved;

fn send(broker: &mut dyn Broker, approved: Approved<Command>, asked: Command) {
    broker.submit(approved);
    broker.submit(asked);
}

fn main() {}
