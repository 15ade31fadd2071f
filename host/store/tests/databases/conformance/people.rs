use super::error_of;
use crate::samples::{limits, terms};
use domain::contract::TradingState;
use domain::ids::{AccountId, UserId};
use domain::risk::RiskLimits;
use domain::time::Time;
use stockade_store::{AccountRecord, Page, Store, UserRecord};

pub async fn users_are_kept_and_their_names_are_unique(store: &Store) {
    let anna = store.create_user("anna", Time(-7)).await.unwrap();
    let bob = store.create_user("bob", Time(8)).await.unwrap();
    assert_eq!(anna, UserRecord { id: UserId(1), name: "anna".into(), created_at: Time(-7) });
    assert_eq!(error_of!(store.create_user("anna", Time(9))), "the user name \"anna\" is taken; choose another");

    assert_eq!(store.user(bob.id).await.unwrap(), bob);
    assert_eq!(error_of!(store.user(UserId(99))), "there is no user 99");
    assert_eq!(store.find_user("anna").await.unwrap(), Some(anna.clone()));
    // Who is typed in capitals is the same.
    assert_eq!(error_of!(store.create_user("ANNA", Time(9))), "the user name \"ANNA\" is taken; choose another");
    assert_eq!(store.find_user("Anna").await.unwrap(), Some(anna.clone()));
    assert_eq!(store.find_user("ann").await.unwrap(), None);
    assert_eq!(store.every_user(Page::default()).await.unwrap(), [anna, bob.clone()]);
    assert_eq!(store.every_user(Page::beyond(1, 10)).await.unwrap(), [bob]);
}

pub async fn names_are_checked(store: &Store) {
    assert!(error_of!(store.create_user("", Time(0))).contains("1 to 64 bytes"));
    assert!(error_of!(store.open_account(UserId(1), "a\n", &terms(), &limits(), Time(0))).contains("U+000A is not allowed"));
    assert!(error_of!(store.create_user("An na/..", Time(0))).contains("a space is not allowed"));
    assert!(error_of!(store.create_strategy(UserId(1), " x", Time(0))).contains("begin with a letter"));
}

pub async fn accounts_are_kept_and_only_their_owner_sees_them(store: &Store) {
    let anna = store.create_user("anna", Time(1)).await.unwrap().id;
    let bob = store.create_user("bob", Time(1)).await.unwrap().id;
    let opened = store.open_account(anna, "main", &terms(), &limits(), Time(2)).await.unwrap();
    let expected = AccountRecord {
        id: AccountId(1),
        owner: anna,
        name: "main".into(),
        terms: terms(),
        limits: limits(),
        trading: TradingState::Active,
        created_at: Time(2),
    };
    assert_eq!(opened, expected);
    assert!(error_of!(store.open_account(anna, "MAIN", &terms(), &limits(), Time(2))).contains("the account name \"MAIN\" is taken"));
    let bobs = store.open_account(bob, "main", &terms(), &limits(), Time(3)).await.unwrap();
    assert!(error_of!(store.open_account(bob, "main", &terms(), &limits(), Time(4))).contains("the account name \"main\" is taken"));
    assert_eq!(error_of!(store.open_account(UserId(9), "main", &terms(), &limits(), Time(4))), "there is no user 9");

    assert_eq!(store.account(anna, opened.id).await.unwrap(), opened);
    assert_eq!(error_of!(store.account(bob, opened.id)), "there is no account 1");
    assert_eq!(store.find_account(bob, "main").await.unwrap(), Some(bobs.clone()));
    assert_eq!(store.accounts(anna, Page::default()).await.unwrap(), [opened.clone()]);
    assert_eq!(store.every_account(Page::first(1)).await.unwrap(), [opened.clone()]);
    assert_eq!(store.every_account(Page::beyond(1, 5)).await.unwrap(), [bobs]);

    store.set_account_trading(anna, opened.id, TradingState::Reducing).await.unwrap();
    store.set_account_limits(anna, opened.id, &RiskLimits::default()).await.unwrap();
    assert_eq!(error_of!(store.set_account_trading(bob, opened.id, TradingState::Active)), "there is no account 1");
    assert_eq!(error_of!(store.set_account_limits(bob, opened.id, &limits())), "there is no account 1");
    let changed = AccountRecord { trading: TradingState::Reducing, limits: RiskLimits::default(), ..opened };
    assert_eq!(store.account(anna, changed.id).await.unwrap(), changed);
}
