//! What all clients together may take of the host.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What all clients together may take of the host: the settings `[api]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DoorLimits {
    /// Connections at once: a browser opens six, and a proxy shares a few among all. The host takes fewer where it may open fewer than
    /// twice as many files, because the database and the records need files too.
    pub connections_max: usize,
    /// Longest time for the head of a request, ms. A head is one or two packets; the slowest link needs a second or two.
    pub head_ms_max: u64,
    /// Longest time that a connection waits for its next request, ms: longer than the minute after which proxies close theirs, so that
    /// the proxy is the one to close.
    pub idle_ms_max: u64,
    /// How far behind `body_bytes_per_second_min` the body of a request may fall, ms: lost packets cost a few seconds.
    pub body_late_ms_max: u64,
    /// Slowest a body may come, bytes per second: an eighth of a megabit, which the worst mobile link gives.
    pub body_bytes_per_second_min: u64,
    /// Longest time that a client takes nothing of an answer or a stream, ms.
    pub unread_ms_max: u64,
    /// Requests under way at once: far more than a UI and a few scripts make, few enough that their bodies fit into memory. The kill
    /// switch, the host's health and the control socket have places of their own.
    pub requests_max: usize,
    /// Live streams open at once.
    pub streams_max: usize,
    /// Events that wait for the reader of a stream: at a thousand a second, four seconds of a slow network.
    pub stream_events_max: usize,
    /// Components in memory while they are uploaded and checked, bytes: five of the largest.
    pub upload_bytes_waiting_max: usize,
    /// How long a stop waits for requests under way, ms: most take milliseconds, and the supervisor waits 30 s for the whole stop.
    pub stop_ms_max: u64,
}

impl Default for DoorLimits {
    fn default() -> Self {
        Self {
            connections_max: 1_024,
            head_ms_max: 10_000,
            idle_ms_max: 75_000,
            body_late_ms_max: 5_000,
            body_bytes_per_second_min: 16 << 10,
            unread_ms_max: 15_000,
            requests_max: 256,
            streams_max: 128,
            stream_events_max: 4_096,
            upload_bytes_waiting_max: 128 << 20,
            stop_ms_max: 5_000,
        }
    }
}

/// Connections of each door beyond its maximum that are taken while all others are in the middle of a request. Those of the network reach
/// the kill switch and the host's health, and nothing else.
pub(super) const URGENT_CONNECTIONS: usize = 32;
/// Connections of the control socket at once: one person's commands.
pub(super) const CONTROL_CONNECTIONS: usize = 16;
/// Requests to the kill switch and for the host's health at once, beside `requests_max`.
pub(crate) const URGENT_REQUESTS: usize = 32;
/// Requests on the control socket at once.
pub(crate) const CONTROL_REQUESTS: usize = 16;
/// Files that every host needs for itself: the database's connections, logs, the records that are open.
const OWN_FILES_MIN: u64 = 96;

impl DoorLimits {
    /// Whether a host can work with these.
    ///
    /// # Errors
    /// Names the one that can't be.
    pub fn check(&self) -> Result<(), String> {
        let counts = [
            ("connections_max", self.connections_max as u64),
            ("head_ms_max", self.head_ms_max),
            ("idle_ms_max", self.idle_ms_max),
            ("body_bytes_per_second_min", self.body_bytes_per_second_min),
            ("unread_ms_max", self.unread_ms_max),
            ("requests_max", self.requests_max as u64),
            ("stream_events_max", self.stream_events_max as u64),
        ];
        match counts.into_iter().find(|(_, count)| *count == 0) {
            Some((name, _)) => Err(format!("api.{name} is 0, and nobody could be served; give 1 or more")),
            None => Ok(()),
        }
    }

    /// These limits on a machine that lets the process open `files` files: half of them, and some more where they are few, stay with the
    /// host.
    #[must_use]
    pub fn with_files(self, files_max: u64) -> Self {
        let clients = (files_max / 2).min(files_max.saturating_sub(OWN_FILES_MIN));
        let others = 2 * URGENT_CONNECTIONS + CONTROL_CONNECTIONS;
        let room = usize::try_from(clients).unwrap_or(usize::MAX).saturating_sub(others).max(1);
        let connections_max = self.connections_max.min(room);
        // A stream has its connection for itself: the other half is for requests.
        Self { connections_max, streams_max: self.streams_max.min(connections_max / 2).max(1), ..self }
    }

    pub(super) fn head(&self) -> Duration {
        Duration::from_millis(self.head_ms_max)
    }

    pub(super) fn idle(&self) -> Duration {
        Duration::from_millis(self.idle_ms_max)
    }

    pub(super) fn unread(&self) -> Duration {
        Duration::from_millis(self.unread_ms_max)
    }

    pub(super) fn stop(&self) -> Duration {
        Duration::from_millis(self.stop_ms_max)
    }

    /// How often connections are looked through for those whose time is over: an eighth of the shortest time, since nobody measures
    /// them more closely, and rarely enough to cost nothing.
    pub(super) fn sweep_every(&self) -> Duration {
        let shortest = self.head().min(self.idle()).min(self.unread());
        (shortest / 8).clamp(Duration::from_millis(10), Duration::from_secs(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_files_stay_with_the_host() {
        let of = |files| DoorLimits::default().with_files(files);
        let room = |files| (of(files).connections_max, of(files).streams_max);
        let expected = [(1_024, 128), (976, 128), (432, 128), (48, 24), (1, 1), (1, 1)];
        assert_eq!([65_536, 2_112, 1_024, 256, 128, 0].map(room), expected);
    }
}
