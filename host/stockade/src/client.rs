//! A running host, as its API shows it to any client.

use crate::cli::Global;
use crate::config::existing_token;
use crate::control;
use crate::exit::{Exit, Failure, Outcome};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
use std::time::Duration;
use ureq::http::Response;
use ureq::{Agent, Body, BodyReader, RequestBuilder};

/// Where the host is and who asks.
#[derive(clap::Args)]
pub struct HostOptions {
    /// The host's address; unless given, the socket in the data folder where a host works on this machine, or else where the configuration
    /// lets it listen.
    #[arg(long, value_name = "URL", env = "STOCKADE_URL")]
    url: Option<String>,
    /// The operator's token; unless given, that of the configuration or the data folder. The socket needs none.
    #[arg(long, value_name = "TOKEN", env = "STOCKADE_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

/// The longest that an answer is waited for: compiling a component with an interpreter in it takes half a minute.
const ANSWER_WITHIN: Duration = Duration::from_secs(120);
/// Rows of a page: as many as the host gives at once.
const PAGE_ROWS: &str = "1000";
/// The longest answer read, bytes.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// A host to talk to.
pub struct Client {
    url: String,
    /// What messages call it.
    place: String,
    token: Option<String>,
    agent: Agent,
}

impl HostOptions {
    /// Whether a host is named, which may be one of another folder.
    pub fn names_one(&self) -> bool {
        self.url.is_some()
    }

    /// The host that these options mean.
    ///
    /// # Errors
    /// The configuration or the token can't be read, or the address is no `http://` one.
    pub fn client(&self, global: &Global) -> Outcome<Client> {
        let config = global.config()?;
        // A proxy of the environment is for the world outside, not for this host.
        let options = Agent::config_builder().http_status_as_error(false).timeout_global(Some(ANSWER_WITHIN)).proxy(None).build();
        if self.url.is_none() {
            let place = config.data_dir.join(control::FILE).display().to_string();
            match control::agent(&config.data_dir, options.clone()) {
                Ok(agent) => {
                    global.tell(format_args!("by the socket {place}"));
                    return Ok(Client { url: "http://localhost".into(), place, token: self.token.clone(), agent });
                }
                Err(error) => global.tell(format_args!("the socket {place} does not answer: {}", error.kind())),
            }
        }
        let url = self.url.clone().unwrap_or_else(|| format!("http://{}", config.listen));
        if !url.starts_with("http://") {
            let hint = "give an http:// address; for a host behind TLS, tunnel to the port it listens on";
            return Err(Failure::new(Exit::Usage, format_args!("{url}: {hint}")));
        }
        let token = match &self.token {
            Some(token) => Some(token.clone()),
            None => existing_token(&config)?,
        };
        let url = url.trim_end_matches('/').to_owned();
        global.tell(format_args!("by {url}"));
        Ok(Client { place: url.clone(), url, token, agent: options.into() })
    }
}

impl Client {
    /// What is at a path, such as `/engines`.
    ///
    /// # Errors
    /// No host answers, or it refuses.
    pub fn get(&self, path: &str, query: &[(&str, &str)]) -> Outcome<Value> {
        let request = self.authorized(self.agent.get(self.address(path)).query_pairs(query.iter().copied()));
        let found = self.answer(request.call())?;
        for row in found["damaged"].as_array().into_iter().flatten() {
            let of = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
            crate::telemetry::say(format_args!("stockade: {} can't be read: {}", of("what"), of("why")));
        }
        Ok(found)
    }

    /// How the host is: that it is down is an answer too.
    ///
    /// # Errors
    /// No host answers, or it refuses.
    pub fn health(&self) -> Outcome<Value> {
        let response = self.authorized(self.agent.get(self.address("/health"))).call().map_err(|error| self.unreachable(&error))?;
        if response.status().as_u16() != 503 {
            return self.answer(Ok(response));
        }
        let document: Value = serde_json::from_str(&self.text(response)?).unwrap_or_default();
        if document["status"].is_string() { Ok(document) } else { Err(Failure::new(exit_of(503), problem(503, &document))) }
    }

