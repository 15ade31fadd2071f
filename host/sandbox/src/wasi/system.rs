//! Command line, clocks and randomness: an empty environment, the event's time, the host's seeded numbers.

use super::{Answers, STDERR, STDIN, STDOUT, refused, waiting};
use domain::guest::GuestHost;
use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::{cli, clocks, random};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable};

impl<H: GuestHost> cli::environment::Host for Answers<'_, H> {
    fn get_environment(&mut self) -> Result<Vec<(String, String)>> {
        Ok(Vec::new())
    }
    fn get_arguments(&mut self) -> Result<Vec<String>> {
        Ok(Vec::new())
    }
    fn initial_cwd(&mut self) -> Result<Option<String>> {
        Ok(None)
    }
}

impl<H: GuestHost> cli::exit::Host for Answers<'_, H> {
    fn exit(&mut self, _: std::result::Result<(), ()>) -> Result<()> {
        refused("cli/exit (a strategy can't end its process)")
    }
    fn exit_with_code(&mut self, _: u8) -> Result<()> {
        refused("cli/exit (a strategy can't end its process)")
    }
}

impl<H: GuestHost> cli::stdin::Host for Answers<'_, H> {
    fn get_stdin(&mut self) -> Result<Resource<DynInputStream>> {
        Ok(Resource::new_own(STDIN))
    }
}

impl<H: GuestHost> cli::stdout::Host for Answers<'_, H> {
    fn get_stdout(&mut self) -> Result<Resource<DynOutputStream>> {
        Ok(Resource::new_own(STDOUT))
    }
}

impl<H: GuestHost> cli::stderr::Host for Answers<'_, H> {
    fn get_stderr(&mut self) -> Result<Resource<DynOutputStream>> {
        Ok(Resource::new_own(STDERR))
    }
}

impl<H: GuestHost> cli::terminal_input::Host for Answers<'_, H> {}
impl<H: GuestHost> cli::terminal_input::HostTerminalInput for Answers<'_, H> {
    fn drop(&mut self, _: Resource<cli::terminal_input::TerminalInput>) -> Result<()> {
        Ok(())
    }
}

impl<H: GuestHost> cli::terminal_output::Host for Answers<'_, H> {}
impl<H: GuestHost> cli::terminal_output::HostTerminalOutput for Answers<'_, H> {
    fn drop(&mut self, _: Resource<cli::terminal_output::TerminalOutput>) -> Result<()> {
        Ok(())
    }
}

impl<H: GuestHost> cli::terminal_stdin::Host for Answers<'_, H> {
    fn get_terminal_stdin(&mut self) -> Result<Option<Resource<cli::terminal_input::TerminalInput>>> {
        Ok(None)
    }
}

impl<H: GuestHost> cli::terminal_stdout::Host for Answers<'_, H> {
    fn get_terminal_stdout(&mut self) -> Result<Option<Resource<cli::terminal_output::TerminalOutput>>> {
        Ok(None)
    }
}

impl<H: GuestHost> cli::terminal_stderr::Host for Answers<'_, H> {
    fn get_terminal_stderr(&mut self) -> Result<Option<Resource<cli::terminal_output::TerminalOutput>>> {
        Ok(None)
    }
}

impl<H: GuestHost> clocks::wall_clock::Host for Answers<'_, H> {
    fn now(&mut self) -> Result<clocks::wall_clock::Datetime> {
        Ok(datetime(Answers::now(self)?))
    }
    fn resolution(&mut self) -> Result<clocks::wall_clock::Datetime> {
        Ok(datetime(1))
    }
}

fn datetime(us: u64) -> clocks::wall_clock::Datetime {
    clocks::wall_clock::Datetime { seconds: us / 1_000_000, nanoseconds: (us % 1_000_000) as u32 * 1_000 }
}

impl<H: GuestHost> clocks::monotonic_clock::Host for Answers<'_, H> {
    fn now(&mut self) -> Result<u64> {
        Ok(Answers::now(self)?.saturating_mul(1_000))
    }
    fn resolution(&mut self) -> Result<u64> {
        Ok(1_000)
    }
    fn subscribe_instant(&mut self, _: u64) -> Result<Resource<DynPollable>> {
        waiting("clocks/monotonic-clock.subscribe-instant")
    }
    fn subscribe_duration(&mut self, _: u64) -> Result<Resource<DynPollable>> {
        waiting("clocks/monotonic-clock.subscribe-duration")
    }
}

impl<H: GuestHost> random::random::Host for Answers<'_, H> {
    fn get_random_bytes(&mut self, len: u64) -> Result<Vec<u8>> {
        self.draw_bytes(len)
    }
    fn get_random_u64(&mut self) -> Result<u64> {
        self.draw()
    }
}

impl<H: GuestHost> random::insecure::Host for Answers<'_, H> {
    fn get_insecure_random_bytes(&mut self, len: u64) -> Result<Vec<u8>> {
        self.draw_bytes(len)
    }
    fn get_insecure_random_u64(&mut self) -> Result<u64> {
        self.draw()
    }
}

impl<H: GuestHost> random::insecure_seed::Host for Answers<'_, H> {
    fn insecure_seed(&mut self) -> Result<(u64, u64)> {
        Ok((self.draw()?, self.draw()?))
    }
}
