//! stockade-api
