//! stockade-engine