    /// All rows of a list, page by page.
    ///
    /// # Errors
    /// No host answers, or it refuses.
    pub fn all(&self, path: &str, query: &[(&str, &str)]) -> Outcome<Value> {
        let (mut rows, mut damaged, mut after) = (Vec::new(), Vec::new(), None::<String>);
        loop {
            let page: Vec<(&str, &str)> =
                query.iter().copied().chain([("limit", PAGE_ROWS)]).chain(after.iter().map(|after| ("after", after.as_str()))).collect();
            let mut page = self.get(path, &page)?;
            rows.extend(page["items"].as_array_mut().map(std::mem::take).into_iter().flatten());
            damaged.extend(page["damaged"].as_array_mut().map(std::mem::take).into_iter().flatten());
            after = page["next"].as_i64().map(|next| next.to_string());
            if after.is_none() {
                let mut all = json!({ "items": rows, "next": null });
                if !damaged.is_empty() {
                    all["damaged"] = damaged.into();
                }
                return Ok(all);
            }
        }
    }

    /// What happens on the host, as it happens.
    ///
    /// # Errors
    /// No host answers, or it refuses.
    pub fn stream(&self, path: &str, query: &[(&str, &str)]) -> Outcome<Stream> {
        self.stream_for(None, path, query)
    }

    /// The same for so long; then the stream breaks off.
    ///
    /// # Errors
    /// As there.
    pub fn stream_for(&self, longest: Option<Duration>, path: &str, query: &[(&str, &str)]) -> Outcome<Stream> {
        let request = self.authorized(self.agent.get(self.address(path)).query_pairs(query.iter().copied()));
        let response = request.config().timeout_global(longest).build().call().map_err(|error| self.unreachable(&error))?;
        if response.status().is_success() {
            return Ok(Stream { lines: BufReader::new(response.into_body().into_reader()), place: self.place.clone() });
        }
        Err(self.answer(Ok(response)).err().unwrap_or_else(|| Failure::new(Exit::Failed, "the host gave no stream")))
    }

    /// Posts a document.
    ///
    /// # Errors
    /// No host answers, or it refuses.
    pub fn post(&self, path: &str, query: &[(&str, &str)], document: &Value) -> Outcome<Value> {
        let request = self.authorized(self.agent.post(self.address(path)).query_pairs(query.iter().copied()));
        self.answer(request.send_json(document))
    }

    /// Changes something.
    ///
    /// # Errors
    /// No host answers, or it refuses.
    pub fn patch(&self, path: &str, document: &Value) -> Outcome<Value> {
        let request = self.authorized(self.agent.patch(self.address(path)));
        self.answer(request.send_json(document))
    }

    /// Removes something.
    ///
    /// # Errors
    /// No host answers, or it refuses.
    pub fn delete(&self, path: &str, query: &[(&str, &str)]) -> Outcome<Value> {
        let request = self.authorized(self.agent.delete(self.address(path)).query_pairs(query.iter().copied()));
        self.answer(request.call())
    }

    /// Replaces what is at a path.
    ///
    /// # Errors
    /// No host answers, or it refuses.
    pub fn put(&self, path: &str, query: &[(&str, &str)], document: &Value) -> Outcome<Value> {
        let request = self.authorized(self.agent.put(self.address(path)).query_pairs(query.iter().copied()));
        self.answer(request.send_json(document))
    }

    /// Posts a component.
    ///
    /// # Errors
    /// No host answers, or it refuses.
    pub fn post_component(&self, path: &str, query: &[(&str, &str)], component: &[u8]) -> Outcome<Value> {
        let request = self.authorized(self.agent.post(self.address(path)).query_pairs(query.iter().copied()));
        self.answer(request.header("content-type", "application/wasm").send(component))
    }

    /// The address of an endpoint.
    fn address(&self, path: &str) -> String {
        format!("{}/api/v1{path}", self.url)
    }

