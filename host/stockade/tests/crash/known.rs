//! What today's host is known to get wrong. A run tells of it and does not fail; the list is to become empty, and then to go.

use crate::checks::Check;

/// Two hosts on one data folder write the same records, so that lives can't be replayed, and the market of the second begins before the
/// last orders of the first: all of these but two belong to hosts that do not end when another has taken over.
pub const KNOWN: &[Check] =
    &[Check::ChangesEnd, Check::OneHost, Check::LossIsSeen, Check::LifeReplays, Check::ReplaysBeside, Check::MarketGoesOn];
