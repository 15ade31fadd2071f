use super::error_of;
use crate::samples::description;
use domain::contract::{Description, ParamValue};
use domain::ids::{Digest, StrategyId, UserId};
use domain::time::Time;
use serde_json::json;
use stockade_store::{Holdings, NewVersion, Page, Store, StrategyRecord, Upload, VersionRecord};

pub async fn strategies_are_kept_and_only_their_owner_sees_them(store: &Store) {
    let anna = store.create_user("anna", Time(1)).await.unwrap().id;
    let bob = store.create_user("bob", Time(1)).await.unwrap().id;
    let made = store.create_strategy(anna, "ema", Time(5)).await.unwrap();
    assert_eq!(made, StrategyRecord { id: StrategyId(1), owner: anna, name: "ema".into(), created_at: Time(5) });
    assert!(error_of!(store.create_strategy(anna, "ema", Time(6))).contains("strategy name \"ema\" is taken"));
    assert!(error_of!(store.create_strategy(domain::ids::UserId(9), "ema", Time(6))).contains("no user 9"));
    assert_eq!(store.strategy(anna, made.id).await.unwrap(), made);
    assert_eq!(error_of!(store.strategy(bob, made.id)), "there is no strategy 1");
    assert_eq!(store.find_strategy(anna, "ema").await.unwrap(), Some(made.clone()));
    assert_eq!(store.find_strategy(bob, "ema").await.unwrap(), None);
    assert_eq!(store.strategies(anna, Page::default()).await.unwrap(), [made]);
    assert_eq!(store.strategies(anna, Page::beyond(1, 9)).await.unwrap(), []);
}

pub async fn an_upload_is_kept_once_however_often_it_comes(store: &Store) {
    let anna = store.create_user("anna", Time(1)).await.unwrap().id;
    let strategy = store.create_strategy(anna, "ema", Time(1)).await.unwrap().id;
    let (description, report) = (description(), json!({ "imports": ["trading"], "size": 1.5 }));
    // Larger than a page of the database, and no text.
    let component: Vec<u8> = (0..100_000_u32).map(|n| (n * 7 % 251) as u8).collect();
    let upload = NewVersion { strategy, component: &component, description: &description, report: &report };
    let kept = store.upload_version(anna, upload, Time(10)).await.unwrap();
    let expected = VersionRecord {
        strategy,
        digest: Digest::of(&component),
        number: 1,
        size_bytes: 100_000,
        description: description.clone(),
        report: report.clone(),
        uploaded_at: Time(10),
    };
    assert_eq!(kept, expected);
    let again = NewVersion { report: &json!("another"), ..upload };
    assert_eq!(store.upload_version(anna, again, Time(20)).await.unwrap(), kept, "the first upload stays");
    let other = NewVersion { component: b"v2", ..upload };
    let second = store.upload_version(anna, other, Time(30)).await.unwrap();
    assert_eq!(second.number, 2);
    assert_eq!(store.versions(anna, strategy).await.unwrap(), [kept.clone(), second.clone()]);
    // By the order of uploads, whatever the clock says: it may have been set back.
    assert_eq!(store.upload_version(anna, again, Time(5)).await.unwrap(), kept, "it keeps its number");
    assert_eq!(store.versions(anna, strategy).await.unwrap(), [second, kept.clone()], "what was uploaded last is the latest");
    assert_eq!(store.version(anna, strategy, kept.digest).await.unwrap(), kept);
    assert_eq!(store.component(kept.digest).await.unwrap(), component);
    let missing = Digest::of(b"never uploaded");
    assert_eq!(error_of!(store.component(missing)), format!("there is no version {missing}"));
}

pub async fn a_new_strategy_is_kept_with_its_first_version_or_not_at_all(store: &Store) {
    let anna = store.create_user("anna", Time(1)).await.unwrap().id;
    let (description, report) = (description(), json!(null));
    let upload = Upload { component: b"first", description: &description, report: &report };
    let broken = Upload { description: &unstorable(), ..upload };
    assert!(error_of!(store.upload(anna, "ema", broken, Time(2))).contains("description"));
    assert_eq!(store.strategies(anna, Page::default()).await.unwrap(), [], "no strategy without a version remains");
    let (strategy, version) = store.upload(anna, "ema", upload, Time(3)).await.unwrap();
    assert_eq!((&*strategy.name, version.digest), ("ema", Digest::of(b"first")));
    let (same, second) = store.upload(anna, "ema", Upload { component: b"second", ..upload }, Time(4)).await.unwrap();
    assert_eq!(same, strategy);
    assert_eq!(store.versions(anna, strategy.id).await.unwrap(), [version, second]);
    assert!(error_of!(store.upload(anna, " x", upload, Time(5))).contains("begin with a letter"));
}

/// A description that can't be read back from its row: JSON knows no such number.
fn unstorable() -> Description {
    let mut broken = description();
    broken.params[0].default = ParamValue::Number(f64::NAN);
    broken
}

pub async fn a_component_is_shared_and_a_version_is_not(store: &Store) {
    let anna = store.create_user("anna", Time(1)).await.unwrap().id;
    let bob = store.create_user("bob", Time(1)).await.unwrap().id;
    let hers = store.create_strategy(anna, "ema", Time(1)).await.unwrap().id;
    let bobs = store.create_strategy(bob, "ema", Time(1)).await.unwrap().id;
    let (description, report) = (description(), json!(null));
    let upload = |strategy| NewVersion { strategy, component: b"same", description: &description, report: &report };
    let kept = store.upload_version(anna, upload(hers), Time(2)).await.unwrap();
    assert!(error_of!(store.version(bob, bobs, kept.digest)).contains("no version"));
    assert!(error_of!(store.upload_version(bob, upload(hers), Time(3))).contains("no strategy 1"));
    assert_eq!(store.versions(bob, hers).await.unwrap(), []);
    let of_bob = store.upload_version(bob, upload(bobs), Time(4)).await.unwrap();
    assert_eq!((of_bob.digest, of_bob.uploaded_at), (kept.digest, Time(4)));
    let other = NewVersion { component: b"another", ..upload(hers) };
    store.upload_version(anna, other, Time(5)).await.unwrap();
    assert_eq!(store.held_by(anna).await.unwrap(), Holdings { engines: 0, versions: 2, upload_bytes: 4 + 7, compiled_bytes: 0 });
    assert_eq!(store.held_by(bob).await.unwrap(), Holdings { engines: 0, versions: 1, upload_bytes: 4, compiled_bytes: 0 });
    assert_eq!(store.held_by(UserId(99)).await.unwrap(), Holdings::default());
}
