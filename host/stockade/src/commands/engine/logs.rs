//! `stockade engine logs`: the lines that are kept, and with `--follow` those to come.

use super::One;
use crate::cli::Global;
use crate::client::{Client, StreamEvent};
use crate::commands::shown::{first_line, items, moment, shown};
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{Output, colour, print};
use serde_json::{Value, json};

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    one: One,
    /// How many of the last lines to show.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    lines: u32,
    /// Go on with each line as it comes, until Ctrl-C or the host's end; with --json one document a line.
    #[arg(long, short)]
    follow: bool,
}

impl Arguments {
    pub fn run(&self, global: &Global) -> Outcome {
        let client = self.one.host.client(global)?;
        let id = self.one.id(&client)?;
        if self.follow {
            return self.follow(&client, id, global.output());
        }
        let lines = self.last(&client, id)?;
        global.output().show(&lines, |lines| match items(lines).next() {
            None => "nothing is logged yet\n".to_owned(),
            Some(_) => items(lines).map(text).collect(),
        });
        Ok(())
    }

    fn last(&self, client: &Client, id: u64) -> Outcome<Value> {
        client.get(&format!("/engines/{id}/logs"), &[("limit", &self.lines.to_string())])
    }

    /// The stream is opened first: a line that comes between the list and the stream is in both, and printed once.
    fn follow(&self, client: &Client, id: u64, output: Output) -> Outcome {
        let mut stream = client.stream("/stream", &[("engine", &id.to_string())])?;
        let mut known: Vec<Value> = Vec::new();
        while let Some(StreamEvent { kind, data }) = stream.next_event()? {
            match kind.as_str() {
                "open" => {
                    let kept = self.last(client, id)?;
                    items(&kept).for_each(|line| put(line, output));
                    known = items(&kept).cloned().collect();
                }
                "log" | "fault" => {
                    let line = if kind == "log" { said(&data) } else { failed(&data) };
                    match known.iter().position(|seen| ["at", "clock", "level", "text"].iter().all(|part| seen[*part] == line[*part])) {
                        Some(at) => _ = known.swap_remove(at),
                        None => put(&line, output),
                    }
                }
                "cut" => {
                    let missed = shown(&data["missed"]);
                    let hint = "they are in `stockade engine logs`; follow it again for what comes";
                    return Err(Failure::new(
                        Exit::Failed,
                        format_args!("the log came faster than it was read: {missed} events are missing; {hint}"),
                    ));
                }
                _ => {}
            }
        }
        Err(Failure::new(Exit::Unreachable, "the host has ended the stream; it has probably stopped"))
    }
}

/// An event of the stream as the line that is kept of it.
fn said(event: &Value) -> Value {
    json!({ "at": event["at"], "clock": "market", "level": event["level"], "text": event["text"] })
}

/// The same of a fault.
fn failed(event: &Value) -> Value {
    let next = match event["restart_at"].as_str() {
        Some(at) => format!("it is started again at {at}"),
        None => "it is quarantined until somebody starts it".to_owned(),
    };
    let text = format!("{}: {}; {next}", shown(&event["fault"]), shown(&event["text"]));
    json!({ "at": event["at"], "clock": "host", "level": "error", "text": text })
}

fn put(line: &Value, output: Output) {
    match output {
        Output::Text => print(&text(line)),
        Output::Json => print(&line.to_string()),
    }
}

/// Two clocks in one column: which it is stands beside the time.
fn text(line: &Value) -> String {
    let clock = if line["clock"] == "host" { "host  " } else { "market" };
    let level = format!("{:<5}", shown(&line["level"]));
    let level = match line["level"].as_str() {
        Some("error") => colour::bad(level),
        Some("warn") => colour::warn(level),
        _ => level,
    };
    format!("{} {clock}  {level}  {}\n", moment(&line["at"]), first_line(&line["text"]))
}
