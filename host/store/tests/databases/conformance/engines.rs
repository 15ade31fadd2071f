use super::error_of;
use crate::samples::{another_engine, engine, params};
use domain::contract::{RunMode, TradingState};
use domain::ids::{AccountId, Digest, EngineId, StrategyId};
use domain::life::EngineState;
use domain::time::Time;
use stockade_store::{EngineRecord, EngineSave, LastTick, NewEngine, Page, Store, Wanted};

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
    let his = engine(store, "bob").await;
    assert_eq!(store.every_engine(Page::beyond(1, 10)).await.unwrap(), [second, his]);
}

pub async fn what_an_engine_needs_must_be_its_owners(store: &Store) {
    let hers = engine(store, "anna").await;
    let his = engine(store, "bob").await;
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
    assert_eq!(error_of!(add(new(his.account, hers.strategy, hers.version, "x"))), "there is no account 2");
    assert_eq!(error_of!(add(new(hers.account, his.strategy, hers.version, "x"))), "there is no strategy 2");
    let missing = Digest::of(b"missing");
    assert_eq!(error_of!(add(new(hers.account, hers.strategy, missing, "x"))), format!("there is no version {missing}"));
    assert!(error_of!(add(new(hers.account, hers.strategy, hers.version, "first"))).contains("engine name \"first\" is taken"));
    assert!(error_of!(add(new(hers.account, hers.strategy, hers.version, ""))).contains("no engine name"));
    let next = add(new(hers.account, hers.strategy, hers.version, "x")).await.unwrap();
    assert_eq!(next.id, EngineId(3), "what was refused has used no id");
}

pub async fn only_the_owner_changes_an_engine(store: &Store) {
    let hers = engine(store, "anna").await;
    let his = engine(store, "bob").await;
    store.set_engine_wanted(hers.owner, hers.id, Wanted::Running).await.unwrap();
    store.set_engine_trading(hers.owner, hers.id, TradingState::Halted).await.unwrap();
    store.set_engine_params(hers.owner, hers.id, &[]).await.unwrap();
    store.set_engine_state(hers.id, EngineState::Quarantined, "trapped: unreachable", Time(77)).await.unwrap();
    assert_eq!(error_of!(store.set_engine_wanted(his.owner, hers.id, Wanted::Stopped)), "there is no engine 1");
    assert_eq!(error_of!(store.set_engine_trading(his.owner, hers.id, TradingState::Active)), "there is no engine 1");
    assert_eq!(error_of!(store.set_engine_params(his.owner, hers.id, &params())), "there is no engine 1");
    assert_eq!(error_of!(store.set_engine_state(EngineId(99), EngineState::Running, "", Time(1))), "there is no engine 99");
    assert_eq!(error_of!(store.engine(his.owner, hers.id)), "there is no engine 1");
    assert_eq!(store.engines(his.owner, Page::default()).await.unwrap(), [his]);
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
