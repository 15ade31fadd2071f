//! A strategy called as a bare module hears, asks for and leads to exactly what it does when called through the component model.

use crate::*;
use domain::contract::*;
use domain::symbol::common;
use domain::tick::{Bar, TickColumns, Timeframe};
use stockade_sandbox::{Addresses, Calls};

/// A sandbox that calls everything through the component model.
fn by_components() -> &'static Cell {
    static SANDBOX: LazyLock<Cell> =
        LazyLock::new(|| Sandbox::new(SandboxConfig { calls: Calls::Component, ..SandboxConfig::default() }).unwrap());
    &SANDBOX
}

/// A sandbox whose guests' accesses to memory are not checked one by one.
fn wide() -> &'static Cell {
    static SANDBOX: LazyLock<Cell> =
        LazyLock::new(|| Sandbox::new(SandboxConfig { addresses: Addresses::Wide, ..SandboxConfig::default() }).unwrap());
    &SANDBOX
}

/// What became of a call: its end, what the host was asked, and what was logged.
type Seen = (Outcome, String, Vec<(LogLevel, String)>);

fn see(guest: &mut Boxed, call: Call<'_>) -> Seen {
    let outcome = match guest.call(call) {
        // The small module between a component and its host has functions without names.
        Outcome::Trapped(message) => {
            let lines: Vec<&str> = message.lines().filter(|line| !line.starts_with("  at <wasm function ")).collect();
            Outcome::Trapped(lines.join("\n"))
        }
        outcome => outcome,
    };
    let host = guest.host();
    // As text, since NaN is not equal to itself.
    (outcome, format!("{:?}", std::mem::take(&mut host.asked)), std::mem::take(&mut host.logged))
}

/// Makes the calls on a guest of each kind; all must show the same, call by call.
fn check(component: &[u8], params: &[Param], host: &ScriptedHost, calls: &[Call<'_>]) -> Vec<Seen> {
    let limits = GuestLimits { fuel_per_call: 20_000_000, deadline_ms: 60_000, ..GuestLimits::default() };
    let mut guests = [shared(), by_components(), wide()].map(|sandbox| {
        let version = sandbox.load(component).unwrap().digest;
        let mut guest = sandbox.instantiate(&version, host.clone(), limits).unwrap();
        assert_eq!(guest.call(Call::Init(params)), DONE);
        guest
    });
    let all = |call: &Call<'_>| {
        let [direct, component, wide] = guests.each_mut().map(|guest| see(guest, call.clone()));
        assert_eq!(direct, component, "{call:?}");
        assert_eq!(direct, wide, "{call:?}, wide");
        assert_eq!(guests[0].used().fuel_last_call, guests[2].used().fuel_last_call, "{call:?}, wide");
        direct
    };
    calls.iter().map(all).collect()
}

fn host_with_everything() -> ScriptedHost {
    let order = |id, price: Option<f64>| SeenOrder {
        id,
        symbol: 1,
        side: Side::Sell,
        kind: OrderKind::StopLimit,
        volume: 0.5,
        filled: 0.25,
        price,
        stop_loss: price.map(|price| price + 1.0),
        take_profit: None,
        placed: -3,
        tag: "ein Gr\u{fc}n".into(),
    };
    let bar = Bar {
        symbol: SymbolId(40),
        timeframe: Timeframe::W1,
        open_time: Time(1),
        open: 1.0,
        high: 4.0,
        low: 0.5,
        close: 2.0,
        tick_volume: u64::MAX,
        spread: 3,
    };
    ScriptedHost {
        now: TIME,
        orders: vec![order(1, Some(1.5)), order(u64::MAX, None)],
        positions: vec![position()],
        bars: vec![bar; 3],
        ticks: vec![tick(1.5), tick(2.5)],
        gap: Some(Gap { after: -1, until: 2, ticks: Some(3) }),
        specs: vec![common::forex("EUR", "USD"), common::gold(), common::forex("USD", "JPY")],
        answers: [Ok(7), Err(DenyCode::StopLossMissing), Ok(0), Err(DenyCode::TradingHalted)].into(),
        ..ScriptedHost::default()
    }
}

fn position() -> SeenPosition {
    SeenPosition {
        id: 9,
        symbol: 1,
        side: Side::Sell,
        volume: 0.5,
        open_price: 1.25,
        stop_loss: None,
        take_profit: Some(0.75),
        opened: 4,
        profit: -1.5,
        swap: 0.25,
        commission: -0.125,
        tag: "t".into(),
    }
}

const WAKE: &str =
    "SetWake { symbol: 1, wake: Wake { at: Time(-7), bid_at_least: 1.25, bid_at_most: NaN, ask_at_least: inf, ask_at_most: -0.0 } }";

#[test]
fn every_import_takes_and_gives_the_same_both_ways() {
    let tick = tick(1.1);
    let seen =
        check(probe(), &behaviour("ask for everything"), &host_with_everything(), &[Call::Tick { symbol: 0, tick: &tick, skipped: 0 }]);
    let (outcome, asked, logged) = &seen[0];
    assert_eq!((outcome, logged.len()), (&DONE, 20));
    for part in
        ["StopLimit", "stop_limit_price: Some(1.25)", "tag: \"gr\u{fc}n\"", "expires: Some(-4)", "ClearTimer(1)", "every: None", WAKE]
    {
        assert!(asked.contains(part), "{part}: {asked}");
    }
    for part in ["stop-loss-missing", "Gr\u{fc}n", "EURUSD", "USD", "18446744073709551615"] {
        assert!(logged.iter().any(|(_, line)| line.contains(part)), "{part}: {logged:?}");
    }
}

