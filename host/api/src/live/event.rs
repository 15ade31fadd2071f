//! The host's events as the stream shows them.

use crate::show::At;
use domain::contract::DenyCode;
use domain::desk::Remark;
use domain::ids::{EngineId, OrderId, UserId};
use domain::ledger::Change;
use domain::life::Verdict;
use domain::symbol::SymbolTable;
use domain::time::Time;
use engine::{Event, Scope, SwapOutcome, Whose};
use serde_json::{Value, json};

/// An event of the stream.
#[derive(Clone, Debug)]
pub(crate) struct LiveEvent {
    /// Whom it concerns.
    pub concerns: Concerns,
    /// Which engine it concerns.
    pub engine: Option<EngineId>,
    /// Its kind, the `event:` line of the stream.
    pub kind: &'static str,
    /// The rest, as JSON.
    pub data: String,
}

/// Who may see an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Concerns {
    /// Whoever looks on.
    Everybody,
    /// The operator alone: it may name what is anybody's.
    Operator,
    /// Its owner, and the operator.
    User(UserId),
}

impl Concerns {
    /// The user whose it is.
    pub fn user(self) -> Option<UserId> {
        match self {
            Self::User(user) => Some(user),
            Self::Everybody | Self::Operator => None,
        }
    }
}

/// What the stream shows of an event: nothing of what is only kept, one event for each remark.
pub(super) fn shown(event: &Event, table: &SymbolTable) -> Vec<LiveEvent> {
    let of_host = |concerns, kind, data: Value| vec![LiveEvent { concerns, engine: None, kind, data: data.to_string() }];
    match event {
        Event::Saved { .. } | Event::Gate { .. } | Event::Taped { .. } | Event::Ticks(_) => Vec::new(),
        Event::State { engine, from, to, reason, at, .. } => {
            vec![of(engine, "state", *at, json!({ "from": from, "state": to, "state_reason": reason }))]
        }
        Event::Swap { engine, from, to, outcome, at, .. } => {
            let (reason, pause_us) = match outcome {
                SwapOutcome::Refused { reason } | SwapOutcome::RolledBack { reason } => (Some(reason), None),
                SwapOutcome::TakenOver { pause } => (None, Some(pause.as_micros() as u64)),
                SwapOutcome::Confirmed => (None, None),
            };
            let data = json!({
                "from": from.to_string(), "to": to.to_string(), "outcome": outcome.word(), "reason": reason, "pause_us": pause_us,
            });
            vec![of(engine, "swap", *at, data)]
        }
        Event::Fault { engine, fault, verdict, at } => {
            let restart_at = match verdict {
                Verdict::RestartIn(us) => Some(At(at.plus_us(*us))),
                Verdict::Quarantine { .. } => None,
            };
            vec![of(engine, "fault", *at, json!({ "fault": fault.kind, "text": fault.message, "restart_at": restart_at }))]
        }
        Event::Remarks { engine, remarks, dropped } => {
            let mut all: Vec<LiveEvent> = remarks.iter().map(|remark| remarked(engine, remark, table)).collect();
            if *dropped > 0 {
                let data = json!({ "engine": engine.engine, "remarks": dropped }).to_string();
                all.push(LiveEvent { concerns: Concerns::User(engine.owner), engine: Some(engine.engine), kind: "dropped", data });
            }
            all
        }
        Event::Changed { engine, change, at } => changed(engine, change, *at, table).into_iter().collect(),
        Event::Trading { scope, owner, state, reason, at } => {
            let (word, account, engine) = match scope {
                Scope::Host => ("host", None, None),
                Scope::Account(id) => ("account", Some(*id), None),
                Scope::Engine(id) => ("engine", None, Some(*id)),
            };
            let mut data = json!({ "at": At(*at), "scope": word, "trading": state, "reason": reason });
            account.into_iter().for_each(|id| data["account"] = json!(id));
            engine.into_iter().for_each(|id| data["engine"] = json!(id));
            let concerns = owner.map_or(Concerns::Everybody, Concerns::User);
            vec![LiveEvent { concerns, engine, kind: "trading", data: data.to_string() }]
        }
        Event::Alarm { code, text, at } => of_host(Concerns::Operator, "alarm", json!({ "at": At(*at), "code": code, "text": text })),
        Event::Dropped { views } => of_host(Concerns::Everybody, "dropped", json!({ "views": views })),
    }
}

