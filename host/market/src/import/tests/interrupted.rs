//! An import that is ended from outside is undone, or done, and never half.

use super::*;
use std::sync::atomic::Ordering;

/// Ten days of ticks.
fn days(price: &str) -> String {
    let rows = (0..10).flat_map(|day| (0..1_000).map(move |second| 1_398_902_400 + day * 86_400 + second));
    "time,bid,ask\n".to_owned() + &rows.map(|time| format!("{time},{price},1.20001\n")).collect::<String>()
}

#[test]
fn an_import_that_is_asked_to_stop_leaves_the_store_as_it_was() {
    let bench = Bench::new();
    bench.imported(&bench.file("EURUSD.csv", days("1.10001")));
    let other = bench.file("EURUSD-2.csv", days("1.10005"));
    let options = ImportOptions::default();
    // While it reads, and once it has read.
    for wanted in [0, 10_000] {
        let mut told = 0;
        let stop = Arc::clone(&options.stop.0);
        let ended = import(&other, &options, &bench.store, &mut |progress| {
            told += 1;
            if progress.rows >= wanted {
                stop.store(true, Ordering::Relaxed);
            }
        });
        assert!(matches!(ended, Err(ImportError::Interrupted)), "{ended:?}");
        assert!(told > 0 && bench.leftovers().is_empty());
        assert!(bench.ticks("EURUSD").bids == [1.10001; 10_000]);
        options.stop.0.store(false, Ordering::Relaxed);
    }
    bench.import(&other, &options).expect("the same again");
    assert!(bench.ticks("EURUSD").bids == [1.10005; 10_000]);
}

#[test]
fn the_next_import_ends_what_a_dead_one_had_ready() {
    let bench = Bench::new();
    bench.imported(&bench.file("EURUSD.csv", days("1.10001")));
    // An import in another store, whose days are those of one that died while they took their places.
    let twin = Bench::new();
    twin.imported(&twin.file("EURUSD.csv", days("1.10005")));
    let dead = bench.store.root().join(".import-0");
    std::fs::create_dir_all(dead.join("out")).expect("folders");
    std::fs::rename(twin.store.root().join("EURUSD"), dead.join("out/EURUSD")).expect("moved");
    let moved = "2014-05-01.arrow";
    std::fs::rename(dead.join("out/EURUSD").join(moved), bench.store.root().join("EURUSD").join(moved)).expect("moved");
    std::fs::write(dead.join("whole"), "").expect("written");

    bench.imported(&bench.file("GBPUSD.csv", days("1.10001")));
    assert!(bench.ticks("EURUSD").bids == [1.10005; 10_000]);
    assert!(bench.leftovers().is_empty());

    // One that was not ready is as if it had never been.
    std::fs::create_dir_all(dead.join("out")).expect("folders");
    std::fs::rename(bench.store.root().join("GBPUSD"), dead.join("out/GBPUSD")).expect("moved");
    bench.imported(&bench.file("USDCHF.csv", days("1.10001")));
    assert_eq!(bench.store.symbols().expect("symbols"), ["EURUSD", "USDCHF"]);
    assert!(bench.leftovers().is_empty());
}
