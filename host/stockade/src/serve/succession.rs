//! How a host follows those before it on the same database, whichever data folders they had.
//!
//! First it takes the database over: from then on the host before writes nothing more there. Only then does it read what that one has
//! left, in the database and in the state file. The database says whose state file that is, until a host stops with everything written
//! down. A file of another folder is read as well, and goes on in this host's own. One that can't be read may hold a halt, and closes
//! that were sent: then this host opens nothing until a person has looked.

use super::clock::SystemClock;
use super::store_failure;
use crate::config::{Config, random_token};
use crate::exit::Outcome;
use domain::contract::TradingState;
use domain::keeper::{Given, Keeper as _, Kept, Scope};
use domain::numbering::GIVEN_AHEAD;
use domain::symbol::SymbolTable;
use domain::time::Clock as _;
use store::{Identity, Left, StateFile, Store, StoreError, Whose};

/// The host setting that says whose state file counts.
const STATE_FILE: &str = "state_file";

/// What a host begins with.
pub struct Succession {
    /// Its state file.
    pub keeper: StateFile,
    /// Its epoch.
    pub epoch: i64,
    /// The host before stopped in order: no order was sent that is written down nowhere.
    pub was_clean: bool,
}

/// What the last host left in its state file.
enum Predecessor {
    /// Nothing, or it lies in this folder.
    Own,
    /// It had another folder.
    Other(Box<Left>),
    /// It had another folder, which can't be read.
    Unreadable,
}

/// Takes the database over, with all that is known of the hosts before.
///
/// # Errors
/// The database or the state file fails.
pub async fn succeed(config: &Config, store: &Store, table: &SymbolTable) -> Outcome<Succession> {
    let identity = store.identity(&fresh_name()?).await.map_err(store_failure)?;
    let epoch = take_over(store).await.map_err(store_failure)?;
    let (keeper, own) = StateFile::open(&config.data_dir, &identity.name, table).map_err(store_failure)?;
    follow(store, keeper, own, &identity, epoch, table).await.map_err(store_failure)
}

async fn take_over(store: &Store) -> Result<i64, StoreError> {
    let owner = format!("the host of process {}", std::process::id());
    store.take_over(&owner, SystemClock.now()).await
}

/// Goes beyond what the hosts before have given, which this database may not know.
async fn follow(
    store: &Store,
    keeper: StateFile,
    own: Left,
    identity: &Identity,
    mut epoch: i64,
    table: &SymbolTable,
) -> Result<Succession, StoreError> {
    let file = keeper.path().display().to_string();
    tell_damage(&file, &own);
    let predecessor = predecessor(store, &keeper, table).await?;
    let last = match &predecessor {
        Predecessor::Other(other) => {
            keeper.inherit(other.kept.clone());
            if other.epoch > own.epoch { other } else { &own }
        }
        Predecessor::Unreadable => {
            let reducing = [(Scope::Host, TradingState::Reducing)].into();
            keeper.inherit(Kept { trading: reducing, ..Kept::default() });
            &own
        }
        Predecessor::Own => &own,
    };
    if last.epoch > identity.epoch {
        tracing::warn!(
            "the database is an older copy: it knows {} starts of hosts, and {file} has seen {}; orders and engines are numbered beyond all that \
             were given since, and what happened since is missing in it",
            identity.epoch,
            last.epoch
        );
        let kept = keeper.kept();
        store.go_beyond(last.epoch, kept.given).await?;
        epoch = take_over(store).await?;
        for line in &kept.owed {
            tracing::warn!(?line, "was owed to the database that this is a copy of; it is not written into the copy");
        }
        keeper.forget_owed();
    } else if matches!(predecessor, Predecessor::Own) && own.found && own.epoch < identity.epoch {
        tracing::warn!(
            "another host has run on this database since the one that wrote {file}; that one's halts hold, and what it owed is written"
        );
    }
    // A database that no host has had yet owes nobody anything.
    let was_clean = identity.epoch == 0 && !own.found || last.stopped && last.epoch == identity.epoch;
    if matches!(predecessor, Predecessor::Unreadable) {
        // How far that host has numbered what it sent without the database is in its file.
        store.skip_numbers(GIVEN_AHEAD).await?;
    }
    let given = store.highest_given().await?;
    keeper.begin(epoch, ahead_of(given))?;
    let whose = serde_json::to_string(&keeper.whose()).map_err(|error| StoreError::Internal(Box::new(error)))?;
    store.set_host_setting(STATE_FILE, &whose).await?;
    Ok(Succession { keeper, epoch, was_clean })
}

