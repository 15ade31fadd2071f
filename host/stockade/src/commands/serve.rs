//! `stockade serve`.

use crate::cli::Global;
use crate::exit::Outcome;
use crate::serve::{Running, Stopping, runtime};
use crate::telemetry::{self, LogFormat};
use std::net::SocketAddr;

/// SIGINT and SIGTERM stop it cleanly, within 20 s: engines are saved and go on with the next start. The exit code is then 0; 7 when
/// orders that were sent are not in the database yet; 130 when it was still starting. The operator's token is in
/// operator.token in the data folder.
#[derive(clap::Args)]
pub struct Arguments {
    /// Where the API listens; goes before the configuration.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// How the log looks: words on a terminal and JSON elsewhere, or always one of them.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    log_format: LogFormat,
}

/// Runs the host until it is told to stop.
pub fn run(arguments: &Arguments, global: &Global) -> Outcome {
    let mut config = global.config()?;
    if let Some(listen) = arguments.listen {
        config.listen = listen;
    }
    telemetry::start(&config.log, arguments.log_format)?;
    let runtime = runtime()?;
    let stopping = Stopping::on_signals(&runtime)?;
    stopping.go_on()?;
    let (running, sockets) = Running::start(&config, runtime, stopping)?;
    // One line on stdout when requests are answered: what scripts and supervisors wait for.
    global.output().show(&running.started, |started| {
        let number = |name: &str| started[name].as_u64().unwrap_or_default();
        let (url, data_dir) = (started["url"].as_str().unwrap_or_default(), config.data_dir.display());
        format!(
            "stockade listens on {url}, data in {data_dir}, {} engines, {} of them started\n",
            number("engines"),
            number("engines_started")
        )
    });
    running.run(sockets)
}
