//! What database and broker say, read behind the host's back.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Numbers from here on are of orders that the host gives in an engine's name.
const HOSTS_ORDERS_FROM: i64 = 1 << 31;

/// Every row that an audit looks at, as of one moment. Orders are named by the bits of their id.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    pub orders: BTreeMap<i64, Order>,
    pub deals: Vec<Deal>,
    pub positions: Vec<Position>,
    /// Deposits by account.
    pub deposits: BTreeMap<i64, i64>,
    /// By account: the last deal that is in it, and the balance after that.
    pub balances: BTreeMap<i64, (i64, i64)>,
    /// Changes that wait for an answer, by their place in the table.
    pub changes_pending: BTreeSet<i64>,
    /// What strategies logged against the host, each line with its engine and number.
    pub violations: BTreeSet<String>,
    /// Reports that could not become rows.
    pub set_aside: u64,
    /// The last change's place in the table.
    pub changes_last: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    pub account: i64,
    pub engine: i64,
    /// Which host recorded it: hosts are numbered as they take over.
    pub epoch: i64,
    pub symbol: String,
    pub side: String,
    pub kind: String,
    pub volume: i64,
    pub filled: i64,
    pub state: String,
    pub placed_at: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deal {
    pub seq: i64,
    pub account: i64,
    pub id: i64,
    /// None when the broker acted by itself.
    pub order: Option<i64>,
    pub position: i64,
    pub symbol: String,
    /// Bought steps; sold ones below zero.
    pub bought: i64,
    /// Profit, commission and swap together.
    pub earned: i64,
    pub profit: i64,
    pub at: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    pub account: i64,
    pub id: i64,
    pub symbol: String,
    /// Open steps that were bought; sold ones below zero.
    pub bought: i64,
    pub realised: i64,
}

/// One statement, so that all of it is of the same moment; each row is a line with `|` between its parts. Both databases know it.
pub const STATEMENT: &str = "
    SELECT 'order|' || id || '|' || account || '|' || engine || '|' || owner_epoch || '|' || symbol || '|' || side || '|' || kind || '|'
        || volume || '|' || filled || '|' || state || '|' || placed_at FROM orders
    UNION ALL SELECT 'deal|' || seq || '|' || account || '|' || id || '|' || COALESCE(order_id, 0) || '|' || position || '|' || symbol || '|'
        || (CASE WHEN side = 'buy' THEN volume ELSE -volume END) || '|' || (profit + commission + swap) || '|' || profit || '|' || at FROM deals
    UNION ALL SELECT 'position|' || account || '|' || id || '|' || symbol || '|'
        || (CASE WHEN side = 'buy' THEN volume ELSE -volume END) || '|' || realised FROM positions
    UNION ALL SELECT 'deposit|' || id || '|' || deposit FROM accounts
    UNION ALL SELECT 'balance|' || account || '|' || deal_seq || '|' || balance FROM balances
    UNION ALL SELECT 'pending|' || seq FROM modifications WHERE outcome = 'pending'
    UNION ALL SELECT 'changes|' || COALESCE(MAX(seq), 0) FROM modifications
    UNION ALL SELECT 'aside|' || COUNT(*) FROM set_aside
    UNION ALL SELECT 'violation|' || engine || '|' || number || '|' || text FROM engine_logs WHERE text LIKE 'VIOLATION%'";

impl Facts {
    /// From the rows of [`STATEMENT`].
    ///
    /// # Panics
    /// A row is not what the statement gives.
    pub fn of(rows: &[String]) -> Self {
        let mut facts = Self::default();
        for row in rows {
            let (what, rest) = row.split_once('|').unwrap_or_else(|| panic!("a row {row:?}"));
            if what == "violation" {
                facts.violations.insert(rest.to_owned());
                continue;
            }
            let parts: Vec<&str> = rest.split('|').collect();
            facts.take(what, &parts);
        }
        facts
    }

    fn take(&mut self, what: &str, parts: &[&str]) {
        let number = |at: usize| parts[at].parse::<i64>().unwrap_or_else(|error| panic!("{what} {parts:?}: {error}"));
        let text = |at: usize| parts[at].to_owned();
        match what {
            "order" => {
                let order = Order {
                    account: number(1),
                    engine: number(2),
                    epoch: number(3),
                    symbol: text(4),
                    side: text(5),
                    kind: text(6),
                    volume: number(7),
                    filled: number(8),
                    state: text(9),
                    placed_at: number(10),
                };
                self.orders.insert(number(0), order);
            }
            "deal" => self.deals.push(Deal {
                seq: number(0),
                account: number(1),
                id: number(2),
                order: Some(number(3)).filter(|id| *id != 0),
                position: number(4),
                symbol: text(5),
                bought: number(6),
                earned: number(7),
                profit: number(8),
                at: number(9),
            }),
            "position" => {
                let (account, id, symbol, bought, realised) = (number(0), number(1), text(2), number(3), number(4));
                self.positions.push(Position { account, id, symbol, bought, realised });
            }
            "deposit" => _ = self.deposits.insert(number(0), number(1)),
            "balance" => _ = self.balances.insert(number(0), (number(1), number(2))),
            "pending" => _ = self.changes_pending.insert(number(0)),
            "changes" => self.changes_last = number(0),
            "aside" => self.set_aside = number(0) as u64,
            other => panic!("the statement gives no {other}"),
        }
    }

    /// The latest moment of the market that orders and deals know, microseconds since 1970.
    pub fn latest(&self) -> Option<i64> {
        let placed = self.orders.values().map(|order| order.placed_at);
        placed.chain(self.deals.iter().map(|deal| deal.at)).max()
    }
}

/// Whether an engine's guest asked for an order, or the host gave it to flatten.
pub fn is_guests(order: i64) -> bool {
    order & 0xffff_ffff < HOSTS_ORDERS_FROM
}

/// An order as everything else names it: the engine and the number.
pub fn named(order: i64) -> String {
    format!("{}-{}", order >> 32, order & 0xffff_ffff)
}

/// The orders that the broker was sent, in order. A line that a kill has cut counts as not sent.
pub fn sent(counts: &Path) -> Vec<i64> {
    let text = std::fs::read_to_string(counts).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| line.parse::<u64>().expect("the broker writes numbers") as i64).collect()
}
