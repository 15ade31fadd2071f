//! Components made by hand, each of one kind of attack on what a host does around a guest: parsing, naming, compiling, showing.

/// All of them. `base` is a real component, to which modules and sections are added.
pub fn all(base: &[u8]) -> Vec<Vec<u8>> {
    let mut all = vec![Vec::new(), COMPONENT.to_vec(), b"\0asm".to_vec(), base[..base.len() / 2].to_vec(), [base, base].concat()];
    // Types within types: component types, instance types, both by turns, and within components.
    for depth in [1_100, 5_000, 100_000] {
        for pattern in [[0x41, 0x41], [0x42, 0x42], [0x41, 0x42]] {
            let types = nested_types(depth, pattern);
            all.push([COMPONENT, &section(7, &types)].concat());
            let inner = [COMPONENT, &section(7, &types)].concat();
            all.push([COMPONENT, &section(4, &inner)].concat());
        }
    }
    all.push(nested_components(2_000));
    // A type of a million declarations, which counts as one.
    for declaration in [&[0x01, 0x41, 0x00][..], &[0x01, 0x42, 0x00], &[0x01, 0x7D]] {
        let mut types = vec![1, 0x41];
        types.extend(length(900_000));
        types.extend(declaration.repeat(900_000));
        all.push([COMPONENT, &section(7, &types)].concat());
    }
    // Code out of proportion: functions of three bytes.
    all.push([base, &section(1, &many_functions(49_000, b"f"))].concat());
    // Names of functions that unfold, and that command a terminal.
    for name in [unfolding(8, 3), unfolding(30, 5), "\u{1b}]0;owned\u{7}\u{1b}[2J".repeat(2_000), "\u{202e}".repeat(2_000)] {
        all.push([base, &section(1, &many_functions(2, name.as_bytes()))].concat());
    }
    // An import that commands a terminal, or lies about its direction.
    for name in ["\u{1b}[2J\u{1b}]52;c;b3duZWQ=\u{7}", "a\u{202e}b", "", "stockade:strategy/trading@999.0.0", "wasi:sockets/tcp@0.2.0"] {
        all.push(importing(name));
    }
    // Sections that nobody knows, as many as fit.
    all.push([base, &section(0, &[1, b'x']).repeat(200_000)].concat());
    // Numbers of a real component become none: a default, a bound, a price.
    all.extend(without_numbers(base));
    all
}

const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
const MODULE: &[u8] = b"\0asm\x01\0\0\0";

fn length(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn section(kind: u8, content: &[u8]) -> Vec<u8> {
    [&[kind], length(content.len()).as_slice(), content].concat()
}

/// One type, which declares one type, and so on.
fn nested_types(depth: usize, pattern: [u8; 2]) -> Vec<u8> {
    let mut types = vec![1];
    for level in 0..depth {
        types.extend([pattern[level % 2], 1, 1]);
    }
    types.extend([0x41, 0]);
    types
}

fn nested_components(depth: usize) -> Vec<u8> {
    // From within, each length being that of what is inside.
    let mut bytes = COMPONENT.to_vec();
    for _ in 0..depth {
        bytes = [COMPONENT, &section(4, &bytes)].concat();
    }
    bytes
}

/// A module of functions that do nothing, the first of which has a name.
fn many_functions(count: usize, name: &[u8]) -> Vec<u8> {
    let types = section(1, &[1, 0x60, 0, 0]);
    let functions = section(3, &[length(count), vec![0; count]].concat());
    let code = section(10, &[length(count), [2, 0, 0x0B].repeat(count)].concat());
    let names = [&[1], length(name.len() + length(name.len()).len() + 2).as_slice(), &[1, 0], &length(name.len()), name].concat();
    let custom = section(0, &[&[4], b"name".as_slice(), &names].concat());
    [MODULE, &types, &functions, &code, &custom].concat()
}

/// A name in C++'s mangling of which each level stands for several of the level below.
fn unfolding(wide: usize, deep: usize) -> String {
    let mut name = format!("_Z1f1AI{}E", "i".repeat(wide));
    for level in 0..deep {
        let before = if level == 0 { "S0_".to_owned() } else { format!("S{level}_") };
        name += &format!("S_I{}E", before.repeat(wide));
    }
    name
}

/// A component that imports a function of this name.
fn importing(name: &str) -> Vec<u8> {
    let types = section(7, &[1, 0x40, 0, 1, 0]);
    let import = section(10, &[&[1, 0], length(name.len()).as_slice(), name.as_bytes(), &[1, 0]].concat());
    [COMPONENT, &types, &import].concat()
}

/// The component with one of its constants, each time another, being no number or without end.
fn without_numbers(base: &[u8]) -> Vec<Vec<u8>> {
    const F64_CONST: u8 = 0x44;
    let is_plain = |at: usize| {
        let bytes = base.get(at + 1..at + 9).and_then(|bytes| bytes.try_into().ok());
        bytes.map(f64::from_le_bytes).is_some_and(|value| (1e-3..1e6).contains(&value))
    };
    let places = (0..base.len()).filter(|&at| base[at] == F64_CONST && is_plain(at));
    let values = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY].into_iter().cycle();
    let changed = places.take(24).zip(values).map(|(at, value)| {
        let mut bytes = base.to_vec();
        bytes[at + 1..at + 9].copy_from_slice(&value.to_le_bytes());
        bytes
    });
    changed.collect()
}
