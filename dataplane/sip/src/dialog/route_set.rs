//! Route set and remote target (RFC 3261 sections 12.1.2, 12.2.1.1 and 8.1.2).

use std::net::{IpAddr, SocketAddr};

use crate::message::{Host, NameAddr, Uri};

/// Where SIP over UDP lives when nothing else is said (RFC 3263 section 4.2).
const DEFAULT_PORT: u16 = 5060;

/// What the routing of a dialog makes of every request in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Route {
    /// The Request-URI.
    pub request_uri: Box<[u8]>,
    /// The value of the Route header; empty if there is none.
    pub header: Box<[u8]>,
    /// The address that it is sent to.
    pub next_hop: SocketAddr,
    /// The recorded routes, the nearest proxy first; kept for target refreshes.
    routes: Box<[Box<[u8]>]>,
    fallback: SocketAddr,
    local: SocketAddr,
}

impl Route {
    /// `recorded` in the order of the message, which is the far end's; the caller's is the reverse.
    pub fn of_caller(target: &[u8], recorded: &[&[u8]], local: SocketAddr, fallback: SocketAddr) -> Self {
        let routes = recorded.iter().rev().map(|route| Box::from(*route)).collect();
        let mut route = Route {
            request_uri: Box::from([]),
            header: Box::from([]),
            next_hop: fallback,
            routes,
            fallback,
            local,
        };
        route.aim(target);
        route
    }

    /// Sets the remote target: at the start, and with each target refresh (section 12.2.1.2).
    pub fn aim(&mut self, target: &[u8]) {
        // Headers in a Contact's URI never become headers, nor part of a Request-URI (section 19.1.1).
        let headers = Uri::parse(target).map_or(0, |uri| uri.headers.len());
        let target = if headers > 0 { &target[..target.len() - headers - 1] } else { target };
        let first = self.routes.first().and_then(|route| NameAddr::parse(route)).map(|route| route.uri);
        let loose = first.and_then(Uri::parse).is_none_or(|uri| uri.is_loose());
        self.next_hop = next_hop(first.unwrap_or(target), self.local).unwrap_or(self.fallback);
        match first {
            Some(first) if !loose => {
                // A strict router wants itself in the Request-URI and the target at the end.
                let bare = first.split(|byte| *byte == b'?').next().unwrap_or(first);
                self.request_uri = bare.into();
                let last = [b"<", target, b">"].concat();
                let rest = self.routes[1..].iter().map(|route| &route[..]).chain([last.as_slice()]);
                self.header = rest.collect::<Vec<_>>().join(&b", "[..]).into();
            }
            _ => {
                self.request_uri = target.into();
                self.header = self.routes.join(&b", "[..]).into();
            }
        }
    }
}

/// The address in a URI, if it holds one that this socket can reach. Names are not resolved here.
fn next_hop(uri: &[u8], local: SocketAddr) -> Option<SocketAddr> {
    let uri = Uri::parse(uri)?;
    let Host::Ip(ip) = uri.host else { return None };
    let port = uri.port.unwrap_or(DEFAULT_PORT);
    let sendable = !ip.is_unspecified() && !ip.is_multicast() && ip != IpAddr::from([255; 4]) && port != 0;
    (sendable && ip.is_ipv4() == local.is_ipv4()).then_some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn route(target: &str, recorded: &[&str]) -> Route {
        let recorded: Vec<_> = recorded.iter().map(|route| route.as_bytes()).collect();
        Route::of_caller(target.as_bytes(), &recorded, addr("127.0.0.1:5060"), addr("10.9.9.9:5060"))
    }

    #[test]
    fn without_routes_requests_go_to_the_target() {
        let route = route("sip:b@10.0.0.2:5080", &[]);
        assert_eq!(&*route.request_uri, b"sip:b@10.0.0.2:5080");
        assert_eq!((&*route.header, route.next_hop), (b"".as_slice(), addr("10.0.0.2:5080")));
    }

    #[test]
    fn a_name_or_an_unusable_address_goes_where_the_invite_went() {
        for target in ["sip:b@example.com", "sip:b@0.0.0.0", "sip:b@[::1]", "sip:b@224.0.0.1", "tel:1"] {
            assert_eq!(route(target, &[]).next_hop, addr("10.9.9.9:5060"), "{target}");
        }
    }

    #[test]
    fn escaped_headers_of_a_contact_are_cut_off() {
        assert_eq!(&*route("sip:b?c@10.0.0.2?Route=%3Csip:x%3E", &[]).request_uri, b"sip:b?c@10.0.0.2");
    }

    #[test]
    fn loose_routes_are_reversed_and_the_target_stays() {
        let route = route("sip:b@10.0.0.2", &["<sip:10.0.0.4;lr>", "<sip:10.0.0.3:5070;lr>"]);
        assert_eq!(&*route.request_uri, b"sip:b@10.0.0.2");
        assert_eq!(&*route.header, b"<sip:10.0.0.3:5070;lr>, <sip:10.0.0.4;lr>");
        assert_eq!(route.next_hop, addr("10.0.0.3:5070"));
    }

    #[test]
    fn a_strict_router_takes_the_request_uri() {
        let mut route = route("sip:b@10.0.0.2", &["<sip:10.0.0.4;lr>", "<sip:10.0.0.3>"]);
        assert_eq!(&*route.request_uri, b"sip:10.0.0.3");
        assert_eq!(&*route.header, b"<sip:10.0.0.4;lr>, <sip:b@10.0.0.2>");
        route.aim(b"sip:c@10.0.0.5");
        assert_eq!(&*route.header, b"<sip:10.0.0.4;lr>, <sip:c@10.0.0.5>");
        assert_eq!(route.next_hop, addr("10.0.0.3:5060"));
    }
}
