use domain::ids::Digest;
use domain::time::Time;
use serde_json::json;
use stockade_store::{AuditVerdict, NewAudit, Page, Store};

fn entry(n: i64) -> NewAudit {
    NewAudit {
        at: Time(n),
        actor: "operator".into(),
        action: "engine.stop".into(),
        object: format!("engine {n}"),
        detail: json!({ "why": "a \"reason\"", "n": n, "nothing": null }),
    }
}

pub async fn the_audit_is_a_chain_that_can_be_checked(store: &Store) {
    let empty = Digest([0; 32]);
    assert_eq!(store.verify_audit().await.unwrap(), AuditVerdict::Intact { rows: 0, head: empty });
    let first = store.append_audit(&entry(1)).await.unwrap();
    let second = store.append_audit(&entry(2)).await.unwrap();
    assert_eq!((first.seq, first.prev_hash, &first.entry), (1, empty, &entry(1)));
    assert_eq!((second.seq, second.prev_hash), (2, first.hash));
    assert_ne!(second.hash, first.hash);
    assert_eq!(store.verify_audit().await.unwrap(), AuditVerdict::Intact { rows: 2, head: second.hash });
}

pub async fn audit_rows_are_listed_latest_first(store: &Store) {
    let mut written = Vec::new();
    for n in 1..=3 {
        written.insert(0, store.append_audit(&entry(n)).await.unwrap());
    }
    assert_eq!(store.audit(Page::default()).await.unwrap(), written);
    assert_eq!(store.audit(Page::beyond(3, 1)).await.unwrap(), written[1..2]);
    assert_eq!(store.audit_of("engine 2", "", Page::default()).await.unwrap(), written[1..2]);
    assert_eq!(store.audit_of("engine 2", "engine.stop", Page::default()).await.unwrap(), written[1..2]);
    assert_eq!(store.audit_of("engine 2", "engine.start", Page::default()).await.unwrap(), []);
}
