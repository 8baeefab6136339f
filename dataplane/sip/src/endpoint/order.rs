//! What may stand in an order. Orders come from an API, a CSV or a CRM: nothing in them may become a header.

use std::net::SocketAddr;

use super::api::{InviteError, InviteRequest};
use crate::message::{HeaderName, Uri};

/// Headers that the stack writes itself.
fn is_reserved(name: &str) -> bool {
    use HeaderName::*;
    matches!(
        HeaderName::of(name.as_bytes()),
        Via | From
            | To
            | CallId
            | CSeq
            | Contact
            | ContentLength
            | ContentType
            | MaxForwards
            | Allow
            | UserAgent
            | Authorization
            | ProxyAuthorization
            | RecordRoute
            | Require
            | ProxyRequire
    )
}

pub(super) fn check_order(request: &InviteRequest<'_>, local: SocketAddr) -> Result<(), InviteError> {
    check_destination(request.destination, local)?;
    check_uri("request_uri", request.request_uri)?;
    check_uri("from_uri", request.from_uri)?;
    check_uri("to_uri", request.to_uri)?;
    let printable = |text: &str| !text.bytes().any(|byte| byte < b' ' || byte == 0x7f);
    if !request.from_display.is_none_or(printable) {
        return Err(InviteError::DisplayName);
    }
    if request.advertised.is_some_and(|host| Uri::parse(format!("sip:{host}").as_bytes()).is_none()) {
        return Err(InviteError::Advertised);
    }
    for (index, (name, value)) in request.extra_headers.iter().enumerate() {
        let sendable = crate::message::is_token(name.as_bytes()) && printable(value) && !is_reserved(name);
        if !sendable {
            return Err(InviteError::Header(index));
        }
    }
    Ok(())
}

pub(super) fn check_destination(destination: SocketAddr, local: SocketAddr) -> Result<(), InviteError> {
    let reachable = destination.is_ipv4() == local.is_ipv4()
        && destination.port() != 0
        && !destination.ip().is_unspecified()
        && !destination.ip().is_multicast();
    if reachable { Ok(()) } else { Err(InviteError::Destination) }
}

/// A `sip:` URI in ASCII without headers.
pub(super) fn check_uri(which: &'static str, uri: &str) -> Result<(), InviteError> {
    let sendable = uri.is_ascii() && Uri::parse(uri.as_bytes()).is_some_and(|uri| uri.headers.is_empty());
    if sendable { Ok(()) } else { Err(InviteError::Uri(which)) }
}
