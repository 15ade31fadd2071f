//! What PostgreSQL's errors mean to a caller.

use crate::StoreError;
use sqlx::error::DatabaseError;
use sqlx::postgres::PgDatabaseError;

/// What an error that PostgreSQL gave means; `None` when it is another database's, or means nothing to a caller. Codes of
/// <https://www.postgresql.org/docs/15/errcodes-appendix.html>.
pub fn meaning(error: &dyn DatabaseError) -> Option<StoreError> {
    let error = error.try_downcast_ref::<PgDatabaseError>()?;
    let said = || error.message().to_owned();
    match error.code() {
        "53100" => Some(StoreError::DiskFull),
        // io_error; read_only_sql_transaction: a standby, or a server that was told to stop writing.
        "58030" | "25006" => Some(StoreError::Disk(said())),
        // data_corrupted, index_corrupted.
        "XX001" | "XX002" => Some(StoreError::Damaged(said())),
        // admin_shutdown, crash_shutdown, cannot_connect_now, idle_in_transaction_session_timeout; connection exceptions.
        "57P01" | "57P02" | "57P03" | "25P03" => Some(StoreError::Unreachable(said())),
        code if code.starts_with("08") => Some(StoreError::Unreachable(said())),
        // Data that does not fit its column, or breaks a constraint: whoever tries it again gets the same answer.
        code if code.starts_with("22") || code.starts_with("23") => Some(StoreError::Rejected { code: code.into(), why: said() }),
        // Transactions that met (serialization_failure, deadlock_detected), resources that are short (too_many_connections,
        // out_of_memory ...), and statements that were ended (query_canceled by a timeout of ours): another time it works.
        code if code.starts_with("40") || code.starts_with("53") || code.starts_with("57") || code == "55P03" => {
            Some(StoreError::Passing { code: code.into(), why: said() })
        }
        _ => None,
    }
}

/// An error while connecting, which can say what is wrong with the address or the rights. Never repeats the password.
pub fn opening(database: &impl ToString, error: sqlx::Error) -> StoreError {
    let unusable = |why: String| StoreError::Unusable { database: database.to_string(), why };
    let code = error.as_database_error().and_then(|said| said.code()).unwrap_or_default().into_owned();
    let said = error.as_database_error().map(|said| said.message().to_owned()).unwrap_or_default();
    match code.as_str() {
        "28P01" | "28000" => unusable(format!("{said}; check user and password, and the server's pg_hba.conf")),
        "3D000" => unusable(format!("{said}; make it: createdb --owner=USER NAME")),
        "42501" => unusable(format!("{said}; the user must own the database, or be granted CREATE on its schema public")),
        // A pooler's own refusals have this code.
        "08P01" => unusable(said),
        _ => match error {
            // What TLS finds wrong with a certificate comes so.
            sqlx::Error::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                unusable(format!("TLS: {error}; check sslmode and sslrootcert"))
            }
            sqlx::Error::Io(error) => StoreError::Unreachable(format!("{}: {error}", database.to_string())),
            sqlx::Error::Tls(error) => unusable(format!("TLS: {error}; check sslmode and sslrootcert")),
            sqlx::Error::Configuration(error) => unusable(error.to_string()),
            error => error.into(),
        },
    }
}
