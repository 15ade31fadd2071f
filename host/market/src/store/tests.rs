use super::*;
use crate::columns::Row;
use domain::number::Points;
use domain::symbol::common;
use domain::time::{DAY_US, SECOND_US};
use proptest::prelude::*;

const DATE: Date = Date(16_191);

fn store() -> (tempfile::TempDir, TickStore, SymbolSpec) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = TickStore::create(folder.path().join("ticks")).expect("a store");
    let spec = common::forex("EUR", "USD");
    store.put_spec(&spec).expect("a spec");
    (folder, store, spec)
}

fn ticks(spec: &SymbolSpec, date: Date, count: i64) -> OwnedColumns {
    let mut columns = OwnedColumns::default();
    for at in 0..count {
        let time = date.start().plus_us(at * SECOND_US);
        columns.push(Row::quote(time, spec.price(Points(138_000 + at)), spec.price(Points(138_002 + at))));
    }
    columns
}

#[test]
fn a_day_reads_back_as_it_was_written() {
    let (_folder, store, spec) = store();
    let mut written = ticks(&spec, DATE, 1_000);
    written.push(Row { last: spec.price(Points(7)), volume: 0.5, flags: 8, ..written.row(999) });
    store.write_day("EURUSD", DATE, written.as_columns(), &written.flags, "a test").expect("written");

    let day = store.day("EURUSD", DATE).expect("readable").expect("there");
    let mut read = OwnedColumns::default();
    read.extend(day.columns(), day.flags());
    assert_eq!(read, written);
    assert_eq!((day.source(), day.date()), ("a test", DATE));
    assert_eq!(store.symbols().expect("symbols"), ["EURUSD"]);
    assert_eq!(store.spec("EURUSD").expect("spec"), spec);
    assert_eq!(store.verify("EURUSD").expect("sound"), 1_001);
}

#[test]
fn reading_gives_only_the_ticks_asked_for() {
    let (_folder, store, spec) = store();
    for day in 0..3 {
        let date = Date(DATE.0 + day);
        store.write_day("EURUSD", date, ticks(&spec, date, 10).as_columns(), &[], "").expect("written");
    }
    let check = |from_us: i64, to_us: i64, expected: &[usize]| {
        let (from, to) = (DATE.start().plus_us(from_us), DATE.start().plus_us(to_us));
        let days = store.read("EURUSD", from, to).expect("readable");
        let lengths: Vec<usize> = days.map(|day| day.expect("sound").columns().len()).collect();
        assert_eq!(lengths, expected, "{from_us}..{to_us}");
    };
    check(i64::MIN / 4, i64::MAX / 4, &[10, 10, 10]);
    check(5 * SECOND_US, DAY_US + 1, &[5, 1]);
    check(9 * SECOND_US, DAY_US, &[1]);
    check(10 * SECOND_US, DAY_US, &[]);
    check(DAY_US, DAY_US, &[]);
    check(2 * DAY_US, DAY_US, &[]);
    let span = store.span("EURUSD").expect("readable");
    assert_eq!(span, Some((DATE.start(), DATE.start().plus_us(2 * DAY_US + 9 * SECOND_US))));
}

#[test]
fn equal_ticks_give_equal_files() {
    let (_folder, store, spec) = store();
    let written = ticks(&spec, DATE, 100);
    let write = || {
        store.write_day("EURUSD", DATE, written.as_columns(), &[], "x").expect("written");
        std::fs::read(store.day_file("EURUSD", DATE)).expect("a file")
    };
    assert_eq!(write(), write());
}

#[test]
fn a_mapped_day_outlives_its_replacement() {
    let (_folder, store, spec) = store();
    let old = ticks(&spec, DATE, 500);
    store.write_day("EURUSD", DATE, old.as_columns(), &[], "").expect("written");
    let mapped = store.day("EURUSD", DATE).expect("readable").expect("there");
    store.write_day("EURUSD", DATE, ticks(&spec, DATE, 3).as_columns(), &[], "").expect("written");
    store.remove_day("EURUSD", DATE).expect("removed");
    assert_eq!(mapped.columns().bids, old.bids);
    assert!(store.day("EURUSD", DATE).expect("readable").is_none());
}

