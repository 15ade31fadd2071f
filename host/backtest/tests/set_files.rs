//! `.set` files and `tester.ini` read back as they were written, in both encodings, and mistakes in them are named by line.

use domain::contract::{ParamSpec, ParamValue};
use proptest::prelude::*;
use stockade_backtest::optimise::ini::TesterIni;
use stockade_backtest::optimise::set_file::{Input, InputRange, SetFile, SetLine};
use stockade_backtest::optimise::text_file::Encoding;
use stockade_backtest::optimise::{Given, Space};

fn word() -> impl Strategy<Value = String> {
    "[A-Za-z_][A-Za-z0-9_]{0,12}"
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "-?[0-9]{1,6}", "-?[0-9]{1,4}\\.[0-9]{1,6}", "[a-zäöü€字]([a-zA-Z äöü€字=;.,]{0,18}[a-z])?"]
}

fn input() -> impl Strategy<Value = Input> {
    let number = || "-?[0-9]{1,5}(\\.[0-9]{1,5})?";
    let range = (number(), number(), number(), any::<bool>()).prop_map(|(start, step, stop, optimised)| InputRange {
        start,
        step,
        stop,
        optimised,
    });
    (word(), value(), proptest::option::of(range)).prop_map(|(name, value, range)| Input { name, value, range })
}

fn set_file() -> impl Strategy<Value = SetFile> {
    let comment = "[a-z=;\\[\\]|äöü]{1,20}".prop_map(SetLine::Comment);
    let line = prop_oneof![1 => comment.prop_filter("no marks at its ends", |line| !matches!(line, SetLine::Comment(text) if text.trim() != text)), 4 => input().prop_map(SetLine::Input)];
    proptest::collection::vec(line, 0..12).prop_map(|lines| SetFile { lines })
}

fn ini() -> impl Strategy<Value = TesterIni> {
    use proptest::option::of;
    let date = || (-20_000_i64..60_000).prop_map(market::Date);
    let text = || "[A-Za-z][A-Za-z0-9\\\\. ]{0,15}[a-z]";
    let first = (of(text()), of(text()), of(word()), of(0_u32..=4), of(-1_i64..5_000), of(0_u32..=3), of(0_u32..=7), of(date()));
    let second = (
        of(date()),
        of(0_u32..=4),
        of(date()),
        of(1_u32..100_000_000),
        of(word()),
        of(1_u32..1_000),
        of(text()),
        of("[A-Za-z]{1,9}\\.set"),
    );
    let other = proptest::collection::vec(("X[a-z]{1,8}", "[a-z0-9]{0,8}"), 0..4);
    (first, second, other, set_file()).prop_map(|(first, second, other, inputs)| TesterIni {
        expert: first.0,
        expert_parameters: second.7,
        symbol: first.1,
        period: first.2,
        model: first.3,
        execution_mode: first.4,
        optimization: first.5,
        optimization_criterion: first.6,
        from_date: first.7,
        to_date: second.0,
        forward_mode: second.1,
        forward_date: second.2,
        deposit: second.3.map(|cents| f64::from(cents) / 100.0),
        currency: second.4,
        leverage: second.5,
        report: second.6,
        other,
        inputs,
    })
}

proptest! {
    #[test]
    fn a_set_file_reads_back_as_it_was_written(file in set_file()) {
        for encoding in [Encoding::Utf16, Encoding::Utf8] {
            prop_assert_eq!(&SetFile::read(&file.bytes(encoding)).unwrap(), &file);
        }
    }

    #[test]
    fn a_tester_ini_reads_back_as_it_was_written(ini in ini()) {
        for encoding in [Encoding::Utf16, Encoding::Utf8] {
            prop_assert_eq!(&TesterIni::read(&ini.bytes(encoding)).unwrap(), &ini);
        }
    }

    #[test]
    fn any_bytes_are_a_file_or_one_line_about_it(bytes in proptest::collection::vec(any::<u8>(), 0..200), lines in "([a-zA-Z]{1,10}=[0-9|YN.]{0,20}\n){0,8}") {
        for bytes in [&bytes[..], lines.as_bytes()] {
            for error in [SetFile::read(bytes).err(), TesterIni::read(bytes).err()].into_iter().flatten() {
                prop_assert_eq!(error.lines().count(), 1, "{}", error);
            }
        }
    }
}

