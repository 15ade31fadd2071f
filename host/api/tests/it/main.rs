//! The API through its router, on a real database and a real host; what a strategy does and a broker fills is scripted.

mod access;
mod accounts;
mod any_body;
mod document;
mod engines;
mod health;
mod metrics;
mod quotas;
mod reconcile;
mod restart;
mod risk;
mod serving;
mod shadow;
mod standing;
mod strategies;
mod stream;
mod support;
mod trading;
mod users;
mod wanted;
