//! Files that vanish under an open database, rows that can't be read, and what is refused before it becomes one.

use crate::opening::tamper;
use crate::samples::{append_to, description, engine, nth, place, request, sqlite, symbols};
use domain::contract::{Description, ParamSpec, ParamValue};
use domain::journal::JournalError;
use domain::time::Time;
use proptest::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use stockade_store::{Location, NewVersion, Page, Store, StoreError};

fn beside(file: &Path, ending: &str) -> PathBuf {
    file.with_file_name(format!("stockade.db{ending}"))
}

/// Does something to the files of an open database; what follows must be told in words that have `part`.
async fn check(harm: fn(&Path), part: &str) -> (Store, tempfile::TempDir, i64) {
    let (store, folder) = sqlite().await;
    let epoch = store.take_over("a host", Time(1)).await.unwrap();
    engine(&store, "anna").await;
    store.look().await.expect("all is in its place");
    harm(&folder.path().join("stockade.db"));
    let error = store.look().await.expect_err("it must be seen");
    assert!(matches!(error, StoreError::Gone(_)) && error.to_string().contains(part), "{error}");
    assert!(store.troubles().iter().any(|trouble| trouble.is_down && trouble.words.contains(part)), "{:?}", store.troubles());
    let refused = store.create_user("bob", Time(2)).await.expect_err("nobody would find her again");
    assert!(matches!(refused, StoreError::Gone(_)), "{refused:?}");
    let journal = store.journal(&symbols(), epoch).await.map(drop).expect_err("nor anything else");
    assert!(matches!(journal, StoreError::Gone(_)), "{journal:?}");
    (store, folder, epoch)
}

#[tokio::test]
async fn a_database_whose_file_was_removed_takes_nothing_until_it_is_back() {
    let (store, folder, epoch) = check(|file| fs::rename(file, beside(file, ".away")).unwrap(), "stockade.db was removed").await;
    let file = folder.path().join("stockade.db");
    fs::rename(beside(&file, ".away"), &file).unwrap();
    assert!(store.find_user("anna").await.unwrap().is_some(), "what can be read is read");
    store.look().await.expect("it is the same file");
    store.create_user("bob", Time(2)).await.expect("it goes on");
    store.journal(&symbols(), epoch).await.map(drop).unwrap();
}

#[tokio::test]
async fn a_database_whose_file_was_replaced_takes_nothing() {
    let replace = |file: &Path| {
        fs::copy(file, beside(file, ".copy")).unwrap();
        fs::rename(beside(file, ".copy"), file).unwrap();
    };
    check(replace, "stockade.db was replaced by another file").await;
}

#[tokio::test]
async fn a_database_whose_log_was_cut_takes_nothing() {
    let cut = |file: &Path| fs::OpenOptions::new().write(true).open(beside(file, "-wal")).unwrap().set_len(100).unwrap();
    check(cut, "stockade.db-wal was cut or overwritten").await;
}

#[tokio::test]
async fn a_database_whose_log_was_removed_has_everything_after_it_is_closed_in_order() {
    let (store, folder, _) = check(|file| fs::remove_file(beside(file, "-wal")).unwrap(), "stockade.db-wal was removed").await;
    store.close().await;
    drop(store);
    let again = Store::open(&folder.path().join("stockade.db")).await.unwrap();
    assert!(again.find_user("anna").await.unwrap().is_some(), "the way out that the message names");
}

