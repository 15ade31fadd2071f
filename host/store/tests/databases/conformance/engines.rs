use super::error_of;
use crate::samples::{another_engine, append, deal, engine, filled, nth, params, place, request};
use domain::contract::{RunMode, TradingState};
use domain::ids::{AccountId, Digest, EngineId, StrategyId};
use domain::life::EngineState;
use domain::time::Time;
use stockade_store::{
    ENGINE_STEPS_KEPT, EngineRecord, EngineSave, EngineSeen, EngineStep, Follows, LastTick, MarketSeen, NewEngine, Page, StepKind,
    StepRecord, Store, Wanted,
};

pub async fn an_engine_is_kept_with_all_its_parts(store: &Store) {
    let added = engine(store, "anna").await;
    let expected = EngineRecord {
        id: EngineId(1),
        owner: added.owner,
        account: AccountId(1),
        strategy: StrategyId(1),
        version: Digest::of(b"\0asm component"),
        name: "first".into(),
        params: params(),
        symbols: vec!["EURUSD".into(), "XAUUSD".into()],
        mode: RunMode::Paper,
        seed: u64::MAX - 1,
        wanted: Wanted::Stopped,
        trading: TradingState::Active,
        state: EngineState::Defined,
        state_reason: String::new(),
        state_at: Time(5),
        created_at: Time(5),
    };
    assert_eq!(added, expected);
    assert_eq!(store.engine(added.owner, added.id).await.unwrap(), added);
    assert_eq!(store.find_engine(added.owner, "first").await.unwrap(), Some(added.clone()));
    let second = another_engine(store, added.owner, "second").await;
    assert_eq!(store.engines(added.owner, Page::default()).await.unwrap(), [added.clone(), second.clone()]);
    let bobs = engine(store, "bob").await;
    assert_eq!(store.every_engine(Page::beyond(1, 10)).await.unwrap(), [second, bobs]);
}

pub async fn what_an_engine_needs_must_be_its_owners(store: &Store) {
    let hers = engine(store, "anna").await;
    let bobs = engine(store, "bob").await;
    let new = |account, strategy, version, name: &str| NewEngine {
        account,
        strategy,
        version,
        name: name.into(),
        params: Vec::new(),
        symbols: Vec::new(),
        mode: RunMode::Paper,
        seed: 0,
    };
    let add = |new: NewEngine| async move { store.add_engine(hers.owner, &new, Time(9)).await };
    assert_eq!(error_of!(add(new(bobs.account, hers.strategy, hers.version, "x"))), "there is no account 2");
    assert_eq!(error_of!(add(new(hers.account, bobs.strategy, hers.version, "x"))), "there is no strategy 2");
    let missing = Digest::of(b"missing");
    assert_eq!(error_of!(add(new(hers.account, hers.strategy, missing, "x"))), format!("there is no version {missing}"));
    assert!(error_of!(add(new(hers.account, hers.strategy, hers.version, "first"))).contains("engine name \"first\" is taken"));
    assert!(error_of!(add(new(hers.account, hers.strategy, hers.version, ""))).contains("1 to 64 bytes"));
    let next = add(new(hers.account, hers.strategy, hers.version, "x")).await.unwrap();
    assert_eq!(next.id, EngineId(3), "what was refused has used no id");
}

pub async fn only_the_owner_changes_an_engine(store: &Store) {
    let hers = engine(store, "anna").await;
    let bobs = engine(store, "bob").await;
    store.set_engine_wanted(hers.owner, hers.id, Wanted::Running).await.unwrap();
    store.set_engine_trading(hers.owner, hers.id, TradingState::Halted).await.unwrap();
    store.set_engine_params(hers.owner, hers.id, &[]).await.unwrap();
    store.set_engine_state(hers.id, EngineState::Quarantined, "trapped: unreachable", Time(77)).await.unwrap();
    assert_eq!(error_of!(store.set_engine_wanted(bobs.owner, hers.id, Wanted::Stopped)), "there is no engine 1");
    assert_eq!(error_of!(store.set_engine_trading(bobs.owner, hers.id, TradingState::Active)), "there is no engine 1");
    assert_eq!(error_of!(store.set_engine_params(bobs.owner, hers.id, &params())), "there is no engine 1");
    assert_eq!(error_of!(store.set_engine_state(EngineId(99), EngineState::Running, "", Time(1))), "there is no engine 99");
    assert_eq!(error_of!(store.engine(bobs.owner, hers.id)), "there is no engine 1");
    assert_eq!(store.engines(bobs.owner, Page::default()).await.unwrap(), [bobs]);
    let expected = EngineRecord {
        wanted: Wanted::Running,
        trading: TradingState::Halted,
        params: Vec::new(),
        state: EngineState::Quarantined,
        state_reason: "trapped: unreachable".into(),
        state_at: Time(77),
        ..hers
    };
    assert_eq!(store.engine(expected.owner, expected.id).await.unwrap(), expected);
}

