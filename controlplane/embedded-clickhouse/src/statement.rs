//! Reads as much of a statement as the HTTP side must know: what kind it is, where an INSERT's data begin, which
//! output format it names. Everything else is the engine's business.
//!
//! The engine's query call takes several statements in one text, reads and writes local files for `INTO OUTFILE` and
//! `FROM INFILE`, and cuts inlined data at the first empty line. A ClickHouse server does none of that over HTTP, and
//! here is where we don't either.

use crate::exception::Exception;

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Statement {
    /// A SELECT, whose result may be streamed, with the format that it names.
    Select { format: Option<String> },
    /// An INSERT whose data follow the statement: `text[..head]` is the INSERT without its FORMAT clause, the data begin
    /// at `text[data]`.
    Insert { head: usize, format: String, data: usize },
    /// Anything else, with the output format that it names.
    Other { format: Option<String> },
    /// The text ends too early to tell: read more if there is more.
    Incomplete,
}

/// Reads `text`, the beginning of a request (all of it if `complete`).
pub(crate) fn read(text: &[u8], complete: bool) -> Result<Statement, Exception> {
    let mut tokens = Tokens { text, at: 0 };
    let Some(first) = tokens.next_token() else {
        return if complete {
            Err(Exception::new(Exception::SYNTAX_ERROR, "Empty query"))
        } else {
            Ok(Statement::Incomplete)
        };
    };
    if first.is(text, "INSERT") {
        return read_insert(tokens, complete);
    }
    if !complete {
        return Ok(Statement::Incomplete);
    }
    let select = first.is(text, "SELECT")
        || first.is(text, "WITH")
        || first.is(text, "FROM")
        || first.kind == Kind::Open;
    let format = read_plain(tokens)?;
    Ok(if select { Statement::Select { format } } else { Statement::Other { format } })
}

/// Walks over a statement without data: returns the format it names, refuses a second statement and local files.
fn read_plain(mut tokens: Tokens<'_>) -> Result<Option<String>, Exception> {
    let text = tokens.text;
    let mut format = None;
    let mut before: Option<Token> = None;
    while let Some(token) = tokens.next_token() {
        if token.kind == Kind::Semicolon {
            if tokens.next_token().is_some_and(|token| token.kind != Kind::Semicolon) {
                return Err(Exception::new(Exception::SYNTAX_ERROR, "Multi-statements are not allowed"));
            }
            break;
        }
        if let Some(before) = before {
            refuse_local_files(text, before, token)?;
            // `FORMAT x` ends the statement, save for SETTINGS: a column called format is followed by other things.
            if before.is(text, "FORMAT") && token.kind == Kind::Word {
                let mut rest = Tokens { text, at: tokens.at };
                let next = rest.next_token();
                if next.is_none_or(|next| next.kind == Kind::Semicolon || next.is(text, "SETTINGS")) {
                    format = Some(token.text(text));
                }
            }
        }
        before = Some(token);
    }
    Ok(format)
}

fn read_insert(mut tokens: Tokens<'_>, complete: bool) -> Result<Statement, Exception> {
    let text = tokens.text;
    let mut depth = 0_usize;
    // The table's name may be any word, so keywords count from the token after it.
    let mut named = false;
    let mut before: Option<Token> = None;
    while let Some(token) = tokens.next_token() {
        // A word at the very end may go on in bytes that are not here yet.
        if token.end == text.len() && !complete {
            return Ok(Statement::Incomplete);
        }
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.saturating_sub(1),
            _ => {}
        }
        if let Some(before) = before {
            refuse_local_files(text, before, token)?;
        }
        if depth > 0 || token.kind != Kind::Word {
            named |= matches!(token.kind, Kind::Quoted | Kind::Open);
        } else if !named {
            named = !(token.is(text, "INTO") || token.is(text, "TABLE") || token.is(text, "FUNCTION"));
        } else if before.is_some_and(|before| before.kind == Kind::Dot) {
            // The second half of database.table.
        } else if token.is(text, "VALUES") {
            return Ok(Statement::Insert { head: token.start, format: "Values".into(), data: token.end });
        } else if token.is(text, "SELECT") || token.is(text, "WITH") {
            return read_insert_select(tokens, complete);
        } else if token.is(text, "FORMAT") {
            let Some(format) = tokens.next_token().filter(|format| format.kind == Kind::Word) else { break };
            if format.end == text.len() && !complete {
                return Ok(Statement::Incomplete);
            }
            let format_name = format.text(text);
            if format_name.eq_ignore_ascii_case("Values") {
                return Ok(Statement::Insert {
                    head: token.start,
                    format: "Values".into(),
                    data: format.end,
                });
            }
            return Ok(match data_start(text, format.end, complete) {
                Some(data) => Statement::Insert { head: token.start, format: format_name, data },
                None => Statement::Incomplete,
            });
        }
        before = Some(token);
    }
    // No data follow, or not yet: the engine knows what is wrong with it.
    if complete { Ok(Statement::Other { format: None }) } else { Ok(Statement::Incomplete) }
}

