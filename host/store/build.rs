//! A new migration is part of the binary: build again when one appears.

fn main() {
    println!("cargo:rerun-if-changed=../../migrations");
}
