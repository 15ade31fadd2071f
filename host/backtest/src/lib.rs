//! stockade-backtest
