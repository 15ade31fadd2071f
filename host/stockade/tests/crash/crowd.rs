//! Who trades: several kinds of engines on accounts of both modes, some of them hostile.

use crate::host::Host;
use crate::program;
use serde_json::{Value, json};
use std::path::Path;

/// An engine, and what may be asked of it.
pub struct Member {
    pub id: u64,
    /// A hostile one fails, and may be found faulted or in quarantine when it is wanted to run.
    pub is_hostile: bool,
}

/// Everybody on a host.
pub struct Crowd {
    pub accounts: Vec<u64>,
    pub members: Vec<Member>,
}

const USERS: [&str; 2] = ["anna", "bob"];
const MODES: [&str; 2] = ["hedging", "netting"];
/// A strategy, its parameters and its symbol.
type Engine = (&'static str, &'static [(&'static str, &'static str)], &'static str);
/// In turns: most of them are busy, some wait for bars, some misbehave.
const KINDS: [Engine; 8] = [
    ("chaos", &[("ticks_per_deed", "40")], "EURUSD"),
    ("ema-cross", &[("fast_alpha", "0.1"), ("slow_alpha", "0.04")], "GBPUSD"),
    ("chaos", &[("ticks_per_deed", "60")], "XAUUSD"),
    ("hostile/misbehaving", &[("mode", "rare-trap")], "EURUSD"),
    ("ema-cross", &[("fast_alpha", "0.08"), ("slow_alpha", "0.03")], "EURUSD"),
    ("scalper", &[], "XAUUSD"),
    ("chaos", &[("ticks_per_deed", "50")], "GBPUSD"),
    ("hostile/misbehaving", &[("mode", "order-flood"), ("amount", "40")], "GBPUSD"),
];

impl Crowd {
    /// Adds users, accounts, strategies and `engines` engines to an empty host, and starts them.
    pub fn arrive(host: &Host, engines: usize) -> Self {
        let (mut accounts, mut members) = (Vec::new(), Vec::new());
        for user in USERS {
            done(host.post("/users", &json!({ "name": user })));
            for mode in MODES {
                let account = json!({ "name": mode, "mode": mode, "deposit": 1_000_000.0 });
                accounts.push(number(&done(host.post(&format!("/accounts?user={user}"), &account))));
            }
            for strategy in ["chaos", "ema-cross", "scalper", "hostile/misbehaving"] {
                let component = std::fs::read(program::built(strategy)).expect("it was built");
                done(host.upload(&format!("/strategies?user={user}&name={}", last_part(strategy)), &component));
            }
        }
        for engine in 0..engines {
            let (strategy, params, symbol) = KINDS[engine % KINDS.len()];
            let (user, mode) = (USERS[engine % USERS.len()], MODES[engine / USERS.len() % MODES.len()]);
            let params: serde_json::Map<String, Value> = params.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
            let body = json!({
                "name": format!("engine-{engine}"), "account": mode, "strategy": last_part(strategy), "symbols": [symbol],
                "params": params, "seed": engine + 1, "start": true,
            });
            let id = number(&done(host.post(&format!("/engines?user={user}"), &body)));
            let is_hostile = strategy.starts_with("hostile");
            members.push(Member { id, is_hostile });
        }
        Self { accounts, members }
    }

    /// The engines that do what they are told.
    pub fn sound(&self) -> Vec<u64> {
        self.members.iter().filter(|member| !member.is_hostile).map(|member| member.id).collect()
    }
}

fn last_part(strategy: &str) -> &str {
    Path::new(strategy).file_name().and_then(|name| name.to_str()).expect("a plain name")
}

fn number(document: &Value) -> u64 {
    document["id"].as_u64().unwrap_or_else(|| panic!("no id in {document}"))
}

/// What a request that must succeed gave.
fn done(answer: Result<(u16, Value), String>) -> Value {
    match answer {
        Ok((200..=299, document)) => document,
        other => panic!("refused: {other:?}"),
    }
}
