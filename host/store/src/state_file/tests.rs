//! What a state file gives back after crashes, on full disks and for other hosts.

use super::*;
use domain::broker::{Happened, Report};
use domain::contract::TradingState::{Active, Halted, Reducing};
use domain::ids::{AccountId, EngineId, OrderId};
use domain::keeper::Scope;
use domain::symbol::common;
use domain::time::Time;
use tempfile::TempDir;

fn table() -> SymbolTable {
    SymbolTable::new(vec![common::forex("EUR", "USD"), common::gold()]).unwrap()
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// A host begins, and what the one before left.
fn begun(folder: &TempDir, epoch: i64) -> (StateFile, Left) {
    let (file, left) = StateFile::open(folder.path(), "db", &table()).unwrap();
    file.begin(epoch, Given::default()).unwrap();
    (file, left)
}

fn report(number: u32) -> Line {
    let order = Some(OrderId::new(EngineId(1), number));
    Line::Report(Report { account: AccountId(1), order, at: Time(7), happened: Happened::Canceled })
}

/// A deal in gold.
fn deal(table: &SymbolTable) -> Line {
    use domain::broker::{Deal, Entry, Reason};
    use domain::number::{Money, Points, Steps};
    let order = OrderId::new(EngineId(1), 1);
    let deal = Deal {
        id: domain::ids::DealId(1),
        order: Some(order),
        position: domain::ids::PositionId(order),
        symbol: table.find("XAUUSD").unwrap(),
        side: domain::contract::Side::Buy,
        entry: Entry::In,
        reason: Reason::Expert,
        volume: Steps(1),
        price: Points(1),
        profit: Money::ZERO,
        commission: Money::ZERO,
        swap: Money::ZERO,
        time: Time(1),
    };
    Line::Report(Report { account: AccountId(1), order: Some(order), at: Time(1), happened: Happened::Deal { deal, rest: Steps(0) } })
}

fn noted(file: &StateFile, notes: impl IntoIterator<Item = Note>) {
    notes.into_iter().for_each(|note| file.note(note).unwrap());
    file.sync().unwrap();
}

#[test]
fn what_was_noted_is_there_after_a_kill_and_what_was_paid_or_lifted_is_not() {
    let folder = folder();
    let (file, left) = begun(&folder, 1);
    assert_eq!(left, Left::default());
    let account = Scope::Account(AccountId(3));
    let trading = |scope, state| Note::Trading(scope, state);
    noted(&file, [trading(Scope::Host, Halted), trading(account, Reducing), Note::Owed(vec![report(1)]), Note::Owed(vec![report(2)])]);
    drop(file);
    let (file, left) = begun(&folder, 2);
    assert_eq!((left.epoch, left.stopped, left.damaged), (1, false, 0));
    assert_eq!((left.kept.trading(Scope::Host), left.kept.trading(account)), (Halted, Reducing));
    assert_eq!(left.kept.owed, [report(1), report(2)]);
    noted(&file, [Note::Paid, trading(Scope::Host, Active), Note::Owed(vec![report(3)])]);
    file.stop().unwrap();
    let (_, left) = begun(&folder, 3);
    assert_eq!((left.epoch, left.stopped, left.kept.trading(Scope::Host)), (2, true, Active));
    assert_eq!((left.kept.owed, left.kept.trading.len()), (vec![report(3)], 1));
    let (_, left) = begun(&folder, 4);
    assert!(!left.stopped, "the third host never stopped");
}

#[test]
fn a_note_that_a_crash_cut_off_anywhere_is_not_there_and_all_before_it_are() {
    let folder = folder();
    let (file, _) = begun(&folder, 1);
    noted(&file, [Note::Owed(vec![report(1)])]);
    let bytes = std::fs::read(file.path()).unwrap();
    let before = bytes.iter().position(|&byte| byte == 0).unwrap();
    noted(&file, [Note::Owed(vec![report(2)])]);
    let whole = std::fs::read(file.path()).unwrap();
    let after = whole.iter().position(|&byte| byte == 0).unwrap();
    for cut in before..after - 1 {
        let mut torn = whole.clone();
        torn[cut..after].fill(0);
        std::fs::write(file.path(), &torn).unwrap();
        let (_, left) = StateFile::open(folder.path(), "db", &table()).unwrap();
        assert_eq!((left.kept.owed, left.damaged), (vec![report(1)], 0), "cut at {cut}");
    }
}

#[test]
fn a_line_that_was_damaged_is_counted_and_the_others_hold() {
    let folder = folder();
    let (file, _) = begun(&folder, 1);
    noted(&file, [Note::Owed(vec![report(1)]), Note::Trading(Scope::Host, Halted), Note::Owed(vec![report(2)])]);
    file.stop().unwrap();
    let mut bytes = std::fs::read(file.path()).unwrap();
    let at = bytes.windows(6).position(|part| part == b"halted").unwrap();
    bytes[at] ^= 1;
    std::fs::write(file.path(), &bytes).unwrap();
    let (_, left) = begun(&folder, 2);
    assert_eq!((left.damaged, left.kept.owed.len()), (1, 2));
    assert!(!left.stopped, "what was lost may be anything");
}

#[test]
fn notes_find_their_place_on_a_disk_without_room_for_another_file() {
    let folder = folder();
    let (file, _) = begun(&folder, 1);
    assert!(std::fs::metadata(file.path()).unwrap().len() >= ROOM, "the room is taken before it is needed");
    // As on a full disk, no other file can be made where this one lies.
    let away = folder.path().with_extension("away");
    std::fs::rename(folder.path(), &away).unwrap();
    file.lock().broken = Some(NotKept("told to".into()));
    assert!(file.note(Note::Owed(vec![report(1)])).is_err(), "nobody is told that it was kept");
    file.sync().unwrap();
    noted(&file, [Note::Owed(vec![report(2)])]);
    std::fs::rename(&away, folder.path()).unwrap();
    let (_, left) = begun(&folder, 2);
    assert_eq!((left.kept.owed, left.damaged), (vec![report(1), report(2)], 0));
}

#[test]
fn a_file_that_can_not_be_written_says_so_and_mends_itself_when_it_can() {
    let folder = folder();
    let (file, _) = begun(&folder, 1);
    // Every write through this handle fails.
    file.lock().file = Some(Arc::new(File::open(file.path()).unwrap()));
    let why = file.note(Note::Owed(vec![report(1)])).unwrap_err().to_string();
    assert!(why.contains("host-db.state can't be written"), "{why}");
    assert!(file.note(Note::Owed(vec![report(2)])).is_err());
    file.sync().unwrap();
    let (_, left) = begun(&folder, 2);
    assert_eq!(left.kept.owed, [report(1), report(2)]);
}

#[test]
fn a_file_that_has_grown_is_tidied_when_nothing_is_owed() {
    let folder = folder();
    let (file, _) = begun(&folder, 1);
    let many: Vec<Line> = (1..2_000).map(report).collect();
    for _ in 0..8 {
        noted(&file, [Note::Owed(many.clone()), Note::Paid, Note::Trading(Scope::Host, Halted)]);
    }
    let written = std::fs::read(file.path()).unwrap().iter().position(|&byte| byte == 0).unwrap() as u64;
    assert!(written <= TIDY_FROM, "{written}");
    assert_eq!(begun(&folder, 2).1.kept.trading(Scope::Host), Halted);
}

#[test]
fn a_host_that_was_taken_over_from_leaves_the_file_to_the_one_that_has_begun() {
    let folder = folder();
    let (old, _) = begun(&folder, 1);
    let (new, _) = begun(&folder, 2);
    noted(&new, [Note::Owed(vec![report(1)])]);
    old.lock().broken = Some(NotKept("told to".into()));
    _ = old.note(Note::Trading(Scope::Host, Halted));
    _ = old.sync();
    old.stop().unwrap();
    let (_, left) = begun(&folder, 3);
    assert_eq!((left.epoch, left.stopped, left.kept.owed), (2, false, vec![report(1)]));
}

#[test]
fn owed_lines_keep_their_symbols_when_a_host_has_others() {
    let folder = folder();
    let (file, _) = begun(&folder, 1);
    noted(&file, [Note::Owed(vec![deal(&table())])]);
    drop(file);
    let turned = SymbolTable::new(vec![common::gold(), common::forex("EUR", "USD")]).unwrap();
    let (_, left) = StateFile::open(folder.path(), "db", &turned).unwrap();
    assert_eq!(left.kept.owed, [deal(&turned)]);
    let lacks = SymbolTable::new(vec![common::forex("EUR", "USD")]).unwrap();
    let why = StateFile::open(folder.path(), "db", &lacks).unwrap_err().to_string();
    assert!(why.contains("XAUUSD") && why.contains("add it to the configuration"), "{why}");
}

#[test]
fn another_database_has_notes_of_its_own() {
    let folder = folder();
    let (file, _) = begun(&folder, 1);
    noted(&file, [Note::Trading(Scope::Host, Halted)]);
    let (_, left) = StateFile::open(folder.path(), "other", &table()).unwrap();
    assert_eq!(left, Left::default());
}

#[test]
fn a_host_with_another_folder_takes_over_what_the_one_before_kept() {
    let [first, second] = [folder(), folder()];
    let (before, _) = begun(&first, 1);
    noted(&before, [Note::Trading(Scope::Host, Halted), Note::Owed(vec![report(1)]), Note::Given(Given { orders: 9, ..Given::default() })]);
    let whose = before.whose();
    drop(before);

    let (own, _) = begun(&second, 1);
    noted(&own, [Note::Trading(Scope::Host, Reducing), Note::Owed(vec![report(2)])]);
    drop(own);
    let (own, left) = StateFile::open(second.path(), "db", &table()).unwrap();
    assert!(left.found && own.whose() != whose);
    let other = StateFile::left_by(&whose, &table()).unwrap().expect("its name is the one that was asked for");
    assert_eq!((other.epoch, other.stopped), (1, false));
    own.inherit(other.kept);
    own.begin(2, Given::default()).unwrap();
    let (_, left) = begun(&second, 3);
    assert_eq!((left.kept.trading(Scope::Host), left.kept.given.orders), (Halted, 9));
    assert_eq!(left.kept.owed, [report(2), report(1)]);
}

#[test]
fn a_file_keeps_its_name_and_is_taken_for_no_other() {
    let [first, second] = [folder(), folder()];
    let whose = begun(&first, 1).0.whose();
    assert_eq!(begun(&first, 2).0.whose(), whose, "a restart does not change it");
    let other = begun(&second, 1).0.whose();
    let elsewhere = |name: &str, path: &Path| Whose { name: name.to_owned(), path: path.to_owned() };
    for gone in [elsewhere(&other.name, &whose.path), elsewhere(&whose.name, &second.path().join("gone"))] {
        assert_eq!(StateFile::left_by(&gone, &table()).unwrap(), None, "{gone:?}");
    }
}