pub async fn what_a_strategy_saved_replaces_what_it_saved_before(store: &Store) {
    let engine = engine(store, "anna").await;
    let save = EngineSave {
        engine: engine.id,
        version: engine.version,
        schema: 3,
        bytes: vec![0, 255, 7],
        orders_asked: u32::MAX,
        last_ticks: vec![LastTick { symbol: "EURUSD".into(), sequence: 1 << 40, time: Time(5) }],
        saved_at: Time(6),
    };
    assert_eq!(store.saved_engine(engine.id).await.unwrap(), None);
    store.save_engines(std::slice::from_ref(&save)).await.unwrap();
    assert_eq!(store.saved_engine(engine.id).await.unwrap(), Some(save.clone()));
    let later = EngineSave {
        version: Digest::of(b"v2"),
        schema: 4,
        bytes: Vec::new(),
        orders_asked: 9,
        last_ticks: Vec::new(),
        saved_at: Time(7),
        ..save.clone()
    };
    store.save_engines(std::slice::from_ref(&later)).await.unwrap();
    assert_eq!(store.saved_engine(engine.id).await.unwrap(), Some(later.clone()));
    let unknown = EngineSave { engine: EngineId(99), ..save.clone() };
    assert_eq!(error_of!(store.save_engines(&[save, unknown])), "there is no engine 99");
    assert_eq!(store.saved_engine(engine.id).await.unwrap(), Some(later), "all or nothing");
}

pub async fn steps_are_kept_with_what_follows_from_them(store: &Store) {
    let hers = engine(store, "anna").await;
    let bobs = engine(store, "bob").await;
    let step = |engine, kind, from: &str, to: &str, at| EngineStep {
        engine,
        at: Time(at),
        kind,
        from: from.into(),
        to: to.into(),
        reason: format!("because of {at}"),
    };
    let state = step(hers.id, StepKind::State, "defined", "running", 7);
    let swap = step(hers.id, StepKind::TakenOver, "ab", "cd", 8);
    let follows = Follows::Version(hers.version, Vec::new());
    store.add_engine_steps(&[(state.clone(), Follows::State(EngineState::Running)), (swap.clone(), follows)]).await.unwrap();
    let kept = store.engine_steps(hers.owner, hers.id, Page::default()).await.unwrap();
    assert_eq!(kept, [StepRecord { number: 2, step: swap }, StepRecord { number: 1, step: state.clone() }]);
    assert_eq!(store.engine_steps(bobs.owner, hers.id, Page::default()).await.unwrap(), []);
    let now = store.engine(hers.owner, hers.id).await.unwrap();
    assert_eq!(
        (now.state, now.state_reason.as_str(), now.state_at, now.params),
        (EngineState::Running, "because of 7", Time(7), Vec::new())
    );

    let flood: Vec<_> = (0..ENGINE_STEPS_KEPT).map(|_| (state.clone(), Follows::Nothing)).collect();
    store.add_engine_steps(&flood).await.unwrap();
    assert_eq!(store.engine_steps(hers.owner, hers.id, Page::beyond(4, 9)).await.unwrap()[0].number, 3, "the first two are gone");
    let unknown = step(EngineId(99), StepKind::Confirmed, "", "", 9);
    assert_eq!(error_of!(store.add_engine_steps(&[(unknown, Follows::Nothing)])), "there is no engine 99");
}

