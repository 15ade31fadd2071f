//! `stockade account`: trading accounts on a running host.

use super::book::{self, Book};
use super::named::{self, full};
use super::shown::{count, counted, items, money, shown};
use super::standing;
use crate::cli::Global;
use crate::client::HostOptions;
use crate::exit::Outcome;
use crate::output::{Align, facts, paragraph, table_leaving_out};
use serde_json::{Value, json};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Open a paper account.
    Add(Add),
    /// Accounts, what they hold, and what keeps any of them from trading.
    List {
        /// Only this user's.
        #[arg(long)]
        user: Option<String>,
        #[command(flatten)]
        host: HostOptions,
    },
    /// One account: its money, and what may be done on it.
    Show(One),
    /// What an account holds: its open positions, and on request those that are closed.
    Positions {
        #[command(flatten)]
        one: One,
        #[command(flatten)]
        which: book::Positions,
    },
    /// An account's orders and their outcomes, the latest last.
    Orders {
        #[command(flatten)]
        one: One,
        #[command(flatten)]
        rows: book::Rows,
    },
    /// An account's deals, the latest last.
    Deals {
        #[command(flatten)]
        one: One,
        #[command(flatten)]
        rows: book::Rows,
    },
}

/// One account.
#[derive(clap::Args)]
pub struct One {
    /// Its id or its name; USER/NAME where several users have one of that name.
    account: String,
    #[command(flatten)]
    host: HostOptions,
}

impl One {
    fn get(&self, global: &Global, below: &str, query: &[(&str, &str)]) -> Outcome<Value> {
        let client = self.host.client(global)?;
        client.get(&format!("/accounts/{}{below}", named::account(&client, &self.account)?), query)
    }
}

#[derive(clap::Args)]
pub struct Add {
    /// Unique among the user's.
    name: String,
    /// Whose.
    #[arg(long)]
    user: String,
    #[command(flatten)]
    terms: Terms,
    #[command(flatten)]
    host: HostOptions,
}

/// What an account is opened with; the same words in `backtest`.
#[derive(clap::Args, Clone, Debug)]
pub struct Terms {
    /// Balance at the start, in the account's currency.
    #[arg(long, default_value_t = 10_000.0, value_name = "MONEY", value_parser = super::conditions::money, allow_negative_numbers = true)]
    pub deposit: f64,
    /// The account's currency.
    #[arg(long, default_value = "USD", value_parser = currency)]
    pub currency: String,
    /// 1:LEVERAGE.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub leverage: u32,
    /// How positions are kept: each by itself (hedging), or one a symbol (netting; exchange is MT5's word for the same there).
    #[arg(long, default_value = "hedging", value_parser = ["netting", "hedging", "exchange"])]
    pub mode: String,
}

/// Three letters, in capitals whichever way they are given.
fn currency(text: &str) -> Result<String, String> {
    let is_currency = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
    is_currency.then(|| text.to_ascii_uppercase()).ok_or_else(|| "give the three letters of a currency, as USD".to_owned())
}

/// Runs the command.
pub fn run(command: &Command, global: &Global) -> Outcome {
    match command {
        Command::Add(add) => {
            let Terms { deposit, currency, leverage, mode } = &add.terms;
            let document = json!({ "name": add.name, "mode": mode, "currency": currency, "leverage": leverage, "deposit": deposit });
            let client = add.host.client(global)?;
            let user = named::user(&client, &add.user)?;
            let account = client.post("/accounts", &[("user", &user)], &document)?;
            global.output().show(&account, |account| format!("account {} of {user} has id {}\n", add.name, account["id"]));
        }
        Command::List { user, host } => {
            let client = host.client(global)?;
            let user = user.as_deref().map(|user| named::user(&client, user)).transpose()?;
            let query: Vec<(&str, &str)> = user.iter().map(|user| ("user", user.as_str())).collect();
            let accounts = client.all("/accounts", &query)?;
            let trading = client.get("/trading", &[])?;
            global.output().show(&accounts, |accounts| list(accounts, &trading));
        }
        Command::Show(one) => global.output().show(&one.get(global, "", &[])?, detail),
        Command::Positions { one, which } => book::show(global, Book::Positions, &one.get(global, "/positions", &which.query().pairs())?),
        Command::Orders { one, rows } => book::show(global, Book::Orders, &one.get(global, "/orders", &rows.query().pairs())?),
        Command::Deals { one, rows } => book::show(global, Book::Deals, &one.get(global, "/deals", &rows.query().pairs())?),
    }
    Ok(())
}

fn list(accounts: &Value, trading: &Value) -> String {
    const HEAD: [(&str, Align); 8] = [
        ("id", Align::Right),
        ("account", Align::Left),
        ("mode", Align::Left),
        ("currency", Align::Left),
        ("balance", Align::Right),
        ("equity", Align::Right),
        ("positions", Align::Right),
        ("trading", Align::Left),
    ];
    let row = |account: &Value| {
        vec![
            shown(&account["id"]),
            full(account),
            shown(&account["mode"]),
            shown(&account["currency"]),
            money(&account["balance"]),
            money(&account["equity"]),
            count(&account["positions"]),
            standing::cell(account),
        ]
    };
    let rows: Vec<Vec<String>> = items(accounts).map(row).collect();
    if rows.is_empty() {
        return standing::of_host(trading) + "there are no accounts; `stockade account add` opens one\n";
    }
    let remarks = |account: &Value| standing::own(account).map(|why| format!("{}: {why}", full(account))).collect::<Vec<_>>();
    let below: String = items(accounts).flat_map(remarks).map(|line| paragraph(&line)).collect();
    let gap = if below.is_empty() { "" } else { "\n" };
    standing::of_host(trading) + &table_leaving_out(&HEAD, &rows, &["mode"]) + gap + &below
}

fn detail(account: &Value) -> String {
    let unresolved = shown(&account["unresolved_orders"]);
    let mut all = vec![
        ("trading", standing::in_words(account)),
        ("terms", format!("{}, {}, 1:{}", shown(&account["mode"]), shown(&account["currency"]), account["leverage"])),
        ("deposit", money(&account["deposit"])),
        ("balance", money(&account["balance"])),
        ("equity", money(&account["equity"])),
        ("margin", format!("{}, {} free", money(&account["margin"]), money(&account["margin_free"]))),
        ("holds", format!("{}, {}", counted(&account["positions"], "position"), counted(&account["working_orders"], "working order"))),
    ];
    if !unresolved.is_empty() {
        all.push(("unknown", format!("outcome of these orders: {unresolved}")));
    }
    let open = if account["open"] == true { "" } else { ", not open on this host" };
    format!("account {} ({}){open}\n", account["id"], full(account)) + &facts(&all)
}
