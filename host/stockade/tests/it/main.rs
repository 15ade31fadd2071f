//! The program as its users meet it: command lines in, exit codes and lines out.

mod asking;
mod bad_input;
mod compare;
mod data;
mod doors;
mod endings;
mod help;
mod host;
mod kills;
mod market;
mod native;
mod optimise;
mod program;
mod results;
mod risk;
mod strategies;