async fn predecessor(store: &Store, keeper: &StateFile, table: &SymbolTable) -> Result<Predecessor, StoreError> {
    let said = store.host_setting(STATE_FILE).await?;
    let Some(whose) = said.and_then(|text| serde_json::from_str::<Whose>(&text).ok()) else { return Ok(Predecessor::Own) };
    if whose.name == keeper.whose().name {
        return Ok(Predecessor::Own);
    }
    let path = whose.path.display();
    let why = match StateFile::left_by(&whose, table) {
        Ok(Some(left)) => {
            tracing::warn!("the last host of this database kept its state in {path}: its halts hold here too, and what it owed is written");
            tell_damage(&path.to_string(), &left);
            return Ok(Predecessor::Other(Box::new(left)));
        }
        Ok(None) => format!("{path} is not that file"),
        Err(StoreError::Disk(why)) => why,
        Err(error) => return Err(error),
    };
    tracing::error!(
        "the last host of this database did not stop in order, and what it kept beside the database can't be read from here ({why}): it may have \
         been halted, and may have sent closes that the database lacks; nothing is opened until you have compared the accounts with \
         their brokers (stockade reconcile) and allow it (stockade resume)"
    );
    Ok(Predecessor::Unreadable)
}

fn tell_damage(file: &str, left: &Left) {
    if left.damaged > 0 {
        tracing::error!(
            "{file}: {} lines can't be read, and what they held is lost; compare the accounts with their brokers",
            left.damaged
        );
    }
}

/// The last that a host writes to its database. With `is_whole` everything is written down there, and nobody needs its state file.
pub async fn leave(store: &Store, is_whole: bool) {
    if is_whole && let Err(error) = store.set_host_setting(STATE_FILE, "").await {
        tracing::warn!("the database still asks whoever starts next for this host's state file: {}", error.in_full());
    }
    // What could not be given up is waited for by whoever comes next, or its process is seen to be dead.
    if let Err(error) = store.give_up().await {
        tracing::warn!("the database could not be given up: {}", error.in_full());
    }
}

/// How far numbers may be given before the keeper is told again.
fn ahead_of(given: Given) -> Given {
    let ahead = |number: u32| number.saturating_add(GIVEN_AHEAD);
    Given { orders: ahead(given.orders), hosts_orders: ahead(given.hosts_orders), ..given }
}