    /// The request with the token, where there is one.
    fn authorized<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        match &self.token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        }
    }

    fn answer(&self, answer: Result<Response<Body>, ureq::Error>) -> Outcome<Value> {
        let response = answer.map_err(|error| self.unreachable(&error))?;
        let status = response.status().as_u16();
        let text = self.text(response)?;
        let document = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap_or(Value::String(text)) };
        match status {
            200..300 => Ok(document),
            401 | 403 if self.token.is_none() => Err(Failure::new(
                Exit::Refused,
                format_args!("{} wants the operator's token; give --token, STOCKADE_TOKEN, or the host's --data-dir", self.place),
            )),
            _ => Err(Failure::new(exit_of(status), problem(status, &document))),
        }
    }

    fn text(&self, mut response: Response<Body>) -> Outcome<String> {
        response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string().map_err(|error| self.unreachable(&error))
    }

    fn unreachable(&self, error: &ureq::Error) -> Failure {
        let url = &self.place;
        match error {
            ureq::Error::Io(io) if io.kind() == std::io::ErrorKind::ConnectionRefused => Failure::new(
                Exit::Unreachable,
                format_args!("no host answers at {url}; start one with `stockade serve`, or give its address with --url"),
            ),
            ureq::Error::HostNotFound => Failure::new(Exit::Unreachable, format_args!("{url}: there is no machine of that name")),
            ureq::Error::Timeout(_) => {
                Failure::new(Exit::Unreachable, format_args!("{url} did not answer in time; look at its log, it may be busy or stuck"))
            }
            ureq::Error::BadUri(why) => Failure::new(Exit::Usage, format_args!("{url} is no address: {why}")),
            other => Failure::new(Exit::Unreachable, format_args!("{url} can't be talked to: {other}")),
        }
    }
}

/// A name as a part of a path.
pub fn segment(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    name.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// Events of a host, in the order in which they came.
pub struct Stream {
    lines: BufReader<BodyReader<'static>>,
    place: String,
}

/// One of them.
pub struct StreamEvent {
    pub kind: String,
    pub data: Value,
}

impl Stream {
    /// Waits for the next; `None` when the host has ended the stream.
    ///
    /// # Errors
    /// The connection broke.
    pub fn next_event(&mut self) -> Outcome<Option<StreamEvent>> {
        let (mut kind, mut data) = (String::new(), String::new());
        loop {
            let mut line = String::new();
            let read = self.lines.read_line(&mut line);
            let broke = |error| Failure::new(Exit::Unreachable, format_args!("{}: the stream broke off: {error}", self.place));
            if read.map_err(broke)? == 0 {
                return Ok(None);
            }
            // Comments, which begin with a colon, only show that the stream is alive.
            match line.trim_end().split_once(':') {
                Some(("event", value)) => value.trim_start().clone_into(&mut kind),
                Some(("data", value)) => data.push_str(value.trim_start()),
                None if line.trim_end().is_empty() && !kind.is_empty() => {
                    return Ok(Some(StreamEvent { kind, data: serde_json::from_str(&data).unwrap_or_default() }));
                }
                _ => {}
            }
        }
    }
}

fn exit_of(status: u16) -> Exit {
    match status {
        404 => Exit::NotFound,
        400..500 => Exit::Refused,
        503 => Exit::InUse,
        507 => Exit::Machine,
        _ => Exit::Failed,
    }
}

/// What a problem document says.
fn problem(status: u16, document: &Value) -> String {
    let text = |name: &str| document.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let said = text("detail").or_else(|| text("title")).or_else(|| document.as_str().filter(|text| !text.is_empty()));
    said.map_or_else(|| format!("the host answered {status} and gave no reason"), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_gives_its_detail() {
        assert_eq!(problem(404, &json!({"title": "Not found", "detail": "there is no engine 7"})), "there is no engine 7");
        assert_eq!(problem(500, &json!({"title": "Internal error"})), "Internal error");
        assert_eq!(problem(502, &Value::Null), "the host answered 502 and gave no reason");
    }
}