/// An event of an engine: who and when, and `rest`, an object.
fn of(whose: &Whose, kind: &'static str, at: Time, mut rest: Value) -> LiveEvent {
    if let Value::Object(fields) = &mut rest {
        fields.insert("at".into(), json!(At(at)));
        fields.insert("engine".into(), json!(whose.engine));
        fields.insert("account".into(), json!(whose.account));
    }
    LiveEvent { concerns: Concerns::User(whose.owner), engine: Some(whose.engine), kind, data: rest.to_string() }
}

fn remarked(whose: &Whose, remark: &Remark, table: &SymbolTable) -> LiveEvent {
    match remark {
        Remark::Log { at, level, text } => of(whose, "log", *at, json!({ "level": level, "text": text })),
        Remark::Signal { at, symbol, side, confidence, reason, led_to } => {
            let symbol = &table.spec(*symbol).name;
            let order = led_to.and_then(Result::ok).map(|number| OrderId::new(whose.engine, number as u32).to_string());
            let denied = led_to.and_then(Result::err).map(DenyCode::word);
            let signal =
                json!({ "symbol": symbol, "side": side, "confidence": confidence, "reason": reason, "order": order, "denied": denied });
            of(whose, "signal", *at, signal)
        }
        Remark::Plot { at, series, value } => of(whose, "plot", *at, json!({ "series": series, "value": value })),
    }
}

fn changed(whose: &Whose, change: &Change, at: Time, table: &SymbolTable) -> Option<LiveEvent> {
    match change {
        Change::Order { order, fill, retcode } => {
            let (request, spec) = (&order.request, table.spec(order.request.symbol));
            let price = |points: Option<_>| points.map(|points| spec.price(points));
            let fill = fill.as_ref().map(|deal| {
                let money = [deal.profit, deal.commission, deal.swap].map(|money| money.to_units());
                json!({
                    "deal": deal.id, "position": deal.position.to_string(), "entry": deal.entry, "reason": deal.reason,
                    "volume": spec.lots(deal.volume), "price": spec.price(deal.price),
                    "profit": money[0], "commission": money[1], "swap": money[2],
                })
            });
            let data = json!({
                "order": order.id.to_string(), "state": order.state, "symbol": spec.name, "side": request.side, "kind": request.kind,
                "volume": spec.lots(request.volume), "filled": spec.lots(order.filled), "price": price(request.price),
                "stop_loss": price(request.stop_loss), "take_profit": price(request.take_profit), "tag": request.tag,
                "retcode": retcode, "fill": fill,
            });
            Some(of(whose, "order", at, data))
        }
        Change::Position(position, change) => {
            let spec = table.spec(position.symbol);
            let price = |points: Option<_>| points.map(|points| spec.price(points));
            let data = json!({
                "position": position.id.to_string(), "change": change, "symbol": spec.name, "side": position.side,
                "volume": spec.lots(position.volume), "open_price": position.open_points() / spec.points_per_unit(),
                "stop_loss": price(position.stop_loss), "take_profit": price(position.take_profit),
                "realised": position.realised.to_units(), "tag": position.tag,
            });
            Some(of(whose, "position", at, data))
        }
        Change::Swap(position) => {
            let data = json!({ "position": position.id.to_string(), "symbol": table.spec(position.symbol).name, "swap": position.swap.to_units() });
            Some(of(whose, "swap", at, data))
        }
        Change::OrderModified(order) => Some(of(whose, "order-modified", at, json!({ "order": order.to_string() }))),
        Change::ModifyRejected(order, retcode) => {
            Some(of(whose, "modify-rejected", at, json!({ "order": order.to_string(), "retcode": retcode })))
        }
        // An operator is told by an alarm.
        Change::Contradiction(_) => None,
    }
}