fn specs() -> Vec<ParamSpec> {
    let spec = |name: &str, default| ParamSpec {
        name: name.into(),
        help: String::new(),
        default,
        min: None,
        max: None,
        step: None,
        choices: vec!["slow".into(), "fast".into(), "wild".into()],
    };
    vec![
        spec("fast", ParamValue::Integer(10)),
        spec("volume", ParamValue::Number(0.1)),
        spec("mode", ParamValue::Choice(0)),
        spec("active", ParamValue::Flag(true)),
        spec("label", ParamValue::Text(String::new())),
    ]
}

/// What MT5 itself writes: enumerations by number, ranges also where they are not optimised.
const OF_MT5: &str = "; saved on 2024.01.01 10:00:00\r\n; this file contains input parameters\r\nfast=12||5||5||50||Y\r\n\
                      volume=0.1||0.1||0.010000||1.000000||N\r\nmode=1||0||1||2||Y\r\nactive=true||false||0||true||Y\r\nlabel=any text\r\n";

#[test]
fn a_set_file_of_mt5_is_understood() {
    let utf16: Vec<u8> = [0xFF, 0xFE].into_iter().chain(OF_MT5.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    for bytes in [OF_MT5.as_bytes(), &utf16] {
        let file = SetFile::read(bytes).unwrap();
        let space = Space::new(&specs(), &file.given(&specs()).unwrap()).unwrap();
        assert_eq!(
            space.axes().iter().map(|axis| (axis.name(), axis.len())).collect::<Vec<_>>(),
            [("fast", 10), ("mode", 3), ("active", 2)]
        );
        assert_eq!(space.texts(&space.point(59)), ["50", "wild", "true"]);
        let params = space.params(&space.point(0));
        assert_eq!(params[1].value, ParamValue::Number(0.1));
        assert_eq!(params[4].value, ParamValue::Text("any text".into()));
        // And the best of it goes back into a file that reads the same.
        let best = SetFile::of_space(&specs(), &space, &space.params(&space.point(33)), "the best");
        assert_eq!(best.inputs().next().map(|input| input.value.as_str()), Some("30"));
        let again = Space::new(&specs(), &SetFile::read(&best.bytes(Encoding::Utf16)).unwrap().given(&specs()).unwrap()).unwrap();
        assert_eq!(
            (0..60).map(|at| again.texts(&again.point(at))).collect::<Vec<_>>(),
            (0..60).map(|at| space.texts(&space.point(at))).collect::<Vec<_>>()
        );
    }
}

#[test]
fn a_set_file_of_mt4_is_understood() {
    let text = "fast=12\nfast,F=1\nfast,1=5\nfast,2=5\nfast,3=50\nvolume=0.10000000\nvolume,F=0\nvolume,1=0.1\nvolume,2=0.0\nvolume,3=0.0\n\
                mode=1\nmode,F=1\nmode,1=0\nmode,2=1\nmode,3=2\nactive=0\nactive,F=1\nactive,1=0\nactive,2=0\nactive,3=0\nlabel=any text\n";
    let space = Space::new(&specs(), &SetFile::read(text.as_bytes()).unwrap().given(&specs()).unwrap()).unwrap();
    let axes: Vec<_> = space.axes().iter().map(|axis| (axis.name(), axis.len())).collect();
    assert_eq!(axes, [("fast", 10), ("mode", 3), ("active", 2)]);
    assert_eq!((space.texts(&space.point(0)), space.texts(&space.point(59))), (own(["5", "slow", "false"]), own(["50", "wild", "true"])));
    assert_eq!(space.params(&space.point(0))[1].value, ParamValue::Number(0.1));
}

fn own(texts: [&str; 3]) -> Vec<String> {
    texts.map(str::to_owned).to_vec()
}

#[test]
fn a_file_in_a_code_page_is_read() {
    // A comment in Windows-1251, a text in Windows-1252.
    let bytes = [&b"; \xF1\xEE\xF5\xF0\xE0\xED\xE5\xED\xEE\r\nfast=12||5||5||50||Y\r\nlabel=caf\xE9 \x80\r\n"[..]].concat();
    let file = SetFile::read(&bytes).unwrap();
    let space = Space::new(&specs(), &file.given(&specs()).unwrap()).unwrap();
    assert_eq!((space.axes().len(), space.axes()[0].len()), (1, 10));
    assert_eq!(space.params(&space.point(0))[4].value, ParamValue::Text("café €".into()));
}

#[test]
fn a_list_goes_into_a_file_as_the_range_that_holds_it() {
    let list = |name: &str, values: &[&str]| (name.to_owned(), Given::Listed(values.iter().map(|&value| value.to_owned()).collect()));
    let space = Space::new(&specs(), &[list("fast", &["7", "1", "4"]), list("volume", &["0.0002", "0.0005", "0.0007"])]).unwrap();
    let file = SetFile::of_space(&specs(), &space, &space.params(&space.point(0)), "the best");
    assert!(file.text().contains("\nfast=7||1||3||7||Y\n"), "{}", file.text());
    let uneven = "\n; volume was 0.0002, 0.0005, 0.0007; the range below holds more\nvolume=0.0002||0.0002||0.0002||0.0007||Y\n";
    assert!(file.text().contains(uneven), "{}", file.text());
    let again = Space::new(&specs(), &SetFile::read(file.text().as_bytes()).unwrap().given(&specs()).unwrap()).unwrap();
    let texts = |at| again.texts(&again.point(at))[0].clone();
    assert_eq!((again.axes()[0].len(), texts(0), texts(again.size() - 1)), (3, "1".to_owned(), "7".to_owned()));
}

#[test]
fn a_tester_ini_of_mt5_is_understood_and_logins_are_passed_over() {
    let text = "[Common]\nLogin=123456\nPassword=secret\n[Tester]\nExpert=Examples\\MACD\\MACD Sample.ex5\nSymbol=EURUSD\nPeriod=M1\n\
                Model=4\nExecutionMode=-1\nOptimization=2\nOptimizationCriterion=7\nFromDate=2014.05.01\nToDate=2014.05.10\nForwardMode=4\n\
                ForwardDate=2014.05.08\nDeposit=10000\nCurrency=USD\nLeverage=1:100\nUseLocal=1\n[TesterInputs]\nfast=12||5||5||50||Y\n";
    let ini = TesterIni::read(text.as_bytes()).unwrap();
    assert_eq!((ini.model, ini.optimization, ini.optimization_criterion, ini.leverage), (Some(4), Some(2), Some(7), Some(100)));
    assert_eq!(ini.forward_date.map(|date| date.to_string()).as_deref(), Some("2014-05-08"));
    assert_eq!((ini.other.as_slice(), ini.inputs.inputs().count()), ([("UseLocal".to_owned(), "1".to_owned())].as_slice(), 1));
    assert!(!ini.text().contains("secret"));
}

#[test]
fn mistakes_are_named_by_their_line() {
    let says = |result: Result<(), String>, what: &str| {
        let error = result.unwrap_err();
        assert!(error.contains(what), "{error}");
    };
    says(SetFile::read(b"fast=1\nvolume\n").map(drop), "line 2: \"volume\" has no `=`");
    says(SetFile::read(b"fast=1||2||3\n").map(drop), "line 1: \"fast=1||2||3\" has 3 parts");
    says(SetFile::read(b"fast=1||2||3||4||maybe\n").map(drop), "the last word is Y or N");
    says(SetFile::read(b"slow=1\n").unwrap().given(&specs()).map(drop), "there is no parameter \"slow\"; this strategy has: fast, volume");
    says(SetFile::read(&[0xFF, 0xFE, 0x41]).map(drop), "in the middle of a UTF-16 character");
    says(SetFile::read(&[b'a', 0xFF, 0]).map(drop), "is no text; save it as UTF-8");
    says(SetFile::read(b"fast,1=5\nfast=1\n").map(drop), "line 1: it is about \"fast\", and no line before it is fast=VALUE");
    says(SetFile::read(b"fast=1\nfast,F=maybe\n").map(drop), "line 2: fast,F=maybe is neither 0 nor 1");
    says(TesterIni::read(b"[Tester]\n\nFromDate=2014.13.01\n").map(drop), "line 3: FromDate=2014.13.01 is not a day such as 2014.05.01");
    says(TesterIni::read(b"[Tester]\nModel=9\n").map(drop), "line 2: Model=9 is not a number from 0 to 4");
    says(TesterIni::read(b"[TesterInputs]\nfast\n").map(drop), "line 2: \"fast\" has no `=`");
}
