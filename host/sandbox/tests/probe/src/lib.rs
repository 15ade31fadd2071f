//! A guest that does one thing the SDK would not let an author do, or that a test wants to look at from outside: which one
//! says the first parameter.
//!
//! Written against the bare contract. Built for wasm32-unknown-unknown, and for wasm32-wasip2 to have a standard library
//! that reaches for its operating system.

use std::cell::RefCell;
use stockade_sdk::bindings::stockade::strategy::{limits, market, report, schedule, trading};
use stockade_sdk::bindings::{Guest, export_component};
use stockade_sdk::{
    AccountState, Bar, Callbacks, Description, Filling, Level, OrderEvent, OrderKind, OrderRequest, Param, ParamValue, Position, PositionChange, RunMode, Side,
    StopReason, TesterStats, Timeframe, TradingState, Wake,
};

thread_local! {
    static BEHAVIOUR: RefCell<String> = const { RefCell::new(String::new()) };
}

struct Probe;

impl Guest for Probe {
    fn describe() -> Description {
        Description {
            name: "probe".into(),
            version: "1".into(),
            about: String::new(),
            params: vec![],
            needs: vec![],
            latest_tick_only: false,
            callbacks: Callbacks { tick: true, bar: true, timer: true, order: true, position: true },
            state_schema: 1,
            memory_bytes: 0,
        }
    }

    fn init(params: Vec<Param>) -> Result<(), String> {
        match params.into_iter().next().map(|param| param.value) {
            Some(ParamValue::Text(behaviour)) => {
                BEHAVIOUR.set(behaviour);
                Ok(())
            }
            other => Err(format!("no behaviour but {other:?}")),
        }
    }

    fn on_start(_: RunMode, account: AccountState, restored: bool) -> Result<(), String> {
        report::log(Level::Info, &format!("{} {} {restored}", account.currency, account.balance));
        Ok(())
    }

    fn on_tick(_: u32, time: i64, bid: f64, ask: f64, last: f64, volume: f64, skipped: u32) {
        BEHAVIOUR.with_borrow(|behaviour| match behaviour.as_str() {
            "echo" => report::log(Level::Info, &format!("{time} {bid} {ask} {last} {volume} {skipped}")),
            "spin" => burn(),
            // SAFETY: none; that this ends the call is what is tested.
            "read past its memory" => unsafe { _ = std::hint::black_box((1_usize << 30) as *const u64).read_volatile() },
            // SAFETY: as above.
            "write at the end of addresses" => unsafe { std::hint::black_box((u32::MAX - 7) as usize as *mut u64).write_volatile(1) },
            "fill the memory" => fill_the_memory(),
            "take two gigabytes" => drop(std::hint::black_box(Vec::<u8>::with_capacity(i32::MAX as usize))),
            "try for two gigabytes" => {
                let mut taken = Vec::<u8>::new();
                let answer = taken.try_reserve_exact(i32::MAX as usize);
                // Seen, so that the compiler can't take it for granted that there was room for what nobody uses.
                std::hint::black_box(&taken);
                report::log(Level::Info, if answer.is_ok() { "there is room" } else { "there is no room" });
            }
            "submit" => _ = trading::submit(&OrderRequest::market(0, Side::Buy, 0.1)),
            "submit a hundred" => (0..100).for_each(|_| _ = trading::submit(&OrderRequest::market(0, Side::Buy, 0.1))),
            "ask for symbol 99" => _ = market::spec(99),
            "make no number" => {
                let nan = |a: f64, b: f64| (std::hint::black_box(a) / std::hint::black_box(b)).to_bits();
                report::log(Level::Info, &format!("{:016x} {:016x}", nan(0.0, 0.0), nan(-0.0, 0.0)));
            }
            "hand over a megabyte" => report::log(Level::Info, &"x".repeat(1 << 20)),
            "log a long line" => report::log(Level::Warn, &"\u{1b}[2Jü".repeat(1_000)),
            "look at the budget" => {
                let budget = limits::remaining();
                report::log(Level::Info, &format!("{} {} {} {}", budget.fuel, budget.memory_bytes, budget.orders, budget.log_bytes));
            }
            "ask for everything" => ask_for_everything(),
            system => use_the_system(system),
        });
    }

    fn on_ticks(_: u32, times: Vec<i64>, bids: Vec<f64>, asks: Vec<f64>, lasts: Vec<f64>, volumes: Vec<f64>) -> u32 {
        let rows = times.len() as u32;
        BEHAVIOUR.with_borrow(|behaviour| match behaviour.as_str() {
            "handle none" => 0,
            "handle too many" => rows + 1,
            "spin at each row" => {
                for time in times {
                    (0..time).for_each(|turn| _ = std::hint::black_box(turn));
                }
                rows
            }
            _ => {
                let sum = |column: &[f64]| column.iter().sum::<f64>();
                report::log(Level::Info, &format!("{rows} {} {} {} {}", sum(&bids), sum(&asks), lasts.len(), volumes.len()));
                rows
            }
        })
    }

    fn on_bar(bar: Bar) {
        report::log(Level::Info, &format!("{bar:?}"));
    }
    fn on_timer(id: u32) {
        report::log(Level::Info, &format!("timer {id}"));
    }
    fn on_order(id: u64, event: OrderEvent) {
        report::log(Level::Info, &format!("order {id} {event:?}"));
    }
    fn on_position(position: Position, change: PositionChange) {
        report::log(Level::Info, &format!("{position:?} {change:?}"));
    }
    fn on_trading_state(state: TradingState) {
        report::log(Level::Info, &format!("{state:?}"));
    }
    fn on_stop(reason: StopReason) {
        if BEHAVIOUR.with_borrow(|behaviour| behaviour == "burn in on-stop") {
            burn();
        }
        report::log(Level::Info, &format!("{reason:?}"));
    }

