//! The deals of a run as CSV, for spreadsheets.

use super::full::FullReport;

impl FullReport<'_> {
    /// Writes every deal as a row, with a header.
    ///
    /// # Errors
    /// What `out` says.
    pub fn write_deals_csv(&self, out: impl std::io::Write) -> csv::Result<()> {
        let mut writer = csv::Writer::from_writer(out);
        writer.write_record([
            "time",
            "deal",
            "order",
            "position",
            "symbol",
            "side",
            "entry",
            "reason",
            "lots",
            "price",
            "commission",
            "swap",
            "profit",
            "net",
            "balance",
            "tag",
        ])?;
        for deal in self.deal_rows() {
            let number = |value: f64| value.to_string();
            writer.write_record([
                deal.time.as_str(),
                &deal.deal.to_string(),
                &deal.order.map(|order| order.to_string()).unwrap_or_default(),
                &deal.position.to_string(),
                &plain(deal.symbol),
                deal.side,
                deal.entry,
                deal.reason,
                &number(deal.lots),
                &number(deal.price),
                &number(deal.commission),
                &number(deal.swap),
                &number(deal.profit),
                &number(deal.net),
                &number(deal.balance),
                &plain(deal.tag),
            ])?;
        }
        Ok(writer.flush()?)
    }
}

/// A stranger's text that no spreadsheet takes for a formula.
fn plain(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if formula { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_no_formula() {
        for (tag, cell) in [("=HYPERLINK(1)", "'=HYPERLINK(1)"), ("-1", "'-1"), ("grid 3", "grid 3"), ("", "")] {
            assert_eq!(plain(tag), cell);
        }
    }
}
