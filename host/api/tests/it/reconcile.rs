//! The host's accounts compared with their brokers' statements.

use crate::support::{World, fields, json};
use domain::contract::Side;
use domain::number::{Points, Steps};
use domain::reconcile::{Foreign, ForeignKind};
use domain::symbol::SymbolId;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_the_same_is_said_and_what_is_foreign_is_shown_and_counts() {
    let world = World::running().await;
    world.ticks(1);
    let all = world.post("/reconcile", json("null")).await.ok();
    assert_eq!(all["next"], json("null"));
    let found = &all["items"][0];
    assert_eq!(fields(found, "account_id name same problem on_their_way"), json(r#"[1, "paper", true, null, 0]"#), "{found}");
    assert_eq!(fields(found, "balance balance_at_broker orders positions foreign"), json("[9999.0, 9999.0, [], [], []]"), "{found}");

    let (stop_loss, take_profit) = (Some(Points(109_000)), None);
    let (kind, symbol, side, volume) = (ForeignKind::Position, SymbolId(0), Side::Sell, Steps(30));
    *world.foreign.lock().unwrap() =
        vec![Foreign { kind, ticket: 77, symbol, side, volume, price: Some(Points(110_000)), stop_loss, take_profit }];
    let found = world.post("/reconcile?account=1", json("null")).await.ok()["items"][0].clone();
    assert_eq!(fields(&found, "same orders positions"), json("[false, [], []]"), "{found}");
    let shown = fields(&found["foreign"][0], "kind ticket symbol side volume price stop_loss take_profit");
    assert_eq!(shown, json(r#"["position", 77, "EURUSD", "sell", 0.3, 1.1, 1.09, null]"#));
    // Foreign is no fault: the account goes on.
    assert_eq!(world.get("/accounts/1").await.ok()["trading"], "active");
    world.post("/reconcile?account=2", json("null")).await.refused(404, "NOT_FOUND", "there is no account 2");
}
