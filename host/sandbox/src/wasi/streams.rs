//! Streams: output becomes lines of the engine's log, input has ended, and neither ever makes a guest wait.

use super::{Answers, LOOK, WRITE_BYTES_MAX};
use domain::guest::GuestHost;
use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::sync::io::{error, poll, streams};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable, StreamError, StreamResult};

/// The one pollable there is. Only streams give any, and standard libraries block on one before they write; waiting for time is
/// refused where it is asked for.
const ALWAYS_READY: u32 = 0;

impl<H: GuestHost> error::Host for Answers<'_, H> {}
impl<H: GuestHost> error::HostError for Answers<'_, H> {
    fn to_debug_string(&mut self, _: Resource<error::Error>) -> Result<String> {
        Ok(String::new())
    }
    fn drop(&mut self, _: Resource<error::Error>) -> Result<()> {
        Ok(())
    }
}

impl<H: GuestHost> poll::Host for Answers<'_, H> {
    fn poll(&mut self, all: Vec<Resource<DynPollable>>) -> Result<Vec<u32>> {
        self.0.pay(LOOK)?;
        Ok((0..all.len() as u32).collect())
    }
}

impl<H: GuestHost> poll::HostPollable for Answers<'_, H> {
    fn ready(&mut self, _: Resource<DynPollable>) -> Result<bool> {
        Ok(true)
    }
    fn block(&mut self, _: Resource<DynPollable>) -> Result<()> {
        Ok(())
    }
    fn drop(&mut self, _: Resource<DynPollable>) -> Result<()> {
        Ok(())
    }
}

impl<H: GuestHost> streams::Host for Answers<'_, H> {
    fn convert_stream_error(&mut self, error: StreamError) -> Result<streams::StreamError> {
        match error {
            StreamError::Closed => Ok(streams::StreamError::Closed),
            StreamError::LastOperationFailed(why) | StreamError::Trap(why) => Err(why),
        }
    }
}

impl<H: GuestHost> streams::HostInputStream for Answers<'_, H> {
    fn read(&mut self, _: Resource<DynInputStream>, _: u64) -> StreamResult<Vec<u8>> {
        Err(StreamError::Closed)
    }
    fn blocking_read(&mut self, _: Resource<DynInputStream>, _: u64) -> StreamResult<Vec<u8>> {
        Err(StreamError::Closed)
    }
    fn skip(&mut self, _: Resource<DynInputStream>, _: u64) -> StreamResult<u64> {
        Err(StreamError::Closed)
    }
    fn blocking_skip(&mut self, _: Resource<DynInputStream>, _: u64) -> StreamResult<u64> {
        Err(StreamError::Closed)
    }
    fn subscribe(&mut self, _: Resource<DynInputStream>) -> Result<Resource<DynPollable>> {
        Ok(Resource::new_own(ALWAYS_READY))
    }
    fn drop(&mut self, _: Resource<DynInputStream>) -> Result<()> {
        Ok(())
    }
}

impl<H: GuestHost> streams::HostOutputStream for Answers<'_, H> {
    fn check_write(&mut self, _: Resource<DynOutputStream>) -> StreamResult<u64> {
        Ok(WRITE_BYTES_MAX)
    }
    fn write(&mut self, stream: Resource<DynOutputStream>, bytes: Vec<u8>) -> StreamResult<()> {
        self.print(stream.rep(), &bytes).map_err(StreamError::Trap)
    }
    fn blocking_write_and_flush(&mut self, stream: Resource<DynOutputStream>, bytes: Vec<u8>) -> StreamResult<()> {
        self.write(stream, bytes)
    }
    fn write_zeroes(&mut self, stream: Resource<DynOutputStream>, len: u64) -> StreamResult<()> {
        self.write(stream, vec![0; len.min(WRITE_BYTES_MAX) as usize])
    }
    fn blocking_write_zeroes_and_flush(&mut self, stream: Resource<DynOutputStream>, len: u64) -> StreamResult<()> {
        self.write_zeroes(stream, len)
    }
    fn flush(&mut self, _: Resource<DynOutputStream>) -> StreamResult<()> {
        Ok(())
    }
    fn blocking_flush(&mut self, _: Resource<DynOutputStream>) -> StreamResult<()> {
        Ok(())
    }
    fn subscribe(&mut self, _: Resource<DynOutputStream>) -> Result<Resource<DynPollable>> {
        Ok(Resource::new_own(ALWAYS_READY))
    }
    fn splice(&mut self, _: Resource<DynOutputStream>, _: Resource<DynInputStream>, _: u64) -> StreamResult<u64> {
        Err(StreamError::Closed)
    }
    fn blocking_splice(&mut self, _: Resource<DynOutputStream>, _: Resource<DynInputStream>, _: u64) -> StreamResult<u64> {
        Err(StreamError::Closed)
    }
    fn drop(&mut self, _: Resource<DynOutputStream>) -> Result<()> {
        Ok(())
    }
}