#[tokio::test]
async fn a_journal_whose_file_is_gone_says_so_and_has_nothing() {
    let (store, folder) = sqlite().await;
    let epoch = store.take_over("a host", Time(1)).await.unwrap();
    let engine = engine(&store, "anna").await;
    let mut journal = store.journal(&symbols(), epoch).await.unwrap();
    fs::remove_file(folder.path().join("stockade.db")).unwrap();
    store.look().await.expect_err("it is gone");
    let line = place(engine.account, nth(engine.id, 1), 1, request());
    let error = tokio::task::spawn_blocking(move || append_to(journal.as_mut(), &[line]).expect_err("nobody would find it")).await.unwrap();
    assert!(matches!(&error, JournalError::Internal(why) if why.contains("was removed")), "{error:?}");
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_one_row() {
    let (store, folder) = sqlite().await;
    let file = folder.path().join("stockade.db");
    let first = engine(&store, "anna").await;
    let second = crate::samples::another_engine(&store, first.owner, "second").await;
    let other = engine(&store, "bob").await;
    let lines = [place(first.account, nth(first.id, 1), 1, request()), place(first.account, nth(first.id, 2), 2, request())];
    crate::samples::append(&store, lines.to_vec()).await.unwrap();
    tamper(&file, "UPDATE engines SET wanted = 'maybe' WHERE id = 2; UPDATE orders SET state = 'x' WHERE seq = 2").await;
    tamper(&file, "UPDATE versions SET description = '{}'; UPDATE accounts SET limits = 'none' WHERE id = 2").await;

    let engines = store.every_engine(Page::default()).await.unwrap();
    assert_eq!(engines.iter().map(|engine| engine.id).collect::<Vec<_>>(), [first.id, other.id]);
    let [damaged] = engines.damaged() else { panic!("one: {engines:?}") };
    assert_eq!((damaged.number, damaged.what.as_str()), (2, "engine 2"));
    assert!(damaged.why.contains("wanted") && damaged.why.contains("\"maybe\" is no word for it"), "{}", damaged.why);
    let last = store.engines(first.owner, Page::beyond(1, 1)).await.unwrap();
    assert_eq!((last.len(), last.count(), last.last_number()), (0, 1, Some(2)), "the page after it begins beyond it");
    assert!(store.engine(first.owner, second.id).await.is_err());

    let orders = store.orders(first.owner, None, Page::default()).await.unwrap();
    assert_eq!((orders.len(), orders.damaged()[0].what.as_str()), (1, "order 1-2"));
    let versions = store.versions(first.owner, first.strategy).await.unwrap();
    assert_eq!((versions.len(), versions.damaged()[0].what.clone()), (0, format!("version {}", first.version)));
    let accounts = store.every_account(Page::default()).await.unwrap();
    assert_eq!((accounts.len(), accounts.damaged()[0].what.as_str()), (1, "account 2"));

    let found = Store::examine(&Location::Sqlite(file), Duration::from_secs(60)).await.expect("beside whoever has it open");
    let named: Vec<&str> = found.damaged.iter().map(|row| row.what.as_str()).collect();
    let (own, others) = (format!("version {}", first.version), format!("version {}", other.version));
    assert_eq!(named, ["account 2", &own, &others, "engine 2", "order 1-2"]);
    assert_eq!((found.damage, found.is_cut_short), (None, false));
    assert_eq!(store.quick_check(Duration::from_secs(60)).await.unwrap().damage, None, "the file itself is whole");
}

#[tokio::test]
async fn only_the_database_itself_says_that_it_is_damaged() {
    let (store, folder) = sqlite().await;
    engine(&store, "anna").await;
    store.close().await;
    drop(store);
    let file = folder.path().join("stockade.db");
    let mut bytes = fs::read(&file).unwrap();
    // The pages behind the first, where the tables are.
    bytes.iter_mut().skip(8_192).step_by(97).for_each(|byte| *byte ^= 0x55);
    fs::write(&file, bytes).unwrap();
    let said = match Store::examine(&Location::Sqlite(file), Duration::from_secs(60)).await {
        Ok(found) => found.damage.expect("SQLite finds it"),
        Err(error) => error.to_string(),
    };
    assert!(said.starts_with("the database is damaged: ") && said.ends_with("restore the last backup"), "{said}");
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![any::<f64>(), Just(f64::NAN), Just(f64::INFINITY), Just(f64::NEG_INFINITY), Just(-0.0), -10.0..10.0_f64]
}

fn value() -> impl Strategy<Value = ParamValue> {
    prop_oneof![
        number().prop_map(ParamValue::Number),
        number().prop_map(ParamValue::Number),
        any::<i64>().prop_map(ParamValue::Integer),
        any::<bool>().prop_map(ParamValue::Flag),
        ".{0,20}".prop_map(ParamValue::Text),
        (0..3_u32).prop_map(ParamValue::Choice),
    ]
}

fn some_description() -> impl Strategy<Value = Description> {
    let bound = || proptest::option::of(number());
    let param = (value(), bound(), bound(), bound(), ".{0,20}");
    (proptest::collection::vec(param, 0..4), ".{1,20}", ".{0,60}").prop_map(|(params, name, about)| {
        let spec = |(at, (default, min, max, step, help)): (usize, _)| {
            let choices = vec!["a".into(), "b".into(), "c".into()];
            ParamSpec { name: format!("p{at}"), help, default, min, max, step, choices }
        };
        Description { name, about, params: params.into_iter().enumerate().map(spec).collect(), ..description() }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_description_is_read_as_it_was_or_refused_and_nothing_is_stored(descriptions in proptest::collection::vec(some_description(), 40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (store, _folder) = sqlite().await;
            let engine = engine(&store, "anna").await;
            let mut kept = 1;
            for (at, description) in descriptions.iter().enumerate() {
                let (component, report) = (at.to_be_bytes(), serde_json::Value::Null);
                let version = NewVersion { strategy: engine.strategy, component: &component, description, report: &report };
                let is_finite = !format!("{description:?}").contains("NaN") && !format!("{description:?}").contains("inf");
                match store.upload_version(engine.owner, version, Time(9)).await {
                    Ok(stored) => {
                        assert_eq!(&stored.description, description);
                        kept += 1;
                    }
                    Err(StoreError::Invalid(why)) => assert!(!is_finite, "{why}: {description:?}"),
                    Err(error) => panic!("{error:?}"),
                }
                let versions = store.versions(engine.owner, engine.strategy).await.unwrap();
                assert_eq!((versions.len(), versions.damaged().len()), (kept, 0));
            }
        });
    }
}