#[test]
fn ticks_that_do_not_belong_are_refused_and_the_day_stays() {
    let (_folder, store, spec) = store();
    let good = ticks(&spec, DATE, 3);
    store.write_day("EURUSD", DATE, good.as_columns(), &[], "").expect("written");
    let refused = |change: fn(&mut OwnedColumns), reason: &str| {
        let mut bad = good.clone();
        change(&mut bad);
        let error = store.write_day("EURUSD", DATE, bad.as_columns(), &[], "").expect_err(reason);
        assert!(error.to_string().contains(reason), "{error}");
    };
    refused(|ticks| ticks.times.swap(0, 2), "time goes back");
    refused(|ticks| ticks.times[2] += DAY_US, "another day");
    refused(|ticks| ticks.bids[1] = 1.380_005, "is no price with 5 digits");
    refused(|ticks| ticks.asks[1] = f64::NAN, "is no price");
    refused(|ticks| ticks.lasts = vec![1.0], "equally long");
    assert_eq!(store.day("EURUSD", DATE).expect("readable").expect("there").columns().bids, good.bids);
}

#[test]
fn what_is_not_there_is_named_with_what_is() {
    let (folder, store, _) = store();
    let error = store.read("GBPUSD", Time(0), Time(1)).expect_err("unknown").to_string();
    assert!(error.contains("no symbol \"GBPUSD\" (it has EURUSD)"), "{error}");
    let error = TickStore::open(folder.path().join("nowhere")).expect_err("no folder").to_string();
    assert!(error.contains("import ticks into it first"), "{error}");
    assert!(store.days("GBPUSD").expect("none").is_empty());
}

#[test]
fn one_symbol_has_one_importer() {
    let (_folder, store, _) = store();
    let held = store.lock("EURUSD").expect("free");
    assert!(matches!(store.lock("EURUSD"), Err(StoreError::Busy { .. })));
    drop(held);
    store.lock("EURUSD").expect("free again");
}

#[test]
fn a_truncated_file_is_named_with_the_way_out() {
    let (_folder, store, spec) = store();
    store.write_day("EURUSD", DATE, ticks(&spec, DATE, 100).as_columns(), &[], "").expect("written");
    let file = store.day_file("EURUSD", DATE);
    let whole = std::fs::read(&file).expect("a file");
    for length in [0, 5, 100, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&file, &whole[..length]).expect("truncated");
        let error = store.day("EURUSD", DATE).expect_err("broken").to_string();
        assert!(error.contains("2014-05-01.arrow is broken") && error.contains("import that time again"), "{error}");
    }
}

#[test]
fn an_altered_price_is_found_by_the_checksum_and_its_day_named() {
    let (_folder, store, spec) = store();
    for day in 0..3 {
        let date = Date(DATE.0 + day);
        store.write_day("EURUSD", date, ticks(&spec, date, 100).as_columns(), &[], "").expect("written");
    }
    let file = store.day_file("EURUSD", DATE);
    let mut bytes = std::fs::read(&file).expect("a file");
    // Another price on the grid, as a bit that turned over could make it.
    let (old, new) = (spec.price(Points(138_050)).to_le_bytes(), spec.price(Points(138_051)).to_le_bytes());
    let at = bytes.windows(8).position(|window| window == old).expect("a bid");
    bytes[at..at + 8].copy_from_slice(&new);
    std::fs::write(&file, bytes).expect("altered");
    let error = store.verify("EURUSD").expect_err("altered").to_string();
    assert!(error.contains("2014-05-01.arrow is broken (its checksum is "), "{error}");
    let checked = store.check("EURUSD").expect("the store is there");
    assert_eq!((checked.days, checked.broken.len(), checked.quality.ticks), (3, 1, 200), "the other days are looked at all the same");
}

proptest! {
    #[test]
    fn damaged_files_never_panic(damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20)) {
        let (_folder, store, spec) = store();
        store.write_day("EURUSD", DATE, ticks(&spec, DATE, 50).as_columns(), &[], "").expect("written");
        let file = store.day_file("EURUSD", DATE);
        let mut bytes = std::fs::read(&file).expect("a file");
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        std::fs::write(&file, &bytes).expect("damaged");
        if let Ok(Some(day)) = store.day("EURUSD", DATE) {
            prop_assert_eq!(day.columns().len(), 50);
            let _ = store.verify("EURUSD");
        }
    }
}
