//! Users.

use domain::ids::UserId;
use domain::time::Time;

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
