//! The audit: who did what, in a chain of hashes in which no row can be changed or removed unseen.

use domain::ids::Digest;
use domain::time::Time;

/// The hash before the first row.
pub(crate) const START: Digest = Digest([0; 32]);

/// Something to remember for ever.
#[derive(Clone, Debug, PartialEq)]
pub struct NewAudit {
    /// When.
    pub at: Time,
    /// Who: a user's name, "operator" or "host".
    pub actor: String,
    /// What: "engine.start", "version.upload" ...
    pub action: String,
    /// Of what: "engine 7".
    pub object: String,
    /// The rest, without secrets.
    pub detail: serde_json::Value,
}

/// A row of the audit.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditRecord {
    /// Counts the rows from 1 without a gap.
    pub seq: i64,
    /// What happened.
    pub entry: NewAudit,
    /// The hash of the row before.
    pub prev_hash: Digest,
    /// SHA-256 of this row's fields and `prev_hash`.
    pub hash: Digest,
}

/// What a check of the audit found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditVerdict {
    /// Every row is as it was written. Whoever noted an earlier head elsewhere can tell that none is missing at the end.
    Intact {
        /// How many rows there are.
        rows: i64,
        /// The hash of the last.
        head: Digest,
    },
    /// This row was changed, or one before it was removed.
    Broken {
        /// Which.
        seq: i64,
        /// What does not fit.
        why: &'static str,
    },
}

/// The hash of a row: each field with its length before it, so that no two rows share their bytes.
pub(crate) fn hash(seq: i64, entry: &NewAudit, detail: &str, prev_hash: Digest) -> Digest {
    let mut bytes = Vec::with_capacity(256);
    let (seq, at) = (seq.to_be_bytes(), entry.at.0.to_be_bytes());
    let texts = [&entry.actor, &entry.action, &entry.object].map(|text| text.as_bytes());
    let fields = [&prev_hash.0[..], &seq, &at].into_iter().chain(texts).chain([detail.as_bytes()]);
    for field in fields {
        bytes.extend_from_slice(&(field.len() as u64).to_be_bytes());
        bytes.extend_from_slice(field);
    }
    Digest::of(&bytes)
}

/// Follows the chain from row to row.
#[derive(Debug)]
pub(crate) struct Chain {
    rows: i64,
    head: Digest,
}

impl Chain {
    pub fn new() -> Self {
        Self { rows: 0, head: START }
    }

    /// The next row, with its detail as it is stored.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn follow(&mut self, row: &AuditRecord, detail: &str) -> Result<(), AuditVerdict> {
        let broken = |why| Err(AuditVerdict::Broken { seq: row.seq, why });
        match () {
            () if row.seq != self.rows + 1 => broken("a row before it is missing"),
            () if row.prev_hash != self.head => broken("it does not follow the row before it"),
            () if row.hash != hash(row.seq, &row.entry, detail, row.prev_hash) => broken("its hash is not that of its fields"),
            () => {
                (self.rows, self.head) = (row.seq, row.hash);
                Ok(())
            }
        }
    }

    pub fn intact(&self) -> AuditVerdict {
        AuditVerdict::Intact { rows: self.rows, head: self.head }
    }
}
