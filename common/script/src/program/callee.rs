//! To whom a callee may be given.
//!
//! A call that is made in a transfer is paid for by the tenant, so what a callee says or presses never chooses whom it reaches, nor does
//! what a server answers, which may repeat it. The number or the host is written in the script; only the contact's own data, which the
//! tenant gave, may stand for a whole number or for the user of a host.

use common::E164;

use crate::template::{Escape, Template};

/// To whom a callee is given.
#[derive(Debug, PartialEq)]
pub(crate) enum Whom {
    /// A number, constant or the contact's.
    Number(Template),
    /// A `sip:` URI whose host is constant.
    Uri(Template),
}

impl Whom {
    /// Says what is wrong with an address. `is_contacts` tells of a variable whether it is the contact's.
    pub(super) fn new(to: Template, is_contacts: impl Fn(usize) -> bool) -> Result<Self, String> {
        if !to.variables().all(is_contacts) {
            return Err("takes no variables but the contact's own, `contact.…`: neither what a callee says or presses nor what a \
                        server answers chooses whom we pay to call"
                .to_owned());
        }
        if to.literal_start().starts_with("sip:") {
            return match has_host(&to) {
                true => Ok(Self::Uri(to)),
                false => {
                    Err("must name the host itself: variables belong between `sip:` and the only `@`"
                        .to_owned())
                }
            };
        }
        if to.is_constant() {
            return match E164::parse(to.literal_start()) {
                Ok(_) => Ok(Self::Number(to)),
                Err(error) => {
                    Err(format!("must be a `sip:` URI or a number in E.164, such as +4989123456: {error}"))
                }
            };
        }
        match to.is_variable() {
            true => Ok(Self::Number(to)),
            false => Err("must begin with `sip:`, or be one whole number: constant, or a variable of the contact's with nothing \
                          beside it"
                .to_owned()),
        }
    }

    /// The address in a call; `None` when what the contact's variable holds makes none.
    pub(crate) fn address<'a>(&self, value: &dyn Fn(usize) -> &'a str) -> Option<String> {
        match self {
            Self::Number(number) => {
                let number = number.render_for(Escape::Header, value);
                Some(E164::parse(&number).ok()?.expose())
            }
            Self::Uri(uri) => {
                let uri = uri.render_for(Escape::SipUser, value);
                (!uri.starts_with("sip:@")).then_some(uri)
            }
        }
    }
}

/// Whether the host is the same in every call.
fn has_host(to: &Template) -> bool {
    if to.is_constant() {
        return to.literal_start().len() > "sip:".len();
    }
    let behind = to.literal_end().split_once('@').is_some_and(|(_, host)| !host.is_empty());
    behind && to.render(&|_| "0").matches('@').count() == 1
}
