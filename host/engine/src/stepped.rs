//! A host without threads: the same parts, moved one at a time by the caller, in any order. With ports that
//! follow a seed too, a run can be repeated to the letter: that is what simulations need.

use crate::error::HostError;
use crate::events::EventSink;
use crate::host::{Host, Left};
use crate::keeping::Keeping;
use crate::pipeline::{Pipeline, PipelineRequest, WoundDown};
use crate::recovery::Recovered;
use crate::setup::HostSetup;
use crate::shard::{EngineCommand, Shard, ShardRequest};
use crate::{Scope, starter};
use domain::account::{Account, WindDown};
use domain::ids::EngineId;
use domain::journal::JournalError;
use domain::life::EngineState;
use std::sync::Arc;
use std::sync::mpsc::channel;

/// A host that stands still until it is moved.
pub struct Stepped {
    // Dropped last: the parts below share what it has.
    pipeline: Pipeline,
    shards: Vec<Shard>,
    sink: Box<dyn EventSink>,
    host: Host,
}

impl Stepped {
    /// Puts the parts together. No account is open and no engine is there yet.
    pub fn new(setup: HostSetup) -> Self {
        let keeping = Keeping::direct(Arc::clone(&setup.keeper));
        let (host, pipeline, sink) = Host::assemble(setup, keeping);
        let shards = (0..host.shared.shards.len()).map(|number| Shard::new(Arc::clone(&host.shared), number)).collect();
        Self { pipeline, shards, sink, host }
    }

    /// The host, for what does not wait for an answer: ticks, trading states, a look.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// [`Host::open_account`], at once.
    ///
    /// # Errors
    /// As there.
    pub fn open_account(&mut self, account: Account) -> Result<Recovered, HostError> {
        let (answer, opened) = channel();
        self.host.shared.pipeline.push_urgent(PipelineRequest::Open { account: Box::new(account), answer });
        self.pipeline();
        opened.try_recv().map_err(|_| HostError::Stopped)?
    }

    /// [`Host::wind_down`], at once.
    ///
    /// # Errors
    /// As there.
    pub fn wind_down(&mut self, scope: Scope, what: WindDown) -> Result<WoundDown, HostError> {
        let (answer, done) = channel();
        self.host.shared.pipeline.push_urgent(PipelineRequest::WindDown { scope, what, answer });
        self.pipeline();
        done.try_recv().map_err(|_| HostError::Stopped)
    }

    /// [`Host::command`], when the engine's shard is moved next.
    ///
    /// # Errors
    /// There is no such engine.
    pub fn command(&self, engine: EngineId, command: EngineCommand, reason: &str) -> Result<(), HostError> {
        let entry = self.host.shared.engine(engine).ok_or(HostError::NoSuchEngine(engine))?;
        let (answer, _nobody_waits) = channel();
        let request = ShardRequest::Command { engine, command, reason: reason.to_owned(), answer };
        self.host.shared.homes.of(entry.whose.account).ask(request, &self.host.shared);
        Ok(())
    }

    /// What an engine is doing.
    pub fn state(&self, engine: EngineId) -> Option<EngineState> {
        Some(self.host.shared.engine(engine)?.meter.state())
    }

    /// [`Host::pay`], at once.
    ///
    /// # Errors
    /// The journal does not work.
    pub fn pay(&mut self) -> Result<usize, JournalError> {
        self.pipeline.pay()
    }

    /// What the order pipeline does last when a host stops that has no time left.
    pub fn settle_up(&mut self) -> Left {
        _ = self.host.shared.stop_by.set(std::time::Instant::now());
        self.pipeline.settle_up()
    }

    /// Lines that wait for a journal that did not work.
    pub fn owes_journal(&self) -> usize {
        self.pipeline.owes_journal()
    }

    /// Moves the order pipeline over what waits for it.
    pub fn pipeline(&mut self) {
        self.pipeline.step(None, false);
    }

    /// Moves a shard over what waits for it.
    pub fn shard(&mut self, number: usize) {
        self.shards[number].turn(Some(std::time::Duration::ZERO));
    }

    /// How many shards there are.
    pub fn shards(&self) -> usize {
        self.shards.len()
    }

    /// Starts the guests that wait for it.
    pub fn starters(&mut self) {
        while let Some(job) = self.host.shared.jobs.next() {
            starter::serve(&self.host.shared, job);
        }
    }

    /// Hands the sink what there is to tell.
    pub fn herald(&mut self) {
        self.host.shared.herald.drain(&mut *self.sink);
    }
}
