//! Users.

use domain::ids::UserId;
use domain::time::Time;

/// What is kept for a user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Engines that are set up.
    pub engines: u64,
    /// Versions of all strategies.
    pub versions: u64,
    /// Their components, bytes; one that is in two strategies counts twice.
    pub upload_bytes: u64,
    /// Their machine code, bytes.
    pub compiled_bytes: u64,
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRecord {
    /// Who.
    pub id: UserId,
    /// Unique on the host.
    pub name: String,
    /// When they came.
    pub created_at: Time,
}
