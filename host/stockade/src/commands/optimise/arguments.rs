//! The words of `stockade optimise`.

use crate::commands::backtest::Setting;
use crate::exit::{Exit, Failure, Outcome};
use backtest::optimise::ini::TesterIni;
use backtest::optimise::windows::Forward;
use backtest::optimise::{Criterion, Given, assignment};
use market::Date;
use std::path::{Path, PathBuf};

/// Runs a strategy with many sets of parameters and says which were best. Everything it finds is in the folder given by
/// --out, written as it goes.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Option<Then>,
    #[command(flatten)]
    pub fresh: Fresh,
}

#[derive(clap::Subcommand)]
pub enum Then {
    /// Go on with an optimisation that was interrupted.
    Resume {
        /// Its folder.
        folder: PathBuf,
        /// Passes at the same time; as many as there are cores unless given.
        #[arg(long)]
        threads: Option<usize>,
    },
}

/// A new optimisation.
#[derive(clap::Args, Clone)]
pub struct Fresh {
    #[command(flatten)]
    pub setting: Setting,
    /// A parameter's values: NAME=FROM..TO:STEP, NAME=A,B,C, NAME=VALUE, or NAME=* for the range that the strategy describes.
    #[arg(long, value_name = "NAME=VALUES", value_parser = assignment)]
    pub set: Vec<(String, Given)>,
    /// A MetaTrader .set file with values and ranges; what --set gives goes before it.
    #[arg(long, value_name = "FILE")]
    pub set_file: Option<PathBuf>,
    /// A MetaTrader tester.ini with the settings and inputs; what the command line gives goes before it.
    #[arg(long, value_name = "FILE")]
    pub ini: Option<PathBuf>,
    /// How parameters are searched: complete (all), random (--passes of them), genetic.
    #[arg(long, default_value = "complete", value_parser = ["complete", "random", "genetic"])]
    pub method: String,
    /// Passes of a random search; the most of a genetic one.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub passes: Option<u32>,
    /// Points in a generation of the genetic search.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(4..=4_096))]
    pub population: u32,
    /// Generations of the genetic search at most; it ends before when 12 of them found nothing better.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub generations: u32,
    /// What makes a pass better; custom is what the strategy's own on-tester says.
    #[arg(long, default_value = "balance", value_parser = Criterion::WORDS.to_vec())]
    pub criterion: String,
    /// A pass with fewer trades is worth nothing.
    #[arg(long, default_value_t = 1, value_name = "TRADES")]
    pub trades_min: u32,
    /// Keep the last 1/2, 1/3 or 1/4 of the time, or the time from a day on, to test the best passes on.
    #[arg(long, value_name = "PART|DAY", conflicts_with = "walk_forward")]
    pub forward: Option<Forward>,
    /// Optimise and test window by window: rolling (each as long) or anchored (each from the first day).
    #[arg(long, value_name = "HOW", value_parser = ["rolling", "anchored"], requires_all = ["in_days", "out_days"])]
    pub walk_forward: Option<String>,
    /// Days that a window is optimised on (the first one, when anchored).
    #[arg(long, value_name = "DAYS", requires = "walk_forward")]
    pub in_days: Option<u32>,
    /// Days after it that its best is tested on.
    #[arg(long, value_name = "DAYS", requires = "walk_forward")]
    pub out_days: Option<u32>,
    /// How often the best pass's trades are reshuffled and resampled, to see what was luck; 0 for never.
    #[arg(long, default_value_t = 1_000, value_name = "RUNS", value_parser = clap::value_parser!(u32).range(..=100_000))]
    pub monte_carlo: u32,
    /// Passes at most.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub passes_max: u32,
    /// Passes at the same time; as many as there are cores unless given. What is found does not depend on it.
    #[arg(long)]
    pub threads: Option<usize>,
    /// Don't run the best pass of each window again to see that it decides without the ticks that follow.
    #[arg(long)]
    pub no_confirm: bool,
    /// Where what is found goes; STRATEGY-optimisation in this folder unless given.
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
}

/// Reads a settings file.
///
/// # Errors
/// It can't be read, or says what can't be meant.
pub fn read<T>(path: &Path, parse: impl FnOnce(&[u8]) -> Result<T, String>) -> Outcome<T> {
    let bytes = std::fs::read(path).map_err(|error| Failure::io("read", path, &error))?;
    parse(&bytes).map_err(|why| Failure::new(Exit::Refused, format_args!("{}: {why}", path.display())))
}

impl Fresh {
    /// Takes what `ini` says wherever the command line says nothing; `given` tells whether it does.
    ///
    /// # Errors
    /// It says what this program can't do.
    pub fn take_ini(&mut self, ini: &TesterIni, given: impl Fn(&str) -> bool) -> Outcome {
        fn put<T>(place: &mut T, is_given: bool, value: Option<T>) {
            if let Some(value) = value.filter(|_| !is_given) {
                *place = value;
            }
        }
        let setting = &mut self.setting;
        put(&mut setting.symbol, given("symbol"), ini.symbol.clone().map(|symbol| vec![symbol]));
        put(&mut setting.from, given("from"), ini.from_date.map(Some));
        // MT5 ends before its last day, we after ours.
        put(&mut setting.to, given("to"), ini.to_date.map(|day| Some(Date(day.0 - 1))));
        put(&mut setting.terms.deposit, given("deposit"), ini.deposit);
        put(&mut setting.terms.currency, given("currency"), ini.currency.clone());
        put(&mut setting.terms.leverage, given("leverage"), ini.leverage);
        let method = match ini.optimization {
            Some(2) => Some("genetic"),
            Some(3) => {
                return Err(Failure::new(Exit::Refused, "Optimization=3 (all symbols) is not done in one go; optimise symbol by symbol"));
            }
            _ => None,
        };
        put(&mut self.method, given("method"), method.map(str::to_owned));
        let criterion = ini.optimization_criterion.and_then(|number| Criterion::WORDS.get(number as usize));
        put(&mut self.criterion, given("criterion"), criterion.map(|word| (*word).to_owned()));
        let forward = match (ini.forward_mode, ini.forward_date) {
            (Some(mode @ 1..=3), _) => Some(Forward::Fraction(mode + 1)),
            (Some(4), Some(day)) => Some(Forward::From(day)),
            (Some(4), None) => return Err(Failure::new(Exit::Refused, "ForwardMode=4 needs a ForwardDate; add one")),
            _ => None,
        };
        setting.conditions.take_ini(ini, &given)?;
        put(&mut self.forward, given("forward") || self.walk_forward.is_some(), forward.map(Some));
        Ok(())
    }
}
