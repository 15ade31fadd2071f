use stockade_domain::number::{Money, Points, Steps};

fn main() {
    let _half = Money(100) * 0.5;
    let _more = Money(100) + 1.5;
    let _moved = Points(1) + 0.1;
    let _lots: Steps = 0.01.into();
}
