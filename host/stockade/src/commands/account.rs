//! `stockade account`: trading accounts on a running host.

use super::user::{items, shown};
use crate::cli::Global;
use crate::client::HostOptions;
use crate::exit::Outcome;
use crate::output::{Align, table};
use serde_json::json;

#[derive(clap::Subcommand)]
pub enum Command {
    /// Open a paper account.
    Add(Add),
    /// A user's accounts.
    List {
        /// Whose.
        #[arg(long)]
        user: String,
        #[command(flatten)]
        host: HostOptions,
    },
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
    #[arg(long, default_value_t = 10_000.0, value_name = "MONEY")]
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
            let account = add.host.client(global)?.post("/accounts", &[("user", &add.user)], &document)?;
            global.output().show(&account, |account| format!("account {} of {} has id {}\n", add.name, add.user, account["id"]));
        }
        Command::List { user, host } => {
            let accounts = host.client(global)?.get("/accounts", &[("user", user)])?;
            global.output().show(&accounts, |accounts| {
                let cells = ["id", "name", "mode", "currency", "balance", "equity", "trading"];
                let rows: Vec<Vec<String>> = items(accounts).map(|account| cells.map(|cell| shown(&account[cell])).into()).collect();
                let head = cells.map(|cell| (cell, if ["id", "balance", "equity"].contains(&cell) { Align::Right } else { Align::Left }));
                table(&head, &rows)
            });
        }
    }
    Ok(())
}
