//! The header names that this stack knows, their compact forms, and the table that finds them.

macro_rules! header_names {
    ($($variant:ident $text:literal $($compact:literal)?;)*) => {
        /// A header field's name. Case does not matter and a compact form is the same name
        /// (RFC 3261 sections 7.3.1 and 20).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum HeaderName {
            $(#[doc = concat!("`", $text, "`")] $variant,)*
            /// A name that this stack has no use for.
            Other,
        }

        const KNOWN: &[(&str, HeaderName)] = &[$(($text, HeaderName::$variant)),*];

        impl HeaderName {
            /// The name as we write it; `Other` has none.
            pub fn as_str(self) -> &'static str {
                KNOWN.get(self as usize).map_or("", |(text, _)| text)
            }

            fn of_letter(letter: u8) -> HeaderName {
                match letter.to_ascii_lowercase() {
                    $($($compact => HeaderName::$variant,)?)*
                    _ => HeaderName::Other,
                }
            }
        }
    };
}

header_names! {
    Accept "Accept";
    AcceptContact "Accept-Contact" b'a';
    Allow "Allow";
    AllowEvents "Allow-Events" b'u';
    Authorization "Authorization";
    CallId "Call-ID" b'i';
    Contact "Contact" b'm';
    ContentDisposition "Content-Disposition";
    ContentEncoding "Content-Encoding" b'e';
    ContentLength "Content-Length" b'l';
    ContentType "Content-Type" b'c';
    CSeq "CSeq";
    Date "Date";
    Diversion "Diversion";
    Event "Event" b'o';
    Expires "Expires";
    From "From" b'f';
    HistoryInfo "History-Info";
    Identity "Identity" b'y';
    MaxForwards "Max-Forwards";
    MimeVersion "MIME-Version";
    MinSe "Min-SE";
    PAssertedIdentity "P-Asserted-Identity";
    PPreferredIdentity "P-Preferred-Identity";
    Privacy "Privacy";
    ProxyAuthenticate "Proxy-Authenticate";
    ProxyAuthorization "Proxy-Authorization";
    ProxyRequire "Proxy-Require";
    RAck "RAck";
    Reason "Reason";
    RecordRoute "Record-Route";
    ReferTo "Refer-To" b'r';
    ReferredBy "Referred-By" b'b';
    Replaces "Replaces";
    Require "Require";
    RetryAfter "Retry-After";
    Route "Route";
    RSeq "RSeq";
    Server "Server";
    SessionExpires "Session-Expires" b'x';
    Subject "Subject" b's';
    SubscriptionState "Subscription-State";
    Supported "Supported" b'k';
    To "To" b't';
    Unsupported "Unsupported";
    UserAgent "User-Agent";
    Via "Via" b'v';
    Warning "Warning";
    WwwAuthenticate "WWW-Authenticate";
}

/// The longest known name is `P-Preferred-Identity`.
const NAME_BYTES_MAX: usize = 20;
/// No length has more known names than this; the table's construction fails to compile otherwise.
const SAME_LENGTH_MAX: usize = 8;

/// Indices into `KNOWN` plus one, by length of the name; zero ends a row.
const BY_LENGTH: [[u8; SAME_LENGTH_MAX]; NAME_BYTES_MAX + 1] = {
    let mut table = [[0; SAME_LENGTH_MAX]; NAME_BYTES_MAX + 1];
    let mut index = 0;
    while index < KNOWN.len() {
        let row = KNOWN[index].0.len();
        let mut column = 0;
        while table[row][column] != 0 {
            column += 1;
        }
        index += 1;
        table[row][column] = index as u8;
    }
    table
};

impl HeaderName {
    /// How many values the enum has.
    pub(super) const COUNT: usize = KNOWN.len() + 1;

    /// The name in these bytes.
    pub fn of(name: &[u8]) -> HeaderName {
        if let [letter] = name {
            return HeaderName::of_letter(*letter);
        }
        let Some(row) = BY_LENGTH.get(name.len()) else { return HeaderName::Other };
        row.iter()
            .take_while(|index| **index != 0)
            .map(|index| KNOWN[*index as usize - 1])
            .find(|(text, _)| name.eq_ignore_ascii_case(text.as_bytes()))
            .map_or(HeaderName::Other, |(_, known)| known)
    }

    /// True for the headers that a message may carry only once.
    pub(super) fn stands_once(self) -> bool {
        use HeaderName::*;
        matches!(self, From | To | CallId | CSeq | MaxForwards | ContentType | Event | ReferTo | Replaces)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_finds_itself_in_any_case() {
        for (text, name) in KNOWN {
            assert_eq!(HeaderName::of(text.as_bytes()), *name);
            assert_eq!(HeaderName::of(text.to_ascii_uppercase().as_bytes()), *name);
            assert_eq!(name.as_str(), *text);
        }
        assert_eq!(HeaderName::of(b"X-Anything"), HeaderName::Other);
        assert_eq!(HeaderName::of(b""), HeaderName::Other);
        assert_eq!(HeaderName::of(&[b'a'; 300]), HeaderName::Other);
    }

    #[test]
    fn compact_forms_are_the_same_names() {
        assert_eq!(HeaderName::of(b"v"), HeaderName::Via);
        assert_eq!(HeaderName::of(b"I"), HeaderName::CallId);
        assert_eq!(HeaderName::of(b"z"), HeaderName::Other);
    }
}