/// A name for a database that has none.
fn fresh_name() -> Outcome<String> {
    let mut name = random_token()?;
    name.truncate(16);
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use domain::ids::AccountId;
    use domain::keeper::Note;
    use domain::symbol::common;
    use store::Location;
    use tempfile::TempDir;

    /// A database, and hosts with folders of their own.
    struct Place {
        location: Location,
        folders: [TempDir; 2],
        table: SymbolTable,
    }

    impl Place {
        fn each() -> [Self; 2] {
            let sqlite = |folders: &[TempDir; 2]| Location::Sqlite(folders[0].path().join("shared.db"));
            let postgres = |_: &[TempDir; 2]| {
                let server = testkit::postgres::server();
                Location::parse(&server.url(&server.fresh_database())).expect("it is a URL")
            };
            [Self::new(sqlite), Self::new(postgres)]
        }

        fn new(location: impl FnOnce(&[TempDir; 2]) -> Location) -> Self {
            let folders = [0, 1].map(|_| tempfile::tempdir().expect("a folder"));
            let table = SymbolTable::new(vec![common::forex("EUR", "USD")]).expect("it has one");
            Self { location: location(&folders), folders, table }
        }

        async fn open(&self) -> Store {
            Store::open_at(&self.location).await.expect("nobody else has it")
        }

        /// A host with this folder begins.
        async fn begin(&self, which: usize) -> (Store, Succession) {
            let config = Config { data_dir: self.folders[which].path().into(), ..Config::default() };
            let store = self.open().await;
            let begun = succeed(&config, &store, &self.table).await.expect("it begins");
            (store, begun)
        }

        /// It notes that, and is gone, or stops in order.
        async fn live(&self, which: usize, note: Option<Note>, stops: bool) {
            let (store, begun) = self.begin(which).await;
            note.into_iter().for_each(|note| begun.keeper.note(note).expect("it is kept"));
            if stops {
                begun.keeper.stop().expect("it is kept");
                leave(&store, true).await;
            }
            store.close().await;
        }
    }

    fn same_kind(one: &Place, other: &Place) -> bool {
        std::mem::discriminant(&one.location) == std::mem::discriminant(&other.location)
    }

    fn account(state: TradingState) -> Option<Note> {
        Some(Note::Trading(Scope::Account(AccountId(1)), state))
    }

    #[tokio::test]
    async fn a_halt_that_only_another_folder_knows_holds_after_that_host_has_died() {
        for place in Place::each() {
            place.live(0, None, false).await;
            place.live(1, account(TradingState::Halted), false).await;
            for (which, epoch) in [(0, 3), (0, 4), (1, 5), (0, 6)] {
                let (store, begun) = place.begin(which).await;
                let kept = begun.keeper.kept();
                assert_eq!(kept.trading(Scope::Account(AccountId(1))), TradingState::Halted, "{:?}", place.location);
                assert_eq!((kept.trading(Scope::Host), begun.epoch, begun.was_clean), (TradingState::Active, epoch, false));
                store.close().await;
            }
        }
    }

    #[tokio::test]
    async fn nothing_is_opened_after_a_host_whose_state_can_not_be_read() {
        for place in Place::each() {
            place.live(0, None, true).await;
            place.live(1, account(TradingState::Halted), false).await;
            std::fs::remove_dir_all(place.folders[1].path()).expect("it is there");
            let before = {
                let (store, begun) = place.begin(0).await;
                assert_eq!(begun.keeper.kept().trading(Scope::Host), TradingState::Reducing, "{:?}", place.location);
                assert!(!begun.was_clean);
                begun.keeper.note(Note::Trading(Scope::Host, TradingState::Active)).expect("it is kept");
                store.close().await;
                begun.epoch
            };
            let (store, begun) = place.begin(0).await;
            assert_eq!(begun.keeper.kept().trading(Scope::Host), TradingState::Active, "a person has allowed it");
            assert_eq!(begun.epoch, before + 1);
            store.close().await;
        }
    }

    #[tokio::test]
    async fn nobody_asks_for_the_folder_of_a_host_that_stopped_in_order() {
        for place in Place::each() {
            place.live(1, None, true).await;
            std::fs::remove_dir_all(place.folders[1].path()).expect("it is there");
            let (store, begun) = place.begin(0).await;
            assert_eq!(begun.keeper.kept().trading(Scope::Host), TradingState::Active, "{:?}", place.location);
            store.close().await;
        }
    }

    #[tokio::test]
    async fn a_database_that_is_older_than_what_another_folder_has_seen_is_a_copy() {
        for place in Place::each() {
            for _ in 0..3 {
                place.live(1, Some(Note::Given(Given { engines: 500, ..Given::default() })), false).await;
            }
            let whose = place.open().await.host_setting(STATE_FILE).await.expect("it is read").expect("it is set");
            // Another database, which knows of fewer starts and names the same file.
            let copy = Place::each().into_iter().find(|other| same_kind(other, &place)).expect("there is one of each kind");
            copy.open().await.set_host_setting(STATE_FILE, &whose).await.expect("it is written");
            let (store, begun) = copy.begin(0).await;
            assert_eq!(begun.epoch, 4, "{:?}", copy.location);
            assert!(store.highest_given().await.expect("it is read").engines >= 500);
            store.close().await;
        }
    }
}
