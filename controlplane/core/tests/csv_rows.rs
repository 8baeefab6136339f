//! Good rows are kept, bad rows are reported by line with the reason, whatever the file looks like.

use std::io;

use common::E164;
use peal_core::{
    import::{GoodRow, ImportError, Judged, Rows},
    model::{RejectedRow, RowError},
};

fn rows(text: &str) -> Vec<Judged> {
    Rows::open(text.as_bytes(), Some("CN".parse().expect("a region")))
        .expect("a file")
        .map(|row| row.expect("readable"))
        .collect()
}

fn good(line: u64, number: &str, fields: &str) -> Judged {
    Ok(GoodRow { line, number: E164::parse(number).expect("well formed"), fields: fields.into() })
}

fn bad(line: u64, reason: RowError) -> Judged {
    Err(RejectedRow { line, reason })
}

fn number(problem: &str) -> RowError {
    RowError::Number { problem: problem.into() }
}

#[test]
fn every_delimiter_and_header_is_found() {
    let expected = [good(2, "+8613800138000", r#"{"name":"王"}"#)];
    for text in [
        "number,name\n13800138000,王\n",
        "name;手机号\r\n王;13800138000\r\n",
        "\u{feff}Phone\tname\n+86 138 0013 8000\t王",
        "\"number\",\"name\"\n\"13800138000\",\"王\"\n",
    ] {
        assert_eq!(rows(text), expected, "{text:?}");
    }
}

#[test]
fn lines_are_counted_whatever_ends_them() {
    for end in ["\n", "\r\n", "\r"] {
        let text = ["number", "", "10086", "", "", "13800138000", "\"10086\"", "13800138001"].join(end);
        assert_eq!(
            rows(&text)
                .iter()
                .map(|row| row.as_ref().map_or_else(|r| r.line, |r| r.line))
                .collect::<Vec<_>>(),
            [3, 6, 7, 8],
            "{end:?}"
        );
    }
}

#[test]
fn without_a_header_the_first_column_is_the_number() {
    assert_eq!(
        rows("13800138000,王\n13800138001,李\n"),
        [
            good(1, "+8613800138000", r#"{"column_2":"王"}"#),
            good(2, "+8613800138001", r#"{"column_2":"李"}"#),
        ]
    );
}

#[test]
fn a_header_with_unknown_names_is_still_a_header() {
    assert_eq!(rows("wen,name\n13800138000,\n"), [good(2, "+8613800138000", "")]);
}

#[test]
fn quotes_may_hold_delimiters_and_line_breaks_and_lines_are_still_counted() {
    assert_eq!(
        rows("number,note\n13800138000,\"a, \"\"b\"\"\nc\"\n10086,x\n"),
        [
            good(2, "+8613800138000", r#"{"note":"a, \"b\"\nc"}"#),
            bad(4, number("this is a short code; only subscriber numbers can be called")),
        ]
    );
}

#[test]
fn bad_rows_never_stop_the_others() {
    let mut text = b"number,name\n".to_vec();
    text.extend(b"abc,x\n");
    text.extend(b"13800138000\n");
    text.extend(b"13800138000,x,y\n");
    text.extend(b"13800138000,\xff\xfe\n");
    text.extend(format!("13800138000,{}\n", "z".repeat(4_097)).as_bytes());
    text.extend(format!("13800138000,{}\n", "z".repeat(4_090)).as_bytes());
    text.extend(b"sip:a@b,x\n,\n");
    text.extend(b"13800138000,ok\n");
    let judged: Vec<Judged> = Rows::open(&text[..], Some("CN".parse().expect("a region")))
        .expect("a file")
        .map(|row| row.expect("readable"))
        .collect();
    assert_eq!(
        judged,
        [
            bad(2, number("the number has a character at position 1 that is not a digit")),
            bad(3, RowError::Columns { found: 1, expected: 2 }),
            bad(4, RowError::Columns { found: 3, expected: 2 }),
            bad(5, RowError::NotUtf8),
            bad(6, RowError::TooLong { column: "name".into() }),
            bad(7, RowError::FieldsTooLong { bytes: 4_101 }),
            bad(8, number("this is a URI; write the bare number")),
            good(10, "+8613800138000", r#"{"name":"ok"}"#),
        ]
    );
}

#[test]
fn a_repeated_number_names_its_first_line() {
    assert_eq!(
        rows("number\n13800138000\n+86 13800138000\n"),
        [good(2, "+8613800138000", ""), bad(3, RowError::Duplicate { first_line: 2 })]
    );
}

#[test]
fn columns_of_one_name_are_kept_apart() {
    assert_eq!(
        rows("number,a,a,\n13800138000,1,2,3\n"),
        [good(2, "+8613800138000", r#"{"a":"1","column_3":"2","column_4":"3"}"#)]
    );
}

#[test]
fn a_file_of_no_use_is_refused_with_the_reason() {
    let refused = |bytes: &[u8]| match Rows::open(bytes, None) {
        Ok(_) => panic!("taken"),
        Err(error) => error.to_string(),
    };
    assert_eq!(refused(b""), "the file is empty");
    assert!(refused(b"\xff\xfen\0u\0m\0").contains("UTF-16"));
    assert!(refused(",".repeat(300).as_bytes()).contains("301 columns"));
}

#[test]
fn a_reader_that_fails_ends_the_rows_with_its_error() {
    struct Broken<'a>(&'a [u8]);
    impl io::Read for Broken<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match io::Read::read(&mut self.0, buffer)? {
                0 => Err(io::ErrorKind::ConnectionReset.into()),
                count => Ok(count),
            }
        }
    }
    let text = format!("number\n{}", "13800138000\n".repeat(10_000));
    let mut rows =
        Rows::open(Broken(text.as_bytes()), Some("CN".parse().expect("a region"))).expect("a file");
    let last = rows.by_ref().last().expect("rows");
    assert!(matches!(last, Err(ImportError::Read(_))));
    assert!(rows.next().is_none());
}
