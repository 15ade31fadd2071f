use crate::samples::{append, deal, engine, filled, limits, nth, place, request};
use domain::ids::{AccountId, DealId, UserId};
use domain::risk::{GateMemory, RiskLimits};
use stockade_store::Store;

pub async fn a_hosts_setting_is_the_last_that_was_set(store: &Store) {
    assert_eq!(store.host_setting("limits").await.unwrap(), None);
    store.set_host_setting("limits", "one").await.unwrap();
    store.set_host_setting("other", "x").await.unwrap();
    store.set_host_setting("limits", "two \"words\"").await.unwrap();
    assert_eq!(store.host_setting("limits").await.unwrap().as_deref(), Some("two \"words\""));
    assert_eq!(store.host_setting("other").await.unwrap().as_deref(), Some("x"));
}

pub async fn a_users_limits_are_the_last_that_were_set_and_only_theirs(store: &Store) {
    let anna = engine(store, "anna").await.owner;
    let bob = engine(store, "bob").await.owner;
    assert_eq!(store.user_limits(anna).await.unwrap(), None);
    store.set_user_limits(anna, &RiskLimits::default()).await.unwrap();
    let all = RiskLimits { daily_loss_max: Some(u64::MAX >> 11), stop_loss_required: true, ..limits() };
    store.set_user_limits(anna, &all).await.unwrap();
    assert_eq!(store.user_limits(anna).await.unwrap(), Some(all));
    assert_eq!(store.user_limits(bob).await.unwrap(), None);
    assert!(store.set_user_limits(UserId(99), &limits()).await.is_err(), "there is no such user");
}

pub async fn what_a_gate_remembers_is_what_was_saved_last(store: &Store) {
    let hers = engine(store, "anna").await;
    let bobs = engine(store, "bob").await;
    assert_eq!(store.gate_memory(hers.account).await.unwrap(), GateMemory::default());
    let memory = |last: u64| {
        let mut memory = GateMemory::default();
        let watching = RiskLimits { executions_max: Some(1), ..RiskLimits::none() };
        memory.executed(&deal(last, nth(hers.id, 1), 5), &watching);
        memory
    };
    // What counts changes is of the running host.
    let kept = |memory: &GateMemory| serde_json::to_value(memory).unwrap();
    store.save_gate_memories(&[(hers.account, memory(3)), (bobs.account, memory(9))]).await.unwrap();
    store.save_gate_memories(&[(hers.account, memory(4))]).await.unwrap();
    let read = store.gate_memory(hers.account).await.unwrap();
    assert_eq!((kept(&read), read.throttled().collect::<Vec<_>>()), (kept(&memory(4)), vec![hers.id]));
    assert_eq!(kept(&store.gate_memory(bobs.account).await.unwrap()), kept(&memory(9)));
    assert!(store.save_gate_memories(&[(AccountId(99), memory(5)), (hers.account, memory(5))]).await.is_err());
    assert_eq!(kept(&store.gate_memory(hers.account).await.unwrap()), kept(&memory(4)), "all or none");
}

pub async fn deals_since_one_come_in_their_order_and_the_last_of_many(store: &Store) {
    let hers = engine(store, "anna").await;
    let bobs = engine(store, "bob").await;
    let mut lines = vec![place(hers.account, nth(hers.id, 1), 1, request()), place(bobs.account, nth(bobs.id, 1), 1, request())];
    lines.push(filled(bobs.account, deal(7, nth(bobs.id, 1), 2)));
    lines.extend((1..=1_005).map(|number| filled(hers.account, deal(number, nth(hers.id, 1), 2))));
    append(store, lines).await.unwrap();
    let since = async |deal: u64| {
        let deals = store.deals_since(hers.account, DealId(deal)).await.unwrap();
        (deals.len(), deals.first().map(|deal| deal.id.0), deals.last().map(|deal| deal.id.0))
    };
    assert_eq!(since(1_003).await, (2, Some(1_004), Some(1_005)));
    assert_eq!(since(1_005).await, (0, None, None));
    assert_eq!(since(0).await, (1_000, Some(6), Some(1_005)), "as many as a memory needs");
    assert_eq!(store.deals_since(hers.account, DealId(1_004)).await.unwrap(), [deal(1_005, nth(hers.id, 1), 2)]);
}
