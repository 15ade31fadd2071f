//! Bodies of requests, which must come at a least speed.

use super::DoorLimits;
use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// A body that ends in [`TooSlow`] when it comes more slowly than it must. Its time begins when it is first asked for and found wanting.
pub(crate) struct Paced {
    body: Body,
    late_max: Duration,
    bytes_per_second_min: u64,
    received: u64,
    began: Option<Instant>,
    alarm: Option<Pin<Box<Sleep>>>,
}

/// A body came too slowly.
#[derive(Debug, thiserror::Error)]
#[error("the body came more slowly than {0} bytes a second")]
pub(crate) struct TooSlow(u64);

impl Paced {
    /// The same body, with a least speed.
    pub(crate) fn body(body: Body, limits: &DoorLimits) -> Body {
        if body.is_end_stream() {
            return body;
        }
        let late_max = Duration::from_millis(limits.body_late_ms_max);
        let bytes_per_second_min = limits.body_bytes_per_second_min.max(1);
        Body::new(Self { body, late_max, bytes_per_second_min, received: 0, began: None, alarm: None })
    }

    /// When the next byte must have come.
    fn deadline(&mut self) -> Instant {
        let began = *self.began.get_or_insert_with(Instant::now);
        began + self.late_max + Duration::from_millis(self.received.saturating_mul(1_000) / self.bytes_per_second_min)
    }
}

impl HttpBody for Paced {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) {
            if let Some(Ok(frame)) = &frame {
                this.received += frame.data_ref().map_or(0, |data| data.len() as u64);
            }
            return Poll::Ready(frame);
        }
        let deadline = this.deadline();
        let alarm = this.alarm.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if alarm.deadline() != deadline {
            alarm.as_mut().reset(deadline);
        }
        ready!(alarm.as_mut().poll(context));
        Poll::Ready(Some(Err(axum::Error::new(TooSlow(this.bytes_per_second_min)))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