pub async fn an_engine_is_given_another_setup(store: &Store) {
    let hers = engine(store, "anna").await;
    let symbols = ["XAUUSD".to_owned()];
    store.set_engine_setup(hers.owner, hers.id, hers.version, &[], &symbols).await.unwrap();
    let now = store.engine(hers.owner, hers.id).await.unwrap();
    assert_eq!((now.params, now.symbols.as_slice()), (Vec::new(), &symbols[..]));
    let missing = Digest::of(b"missing");
    let refused = error_of!(store.set_engine_setup(hers.owner, hers.id, missing, &[], &symbols));
    assert_eq!(refused, format!("there is no version {missing}"));
}

pub async fn a_removed_engine_frees_its_name_and_never_its_id(store: &Store) {
    let hers = engine(store, "anna").await;
    let bobs = engine(store, "bob").await;
    assert_eq!(error_of!(store.remove_engine(bobs.owner, hers.id, Time(9))), "there is no engine 1");
    store.remove_engine(hers.owner, hers.id, Time(9)).await.unwrap();
    assert_eq!(error_of!(store.remove_engine(hers.owner, hers.id, Time(9))), "there is no engine 1");
    assert_eq!(error_of!(store.engine(hers.owner, hers.id)), "there is no engine 1");
    assert_eq!(store.engines(hers.owner, Page::default()).await.unwrap(), []);
    assert_eq!(store.every_engine(Page::default()).await.unwrap(), [bobs]);
    assert_eq!(store.find_engine(hers.owner, "first").await.unwrap(), None);
    assert_eq!(another_engine(store, hers.owner, "first").await.id, EngineId(3));
}

pub async fn what_engines_have_seen_of_the_market_is_the_latest_of_states_orders_and_deals(store: &Store) {
    assert_eq!(store.market_seen().await.unwrap(), MarketSeen::default());
    let hers = engine(store, "anna").await;
    let bobs = engine(store, "bob").await;
    assert_eq!(store.market_seen().await.unwrap(), MarketSeen::default(), "they have seen nothing");
    let seen = |engine: &EngineRecord, until| EngineSeen { id: engine.id, name: engine.name.clone(), until: Time(until) };
    let all = |latest, engines: Vec<EngineSeen>| MarketSeen { latest: Some(Time(latest)), engines };
    let save = |times: &[i64]| EngineSave {
        engine: hers.id,
        version: hers.version,
        schema: 1,
        bytes: Vec::new(),
        orders_asked: 0,
        last_ticks: times.iter().map(|at| LastTick { symbol: "EURUSD".into(), sequence: 1, time: Time(*at) }).collect(),
        saved_at: Time(1_000),
    };
    store.save_engines(&[save(&[30, 50, 40])]).await.unwrap();
    assert_eq!(store.market_seen().await.unwrap(), all(50, vec![seen(&hers, 50)]));
    append(store, vec![place(bobs.account, nth(bobs.id, 1), 60, request())]).await.unwrap();
    assert_eq!(store.market_seen().await.unwrap(), all(60, vec![seen(&hers, 50), seen(&bobs, 60)]));
    append(store, vec![filled(bobs.account, deal(1, nth(bobs.id, 1), 70))]).await.unwrap();
    assert_eq!(store.market_seen().await.unwrap(), all(70, vec![seen(&hers, 50), seen(&bobs, 70)]));
    // Who is to begin anew is held back by nothing, and what has happened is not forgotten.
    for engine in [&hers, &bobs] {
        store.forget_saved(engine.id).await.unwrap();
    }
    assert_eq!(store.market_seen().await.unwrap(), all(70, Vec::new()));
    store.save_engines(&[save(&[20])]).await.unwrap();
    assert_eq!(store.market_seen().await.unwrap(), all(70, vec![seen(&hers, 20)]));
    store.remove_engine(bobs.owner, bobs.id, Time(9)).await.unwrap();
    assert_eq!(store.market_seen().await.unwrap(), all(70, vec![seen(&hers, 20)]), "nor are orders of who was removed");
}
