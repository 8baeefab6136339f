//! What does reading one SIP request cost: time and allocations, of our parser and of `rsip`?
//!
//! Both read the same INVITE, and then the fields that routing a call needs. Prints one line for each; the time is the
//! best of several rounds, since other programs only ever add to it. `cargo bench -p peal-benches --bench sip_parse`.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rsip::prelude::{HeadersExt, ToTypedHeader, UntypedHeader};
use sip::message::{HeaderName, Message, NameAddr, Uri};

const ROUNDS: u32 = 20;
const READS: u32 = 20_000;

/// A request as it comes from a carrier through two proxies, 1.2 KB.
const INVITE: &str = "INVITE sip:+4915112345678@203.0.113.20:5060;transport=udp SIP/2.0\r\n\
Via: SIP/2.0/UDP 198.51.100.4:5060;branch=z9hG4bK2d4790.1a2b3c4d5e6f;rport\r\n\
Via: SIP/2.0/UDP 198.51.100.3:5060;branch=z9hG4bK87asdks7;received=198.51.100.3;rport=5060\r\n\
Via: SIP/2.0/UDP 192.0.2.101:5062;branch=z9hG4bKnashds8;received=192.0.2.101;rport=5062\r\n\
Record-Route: <sip:198.51.100.4;lr;ftag=1928301774>\r\n\
Record-Route: <sip:198.51.100.3;lr;ftag=1928301774>\r\n\
Max-Forwards: 68\r\n\
From: \"Example Clinic\" <sip:+493012345678@example.com;user=phone>;tag=1928301774\r\n\
To: <sip:+4915112345678@203.0.113.20;user=phone>\r\n\
Call-ID: a84b4c76e66710-7f3a9c21@192.0.2.101\r\n\
CSeq: 314159 INVITE\r\n\
Contact: <sip:clinic@192.0.2.101:5062;transport=udp>\r\n\
Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, UPDATE, PRACK\r\n\
Supported: 100rel, timer, replaces, path\r\n\
Session-Expires: 1800;refresher=uac\r\n\
Min-SE: 90\r\n\
P-Asserted-Identity: <sip:+493012345678@example.com>\r\n\
User-Agent: Example-SBC/7.2.1\r\n\
Content-Type: application/sdp\r\n\
Content-Length: 209\r\n\
\r\n\
v=0\r\n\
o=- 1763800000 1763800000 IN IP4 192.0.2.101\r\n\
s=call\r\n\
c=IN IP4 192.0.2.101\r\n\
t=0 0\r\n\
m=audio 40000 RTP/AVP 8 0 101\r\n\
a=rtpmap:101 telephone-event/8000\r\n\
a=fmtp:101 0-16\r\n\
a=ptime:20\r\n\
a=sendrecv\r\n\
a=rtcp:40001\r\n";

fn main() {
    let body = INVITE.split_once("\r\n\r\n").expect("it has a body").1;
    assert!(INVITE.contains(&format!("Content-Length: {}\r\n", body.len())), "body is {} bytes", body.len());
    println!("one INVITE of {} bytes", INVITE.len());
    report("sip, parse", parse_ours);
    report("sip, parse and read", read_ours);
    report("rsip, parse", parse_rsip);
    report("rsip, parse and read", read_rsip);
}

fn parse_ours(bytes: &[u8]) -> usize {
    Message::parse(bytes).expect("it is valid").body().len()
}

fn read_ours(bytes: &[u8]) -> usize {
    let message = Message::parse(bytes).expect("it is valid");
    let uri = Uri::parse(message.request_uri()).expect("a sip URI");
    let branch = message.via().and_then(|via| via.branch()).expect("a branch");
    let from_tag = message.from().and_then(|from| from.tag()).expect("a tag");
    let to: NameAddr<'_> = message.to().expect("a To");
    let contact = message.contact().expect("a Contact");
    let routes = message.values(HeaderName::RecordRoute).count();
    uri.user.map_or(0, <[u8]>::len)
        + branch.len()
        + from_tag.len()
        + to.uri.len()
        + contact.uri.len()
        + routes
        + message.call_id().len()
        + message.cseq().number as usize
        + message.body().len()
}

fn parse_rsip(bytes: &[u8]) -> usize {
    rsip::Request::try_from(bytes).expect("it is valid").body.len()
}

fn read_rsip(bytes: &[u8]) -> usize {
    let request = rsip::Request::try_from(bytes).expect("it is valid");
    let branch =
        request.via_header().expect("a Via").typed().expect("a Via").branch().cloned().expect("a branch");
    let from = request.from_header().expect("a From").typed().expect("a From");
    let to = request.to_header().expect("a To").typed().expect("a To");
    let contact = request.contact_header().expect("a Contact").typed().expect("a Contact");
    let routes = request.record_route_header().iter().count();
    request.uri.user().map_or(0, str::len)
        + branch.value().len()
        + from.tag().map_or(0, |tag| tag.value().len())
        + to.uri.to_string().len()
        + contact.uri.to_string().len()
        + routes
        + request.call_id_header().expect("a Call-ID").value().len()
        + request.cseq_header().expect("a CSeq").typed().expect("a CSeq").seq as usize
        + request.body.len()
}

fn report(name: &str, read: fn(&[u8]) -> usize) {
    let bytes = INVITE.as_bytes();
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    black_box(read(black_box(bytes)));
    let allocations = ALLOCATIONS.load(Ordering::Relaxed) - before;
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let began = Instant::now();
        for _ in 0..READS {
            black_box(read(black_box(bytes)));
        }
        best = best.min(began.elapsed());
    }
    let ns = best.as_nanos() as f64 / f64::from(READS);
    println!("{name:24} {ns:8.0} ns {allocations:4} allocations");
}

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

struct Counting;

// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;