/// `INSERT … SELECT` runs like any other statement, unless it reads data from the request (`FROM input(…) FORMAT x`):
/// the engine has no streaming call for that, and its other call would cut the data.
fn read_insert_select(tokens: Tokens<'_>, complete: bool) -> Result<Statement, Exception> {
    if !complete {
        return Ok(Statement::Incomplete);
    }
    let text = tokens.text;
    let mut words = Tokens { text, at: tokens.at };
    let mut before: Option<Token> = None;
    while let Some(token) = words.next_token() {
        if token.kind == Kind::Open && before.is_some_and(|before| before.is(text, "INPUT")) {
            return Err(Exception::new(
                Exception::NOT_IMPLEMENTED,
                "INSERT … SELECT … FROM input() is not supported by the embedded engine: insert into a table first",
            ));
        }
        before = Some(token);
    }
    Ok(Statement::Other { format: read_plain(tokens)? })
}

/// Where data begin after the name of the format, as ClickHouse's own parser has it: spaces, then one line break.
fn data_start(text: &[u8], mut at: usize, complete: bool) -> Option<usize> {
    while text.get(at).is_some_and(|byte| matches!(byte, b' ' | b'\t' | 0x0C)) {
        at += 1;
    }
    if text.get(at) == Some(&b';') {
        at += 1;
    }
    if text.get(at) == Some(&b'\r') {
        at += 1;
    }
    match text.get(at) {
        Some(b'\n') => Some(at + 1),
        Some(_) => Some(at),
        None => complete.then_some(at),
    }
}

fn refuse_local_files(text: &[u8], before: Token, token: Token) -> Result<(), Exception> {
    let refused = (before.is(text, "INTO") && token.is(text, "OUTFILE"))
        || (before.is(text, "FROM") && token.is(text, "INFILE"));
    if refused {
        return Err(Exception::new(
            Exception::NOT_IMPLEMENTED,
            "INTO OUTFILE and FROM INFILE are not allowed over HTTP",
        ));
    }
    Ok(())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Word,
    Quoted,
    Open,
    Close,
    Dot,
    Semicolon,
    Other,
}

#[derive(Clone, Copy, Debug)]
struct Token {
    kind: Kind,
    start: usize,
    end: usize,
}

impl Token {
    fn is(self, text: &[u8], keyword: &str) -> bool {
        self.kind == Kind::Word && text[self.start..self.end].eq_ignore_ascii_case(keyword.as_bytes())
    }

    fn text(self, text: &[u8]) -> String {
        String::from_utf8_lossy(&text[self.start..self.end]).into_owned()
    }
}

/// Cuts SQL into tokens; comments and blanks are left out. Any bytes give some tokens.
struct Tokens<'t> {
    text: &'t [u8],
    at: usize,
}

