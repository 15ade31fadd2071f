//! What is looked at after each fault, and what was found.

use std::fmt;

macro_rules! checks {
    ($($(#[$doc:meta])* $name:ident = $says:literal,)*) => {
        /// One thing that must hold after every fault.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Check { $($(#[$doc])* $name,)* }

        impl Check {
            pub const ALL: &[Self] = &[$(Self::$name,)*];
        }

        impl fmt::Display for Check {
            /// What holds, in words.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$name => $says,)* })
            }
        }
    };
}

checks! {
    NothingLost = "what was recorded is still there",
    SentOnce = "no order is sent twice",
    NumbersOnce = "a database restored from a copy gives no order number again",
    SentIsRecorded = "everything sent is in the journal after a stop or a restart",
    LedgerExact = "fills, positions and balances follow from the deals",
    ContractKept = "no strategy saw the contract broken",
    TickOnce = "no engine gives an order at a tick that it was handed in an earlier life",
    MarketGoesOn = "the market never goes back",
    HaltKept = "a halt that was answered with 200 outlives a kill",
    LiftKept = "a halt that was lifted does not come back",
    WishKept = "what is wanted of each engine is what it does",
    NobodyStarves = "every running engine is handed ticks",
    LifeReplays = "a life before a kill replays",
    ReplaysBeside = "an engine replays beside the running host",
    ChangesEnd = "no change stays pending after a restart",
    OrdersEnd = "no order stays unanswered after a restart",
    Reconciles = "journal and broker agree after a start",
    StopsInTime = "a stop takes at most 20 s",
    StopsClean = "a stop ends with exit code 0, or 7 when something is owed",
    StopsWhileStarting = "a stop while starting ends with an exit code, not with the signal",
    Starts = "the host starts after the fault",
    Lives = "the host outlives the fault",
    OneHost = "of two hosts on one database, one ends with exit code 5 and the other goes on",
    LossIsSeen = "a database file that vanished under the host is noticed",
    SteadyPace = "a step of the clock neither stops nor races the market",
    NoPanic = "the host does not panic",
}

/// A check that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub check: Check,
    /// What was seen, in a line.
    pub seen: String,
}

impl Finding {
    pub fn new(check: Check, seen: impl fmt::Display) -> Self {
        Self { check, seen: seen.to_string() }
    }
}