#[test]
fn every_export_hears_and_answers_the_same_both_ways() {
    let host = ScriptedHost { gap: None, ..host_with_everything() };
    let (account, position, bar) = (testkit::scripted::account(), position(), host.bars[0]);
    let fill = SeenFill { volume: 0.5, price: 1.25, time: 3, position: 4, profit: -5.0, commission: 0.25 };
    let events = [
        SeenEvent::Accepted,
        SeenEvent::Rejected(u32::MAX),
        SeenEvent::Unknown,
        SeenEvent::PartiallyFilled(fill),
        SeenEvent::Filled(fill),
        SeenEvent::Canceled,
        SeenEvent::Expired,
        SeenEvent::Modified,
        SeenEvent::ModifyRejected(10_016),
    ];
    let (times, bids) = ([1, 2, 3], [0.5, 1.5, 2.5]);
    let few = TickColumns { times: &times, bids: &bids, asks: &bids, lasts: &[], volumes: &[] };
    let all = TickColumns { lasts: &bids, volumes: &bids, ..few };
    let tick = Tick { time: Time(i64::MIN), bid: f64::MAX, ask: -0.0, last: 3.5, volume: 4.5, ..tick(0.0) };
    let stats = TesterStats { profit: 2.5, trades: 4, ..TesterStats::default() };
    let mut calls = vec![
        Call::Start { mode: RunMode::Live, account: &account, restored: true },
        Call::Tick { symbol: u32::MAX, tick: &tick, skipped: u32::MAX },
        Call::Ticks { symbol: 0, ticks: few },
        Call::Ticks { symbol: 0, ticks: all },
        Call::Bar { symbol: 2, bar: &bar },
        Call::Timer(u32::MAX),
        Call::Save,
        Call::Load { schema: 2, state: b"echo" },
        Call::Load { schema: 1, state: b"\xff" },
        Call::Load { schema: 1, state: b"echo" },
        Call::Tester(&stats),
        Call::Stop(StopReason::Quarantined),
    ];
    calls.extend(events.map(|event| Call::Order { id: u64::MAX, event }));
    calls.extend(PositionChange::ALL.iter().map(|&change| Call::Position { position: &position, change }));
    calls.extend(TradingState::ALL.iter().map(|&state| Call::TradingState(state)));
    let seen = check(probe(), &behaviour("echo"), &host, &calls);
    let ended = |outcome: Outcome| seen.iter().filter(|(seen, ..)| *seen == outcome).count();
    assert_eq!(ended(Outcome::Decided(Reply::State(b"echo".to_vec()))), 1);
    assert_eq!(ended(Outcome::Decided(Reply::Criterion(10.0))), 1);
    assert_eq!(ended(Outcome::Refused("not text".into())), 1);
    assert_eq!(ended(DONE), calls.len() - 6, "everything else was simply done");
}

#[test]
fn faults_are_the_same_both_ways() {
    let tick = tick(1.1);
    let each = [
        ("spin", "used up its"),
        ("fill the memory", "it may have"),
        ("read past its memory", "out of bounds memory access"),
        ("write at the end of addresses", "out of bounds memory access"),
        ("ask for symbol 99", "no symbol 99"),
        ("hand over a megabyte", "handed more than"),
    ];
    for (does, message) in each {
        let seen =
            check(probe(), &behaviour(does), &ScriptedHost::default(), &[Call::Tick { symbol: 0, tick: &tick, skipped: 0 }, Call::Save]);
        let fault = seen[0].0.clone().into_reply().unwrap_err();
        assert!(fault.message.contains(message), "{does}: {fault}");
    }
    for does in ["save a lot", "save far too much"] {
        let seen = check(probe(), &behaviour(does), &ScriptedHost::default(), &[Call::Save]);
        assert!(matches!(&seen[0].0, Outcome::Trapped(message) if message.contains("save returned")), "{does}: {:?}", seen[0].0);
    }
    let seen = check(probe(), &behaviour("save what is not there"), &ScriptedHost::default(), &[Call::Save]);
    assert!(matches!(&seen[0].0, Outcome::Trapped(message) if message.contains("lies outside its memory")), "{:?}", seen[0].0);
}

#[test]
fn the_samples_are_bare_modules_and_decide_the_same_both_ways() {
    let prices = |row: i64| 1.1 + (row as f64 / 7.0).sin() / 100.0;
    let times: Vec<i64> = (0..5_000).map(|row| TIME + row * 1_000_000).collect();
    let bids: Vec<f64> = (0..5_000).map(|row| (prices(row) * 1e5).round() / 1e5).collect();
    let asks: Vec<f64> = bids.iter().map(|bid| bid + 0.0001).collect();
    let columns = TickColumns { times: &times, bids: &bids, asks: &asks, lasts: &[], volumes: &[] };
    let ticks: Vec<Tick> = (0..bids.len()).map(|row| columns.tick(row, SymbolId(0), 1)).collect();
    let account = testkit::scripted::account();
    let start = Call::Start { mode: RunMode::Paper, account: &account, restored: false };
    let calls: Vec<Call<'_>> = std::iter::once(start).chain(ticks.iter().map(|tick| Call::Tick { symbol: 0, tick, skipped: 0 })).collect();
    for (component, trades) in [(components::ema_cross(), true), (components::scalper(), false)] {
        assert_eq!(shared().load(component).unwrap().calls, Calls::Direct);
        let seen = check(component, &[], &ScriptedHost::default(), &calls);
        let asked = seen.iter().filter(|(_, asked, _)| asked.contains("Submit")).count();
        assert!(!trades || asked > 10, "the strategy does trade on this market: {asked}");
    }
}

#[test]
fn what_imports_a_system_is_called_through_the_component_model() {
    assert_eq!(shared().load(probe_with_system()).unwrap().calls, Calls::Component);
    assert_eq!(shared().load(probe()).unwrap().calls, Calls::Direct);
}
