//! What goes to the record, and in which order.

use crate::support::*;
use domain::desk::Desk;
use domain::guest::{Call, GuestHost, Outcome};
use domain::tape::Entry;
use engine::{Bounds, Event};
use std::collections::HashSet;

/// Asks for something at every tick, so that each has an entry of its own.
fn asks(desk: &mut Desk, call: &Call<'_>, _: &mut Mind) -> Option<Outcome> {
    if let Call::Tick { .. } = call {
        desk.random();
    }
    None
}

#[test]
fn a_tick_reaches_the_sink_before_whatever_names_it() {
    let world = World::recording(Bounds { shards: 2, ..Bounds::default() });
    for engine in [7, 8, 9] {
        world.account(engine);
        world.run(engine, engine, asks);
    }
    for s in 1..200 {
        world.feed_seconds(s, 1);
        // As fast as the shards are, and slower, so that few and many wait at once.
        if s % 7 == 0 {
            world.settle();
        }
    }
    world.settle();
    let (mut there, mut named) = (HashSet::new(), 0);
    for event in world.told.events() {
        match event {
            Event::Ticks(ticks) => there.extend(ticks.iter().map(|tick| tick.sequence)),
            Event::Taped { engine, entries } => {
                for entry in entries {
                    if let Entry::Ticks { first, count, .. } = entry {
                        let missing = (first..first + u64::from(count)).find(|number| !there.contains(number));
                        assert_eq!(missing, None, "{engine:?} names a tick that is not there yet");
                        named += u64::from(count);
                    }
                }
            }
            _ => {}
        }
    }
    assert!(named > 500, "three engines had 199 ticks each, and {named} were named");
}
