//! The hash functions of RFC 7616 and RFC 8760.

use md5::Md5;
use sha2::{Digest, Sha256, Sha512_256};

/// A digest algorithm, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    /// MD5, the default of RFC 2617, and what most carriers still ask for.
    Md5,
    /// SHA-256.
    Sha256,
    /// SHA-512/256.
    Sha512Trunc256,
}

/// Lower-case hexadecimal digits of a hash.
#[derive(Debug, Clone, Copy)]
pub(super) struct HexHash {
    digits: [u8; 64],
    len: usize,
}

impl HexHash {
    pub fn as_bytes(&self) -> &[u8] {
        &self.digits[..self.len]
    }
}

impl Algorithm {
    /// By its name in a challenge.
    pub fn of(name: &[u8]) -> Option<Self> {
        [Algorithm::Md5, Algorithm::Sha256, Algorithm::Sha512Trunc256]
            .into_iter()
            .find(|algorithm| name.eq_ignore_ascii_case(algorithm.as_str().as_bytes()))
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Algorithm::Md5 => "MD5",
            Algorithm::Sha256 => "SHA-256",
            Algorithm::Sha512Trunc256 => "SHA-512-256",
        }
    }

    /// The hash of the parts joined by colons.
    pub(super) fn joined(self, parts: &[&[u8]]) -> HexHash {
        match self {
            Algorithm::Md5 => hash_joined::<Md5>(parts),
            Algorithm::Sha256 => hash_joined::<Sha256>(parts),
            Algorithm::Sha512Trunc256 => hash_joined::<Sha512_256>(parts),
        }
    }
}

fn hash_joined<D: Digest>(parts: &[&[u8]]) -> HexHash {
    let mut hasher = D::new();
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            hasher.update(b":");
        }
        hasher.update(part);
    }
    let mut hex = HexHash { digits: [0; 64], len: 0 };
    for byte in hasher.finalize().iter() {
        hex.digits[hex.len] = b"0123456789abcdef"[usize::from(byte >> 4)];
        hex.digits[hex.len + 1] = b"0123456789abcdef"[usize::from(byte & 0xf)];
        hex.len += 2;
    }
    hex
}
