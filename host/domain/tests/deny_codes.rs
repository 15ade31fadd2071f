//! The table of deny codes, the contract and the code say the same.

use std::path::Path;
use stockade_domain::contract::DenyCode;

fn table() -> String {
    let mut text = String::from(
        "# Why an order was denied\n\nThe risk gate and the desk before it refuse with one of these codes. They are stable: codes are added at the end, never \
         renumbered or reused. A *denied* order never left the host; one that the broker refused is *rejected*, with the broker's number.\n\n\
         Limits named here are those of `[risk]` in the configuration, of a user and of an account; the strictest holds. Closes, reductions and\n\
         cancels pass every limit but the form of the order and ten times the message rate.\n\n\
         | code | what was found | what to do |\n| --- | --- | --- |\n",
    );
    for code in DenyCode::ALL {
        text += &format!("| `{}` | {} | {} |\n", code.word(), code.meaning(), code.way_out());
    }
    text
}

#[test]
fn the_documented_codes_are_those_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/deny-codes.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, table()).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == table(), "docs/deny-codes.md differs; write it anew with UPDATE=1 cargo test -p stockade-domain");
}

#[test]
fn the_contract_has_every_code_in_order() {
    let wit = include_str!("../../../sdk/wit/strategy.wit");
    let start = wit.find("enum deny-code {").unwrap() + "enum deny-code {".len();
    let listed = &wit[start..start + wit[start..].find('}').unwrap()];
    let listed: Vec<String> =
        listed.split(',').map(|code| code.trim().replace('-', "_").to_uppercase()).filter(|code| !code.is_empty()).collect();
    let known: Vec<&str> = DenyCode::ALL.iter().map(|code| code.word()).collect();
    assert_eq!(listed, known);
}
