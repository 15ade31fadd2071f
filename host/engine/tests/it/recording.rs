//! What goes to the record, and in which order.

use crate::support::*;
use domain::contract::{LogLevel, StopReason};
use domain::desk::Desk;
use domain::guest::{Call, GuestHost, Outcome};
use domain::ids::EngineId;
use domain::tape::{Entry, Heard};
use engine::{Bounds, Event};
use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::mpsc::channel;

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

#[test]
fn a_life_that_is_stopped_while_its_guest_is_made_has_its_last_call_on_the_tape() {
    let world = World::recording(Bounds { shards: 1, ..Bounds::default() });
    world.account(7);
    let ((tell, there), (go, gone)) = (channel(), channel());
    let (tell, gone) = (Mutex::new(tell), Mutex::new(gone));
    let slow = move |desk: &mut Desk, call: &Call<'_>, _: &mut Mind| {
        if matches!(call, Call::Start { .. }) {
            desk.log(LogLevel::Info, "starting");
            tell.lock().unwrap().send(()).unwrap();
            gone.lock().unwrap().recv_timeout(PATIENCE).unwrap();
        }
        None::<Outcome>
    };
    let version = world.guests.load(slow.into());
    world.host.add(engine::EngineSetup { version, ..setup(7, 7) }).unwrap();
    world.host.start_engine(EngineId(7), "by test").unwrap();
    there.recv_timeout(PATIENCE).unwrap();
    world.host.stop_engine(EngineId(7), "by test").unwrap();
    go.send(()).unwrap();
    world.settle();
    let taped = |event| if let Event::Taped { entries, .. } = event { entries } else { Vec::new() };
    let tape: Vec<Entry> = world.told.events().into_iter().flat_map(taped).collect();
    assert!(matches!(tape.first(), Some(Entry::Begin(_))), "{tape:?}");
    let last = tape.iter().rfind(|entry| matches!(entry, Entry::Called { .. }));
    assert!(matches!(last, Some(Entry::Called { call: Heard::Stop(StopReason::ByOperator), .. })), "{last:?}");
    assert_eq!(world.told.logged(7), ["starting"]);
}