    fn save() -> Vec<u8> {
        BEHAVIOUR.with_borrow(|behaviour| match behaviour.as_str() {
            "burn in save" => burn(),
            "save a lot" => vec![7; (1 << 20) + 1],
            "save far too much" => vec![7; 9 << 20],
            // SAFETY: there is none; the host must notice that it has no such bytes.
            "save what is not there" => unsafe { Vec::from_raw_parts(std::ptr::NonNull::dangling().as_ptr(), 1 << 30, 1 << 30) },
            _ => behaviour.clone().into_bytes(),
        })
    }

    fn load(schema: u32, state: Vec<u8>) -> Result<(), String> {
        let state = String::from_utf8(state).map_err(|_| "not text".to_owned())?;
        if schema != 1 {
            return Err(format!("schema {schema} is unknown"));
        }
        BEHAVIOUR.set(state);
        Ok(())
    }

    fn on_tester(stats: TesterStats) -> f64 {
        stats.profit * f64::from(stats.trades)
    }
}

/// Calls every import there is, with arguments that are there and that are not, and says what came back.
fn ask_for_everything() {
    let full = OrderRequest {
        symbol: 7,
        side: Side::Sell,
        kind: OrderKind::StopLimit,
        volume: 0.25,
        price: Some(1.5),
        stop_limit_price: Some(1.25),
        stop_loss: Some(2.5),
        take_profit: Some(0.5),
        filling: Filling::Return,
        deviation: Some(3),
        expires: Some(-4),
        position: Some(u64::MAX),
        reduce_only: true,
        tag: "grün".into(),
    };
    let say = |answer: &dyn std::fmt::Debug| report::log(Level::Debug, &format!("{answer:?}"));
    say(&trading::submit(&full));
    say(&trading::submit(&OrderRequest::market(1, Side::Buy, 0.1)));
    say(&trading::modify_order(1, Some(1.5), None, Some(2.5)));
    say(&trading::modify_order(2, None, Some(f64::NAN), None));
    say(&trading::modify_position(3, Some(-0.0), None));
    say(&trading::modify_position(4, None, Some(f64::INFINITY)));
    say(&trading::cancel(5));
    say(&trading::close(6, None));
    say(&trading::close(7, Some(0.5)));
    say(&trading::orders());
    say(&trading::positions());
    say(&trading::account());
    say(&market::spec(0));
    say(&market::last_gap(0));
    say(&market::bars(0, Timeframe::Mn1, 5));
    say(&market::ticks(0, 5));
    say(&market::now());
    say(&market::random());
    report::log(Level::Error, "");
    report::signal(1, Some(Side::Sell), 0.5, "why");
    report::signal(2, None, -1.0, "why not");
    report::plot("grün", 1.5);
    schedule::set_timer(1, 5, Some(60_000_000));
    schedule::set_timer(2, -5, None);
    schedule::clear_timer(1);
    schedule::set_wake(1, Wake { at: -7, bid_at_least: 1.25, bid_at_most: f64::NAN, ask_at_least: f64::INFINITY, ask_at_most: -0.0 });
    let budget = limits::remaining();
    say(&(budget.memory_bytes, budget.orders, budget.log_bytes));
}

fn burn() -> ! {
    loop {
        std::hint::black_box(());
    }
}

fn fill_the_memory() {
    let mut taken = Vec::new();
    loop {
        taken.push(std::hint::black_box(vec![1_u8; 1 << 18]));
    }
}

/// What a standard library does where there is a system.
#[cfg(target_os = "wasi")]
fn use_the_system(behaviour: &str) {
    use std::collections::hash_map::RandomState;
    use std::hash::BuildHasher;
    use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
    match behaviour {
        "print" => {
            print!("half a line, ");
            println!("and the rest");
            eprintln!("to the other stream");
        }
        "tell the time" => println!("{} {:?}", SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros(), Instant::now().elapsed()),
        "hash" => println!("{}", RandomState::new().hash_one(1)),
        "look around" => println!("{} {} {:?}", std::env::vars().count(), std::env::args().count(), std::io::stdin().lines().next().is_none()),
        "look for files" => println!("{} {}", std::fs::read("/etc/hostname").is_err(), std::fs::read_dir("/").is_err()),
        "connect" => println!("{}", std::net::TcpStream::connect("127.0.0.1:80").is_err()),
        "write a file" => println!("{}", std::fs::write("state", "mine").is_err()),
        "sleep" => std::thread::sleep(Duration::from_secs(3_600)),
        "exit" => std::process::exit(3),
        "panic" => panic!("at the disco"),
        "hold every handle" => loop {
            // SAFETY: it takes nothing and answers a handle, which is never given back.
            unsafe { get_stdout() };
        },
        "print for ever" => loop {
            println!("and another line");
        },
        _ => {}
    }
}

#[cfg(target_os = "wasi")]
#[link(wasm_import_module = "wasi:cli/stdout@0.2.6")]
unsafe extern "C" {
    #[link_name = "get-stdout"]
    fn get_stdout() -> i32;
}

#[cfg(not(target_os = "wasi"))]
fn use_the_system(_: &str) {}

export_component!(Probe with_types_in stockade_sdk::bindings);
