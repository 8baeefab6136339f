//! The wire protocol between a data-plane node and the control plane, generated from
//! `proto/peal/v1/link.proto`, which is also its documentation.

#[expect(missing_docs, clippy::all, reason = "generated; documented in the .proto file")]
pub mod v1 {
    tonic::include_proto!("peal.v1");
}

/// Version of the protocol, told in `Hello`. It grows when an old node or control plane would misunderstand a new one.
pub const PROTOCOL: u32 = 1;
