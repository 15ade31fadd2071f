//! stockade-paper