impl Tokens<'_> {
    fn next_token(&mut self) -> Option<Token> {
        self.skip_blanks();
        let start = self.at;
        let first = *self.text.get(start)?;
        let kind = match first {
            b'(' => self.one(Kind::Open),
            b')' => self.one(Kind::Close),
            b';' => self.one(Kind::Semicolon),
            b'.' => self.one(Kind::Dot),
            b'\'' | b'"' | b'`' => self.quoted(first),
            b'$' => self.heredoc(),
            byte if is_word(byte) => {
                while self.text.get(self.at).is_some_and(|&byte| is_word(byte) || byte == b'$') {
                    self.at += 1;
                }
                Kind::Word
            }
            _ => self.one(Kind::Other),
        };
        Some(Token { kind, start, end: self.at })
    }

    fn one(&mut self, kind: Kind) -> Kind {
        self.at += 1;
        kind
    }

    fn quoted(&mut self, quote: u8) -> Kind {
        self.at += 1;
        while let Some(&byte) = self.text.get(self.at) {
            self.at += 1;
            if byte == b'\\' {
                self.at = (self.at + 1).min(self.text.len());
            } else if byte == quote {
                break;
            }
        }
        Kind::Quoted
    }

    /// `$tag$ … $tag$`.
    fn heredoc(&mut self) -> Kind {
        let rest = &self.text[self.at..];
        let tag = rest[1..].iter().position(|&byte| !is_word(byte)).filter(|&end| rest[1 + end] == b'$');
        let Some(tag) = tag.map(|end| &rest[..end + 2]) else { return self.one(Kind::Other) };
        let body = &rest[tag.len()..];
        let end = body.windows(tag.len()).position(|window| window == tag);
        self.at += end.map_or(rest.len(), |end| end + 2 * tag.len());
        Kind::Quoted
    }

    fn skip_blanks(&mut self) {
        loop {
            let rest = &self.text[self.at..];
            let length = match rest {
                [byte, ..] if byte.is_ascii_whitespace() || *byte == 0x0B => 1,
                [b'-', b'-', ..] | [b'#', b' ' | b'!', ..] => {
                    rest.iter().position(|&byte| byte == b'\n').map_or(rest.len(), |end| end + 1)
                }
                [b'/', b'*', ..] => {
                    rest[2..].windows(2).position(|end| end == b"*/").map_or(rest.len(), |end| end + 4)
                }
                _ => return,
            };
            self.at += length;
        }
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insert(text: &str) -> (&str, String, &str) {
        match read(text.as_bytes(), true) {
            Ok(Statement::Insert { head, format, data }) => (&text[..head], format, &text[data..]),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn data_begin_after_one_line_break() {
        assert_eq!(insert("INSERT INTO t FORMAT CSV\n\n1"), ("INSERT INTO t ", "CSV".into(), "\n1"));
        assert_eq!(insert("INSERT INTO t FORMAT CSV 1"), ("INSERT INTO t ", "CSV".into(), "1"));
        assert_eq!(
            insert("INSERT INTO t FORMAT RowBinary \r\n\n\n"),
            ("INSERT INTO t ", "RowBinary".into(), "\n\n")
        );
    }

    #[test]
    fn names_that_look_like_keywords_are_names() {
        assert_eq!(insert("INSERT INTO format FORMAT TSV\nx").0, "INSERT INTO format ");
        assert_eq!(insert("INSERT INTO db.values (format, `select`) VALUES (1)").2, " (1)");
        assert_eq!(
            insert("insert into table `a``b` (x) settings insert_deduplication_token='FORMAT CSV' format JSONEachRow\n{}").2,
            "{}"
        );
        assert_eq!(insert("INSERT INTO FUNCTION file('VALUES') (a) VALUES (1)").2, " (1)");
    }

    #[test]
    fn a_statement_in_pieces_is_incomplete_until_the_data_begin() {
        let text = b"INSERT INTO t (a) FORMAT CSV\n1";
        for end in 0..text.len() - 1 {
            assert_eq!(read(&text[..end], false), Ok(Statement::Incomplete), "{end}");
        }
        assert!(matches!(read(text, false), Ok(Statement::Insert { data: 29, .. })));
    }

    #[test]
    fn a_select_names_its_format_at_its_end_only() {
        let format = |text: &str| match read(text.as_bytes(), true) {
            Ok(Statement::Select { format }) => format,
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(format("SELECT 1 FORMAT JSON"), Some("JSON".into()));
        assert_eq!(
            format("-- c\n(SELECT format FROM t) FORMAT CSV SETTINGS max_threads=1; -- end"),
            Some("CSV".into())
        );
        assert_eq!(format("SELECT format FROM t"), None);
        assert_eq!(format("SELECT 'x FORMAT JSON', $a$ FORMAT CSV $a$ /* FORMAT XML */"), None);
    }

    #[test]
    fn a_second_statement_is_refused() {
        assert!(read(b"SELECT 1; DROP TABLE t", true).is_err());
        assert!(read(b"SELECT ';' ; -- ; x", true).is_ok());
    }

    #[test]
    fn local_files_and_input_are_refused() {
        for text in [
            "SELECT 1 INTO OUTFILE '/tmp/x'",
            "SELECT 1 INTO/**/OUTFILE '/tmp/x'",
            "INSERT INTO t FROM INFILE '/etc/passwd' FORMAT CSV",
            "INSERT INTO t SELECT * FROM t INTO OUTFILE 'x'",
            "INSERT INTO t SELECT a FROM input('a Int32') FORMAT CSV\n1",
        ] {
            assert_eq!(
                read(text.as_bytes(), true).map_err(|e| e.code),
                Err(Exception::NOT_IMPLEMENTED),
                "{text}"
            );
        }
    }

    #[test]
    fn any_bytes_are_read_without_a_panic() {
        for text in [
            &b"$"[..],
            b"$a",
            b"'\\",
            b"/*",
            b"INSERT",
            b"INSERT INTO",
            b"INSERT INTO t FORMAT",
            b"\xff\xfe(",
            b"--",
        ] {
            let _ = read(text, true);
            let _ = read(text, false);
        }
    }
}
