//! How two nodes prove to each other that they know `cluster-secret`, without sending it.
//!
//! Each side contributes a random nonce; each proves itself with HMAC-SHA-256 of a label for its direction, both nonces and both node
//! ids, keyed with the secret. Fresh nonces make a recorded proof useless; the labels keep a proof from being reflected to its sender.
//! The secret protects who may talk, not what is said afterwards: that needs TLS on the bus.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::message::Id;

/// Bytes of a nonce and of a proof.
pub const PROOF_LEN: usize = 32;

/// Which side of a connection proves itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The node that opened the connection.
    Opener,
    /// The node that accepted it.
    Acceptor,
}

/// What both sides know after the first two frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exchange {
    /// Nonce of the side that opened the connection.
    pub opener_nonce: [u8; 32],
    /// Nonce of the side that accepted it.
    pub acceptor_nonce: [u8; 32],
    /// Node id of the side that opened the connection.
    pub opener: Id,
    /// Node id of the side that accepted it.
    pub acceptor: Id,
}

impl Exchange {
    fn mac(&self, secret: &[u8], side: Side) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
        mac.update(match side {
            Side::Opener => b"larder bus 1 opener",
            Side::Acceptor => b"larder bus 1 acceptor",
        });
        mac.update(&self.opener_nonce);
        mac.update(&self.acceptor_nonce);
        mac.update(&self.opener.0);
        mac.update(&self.acceptor.0);
        mac
    }

    /// The proof that `side` sends.
    pub fn prove(&self, secret: &[u8], side: Side) -> [u8; PROOF_LEN] {
        self.mac(secret, side).finalize().into_bytes().into()
    }

    /// Whether `proof` is what `side` had to send. Takes the same time for every wrong proof.
    pub fn verify(&self, secret: &[u8], side: Side, proof: &[u8; PROOF_LEN]) -> bool {
        self.mac(secret, side).verify_slice(proof).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_holds_for_one_secret_side_and_exchange() {
        let exchange = Exchange { opener_nonce: [1; 32], acceptor_nonce: [2; 32], opener: Id([3; 20]), acceptor: Id([4; 20]) };
        let proof = exchange.prove(b"secret", Side::Opener);
        assert!(exchange.verify(b"secret", Side::Opener, &proof));
        assert!(!exchange.verify(b"Secret", Side::Opener, &proof), "another secret");
        assert!(!exchange.verify(b"secret", Side::Acceptor, &proof), "reflected");
        for other in [
            Exchange { opener_nonce: [9; 32], ..exchange },
            Exchange { acceptor_nonce: [9; 32], ..exchange },
            Exchange { opener: Id([9; 20]), ..exchange },
            Exchange { acceptor: Id([9; 20]), ..exchange },
        ] {
            assert!(!other.verify(b"secret", Side::Opener, &proof), "replayed: {other:?}");
        }
    }
}
