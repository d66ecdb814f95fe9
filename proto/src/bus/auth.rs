//! How two nodes prove to each other that they know `cluster-secret`, without sending it, and how what they say afterwards is known to be theirs.
//!
//! ```text
//! key         = HMAC-SHA-256(secret, "larder bus 3 key", cluster name)
//! transcript  = the first frame of the opener, the first frame of the acceptor, as they crossed the wire
//! proof       = HMAC-SHA-256(key, "larder bus 3 opener" or "... acceptor", transcript)
//! seal key    = HMAC-SHA-256(key, "larder bus 3 from opener" or "... from acceptor", transcript)
//! seal        = first 16 bytes of HMAC-SHA-256(seal key, number of the frame in its direction as u64, frame)
//! ```
//! Both first frames bear a random nonce: a recorded proof or frame is useless in another connection. Whatever else they say, who speaks and for
//! what the connection is, is proved with them. The opener proves itself first, so that strangers who open connections are told nothing by which
//! a secret could be guessed. What is said is not hidden: that needs TLS on the bus.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Bytes of a nonce and of a proof.
pub const PROOF_LEN: usize = 32;

/// Bytes behind each frame that show who sent it.
pub const SEAL_LEN: usize = 16;

/// Secrets shorter than this can be guessed from one recorded exchange.
pub const SECRET_LEN_MIN: usize = 16;

/// Which side of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The node that opened the connection.
    Opener,
    /// The node that accepted it.
    Acceptor,
}

impl Side {
    /// The other one.
    pub fn other(self) -> Side {
        match self {
            Side::Opener => Side::Acceptor,
            Side::Acceptor => Side::Opener,
        }
    }
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    parts.iter().for_each(|part| mac.update(part));
    mac
}

/// What the members of a cluster know, and nobody else.
#[derive(Clone)]
pub struct Key([u8; 32]);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key")
    }
}

impl Key {
    /// The key of the cluster with this secret and name.
    pub fn new(secret: &[u8], cluster_name: &[u8]) -> Key {
        Key(mac(secret, &[b"larder bus 3 key", cluster_name]).finalize().into_bytes().into())
    }
}

/// What both sides know after the first two frames.
#[derive(Debug, Clone)]
pub struct Exchange {
    key: Key,
    transcript: Vec<u8>,
}

impl Exchange {
    /// The exchange that began with these two frames.
    pub fn new(key: &Key, opened: &[u8], challenged: &[u8]) -> Exchange {
        Exchange { key: key.clone(), transcript: [opened, challenged].concat() }
    }

    fn mac(&self, side: Side) -> Hmac<Sha256> {
        let label: &[u8] = match side {
            Side::Opener => b"larder bus 3 opener",
            Side::Acceptor => b"larder bus 3 acceptor",
        };
        mac(&self.key.0, &[label, &self.transcript])
    }

    /// The proof that `side` sends.
    pub fn prove(&self, side: Side) -> [u8; PROOF_LEN] {
        self.mac(side).finalize().into_bytes().into()
    }

    /// Whether `proof` is what `side` had to send. Takes the same time for every wrong proof.
    pub fn verify(&self, side: Side, proof: &[u8; PROOF_LEN]) -> bool {
        self.mac(side).verify_slice(proof).is_ok()
    }

    /// The seals of the frames that `side` sends from here on.
    pub fn seals(&self, side: Side) -> Seals {
        let label: &[u8] = match side {
            Side::Opener => b"larder bus 3 from opener",
            Side::Acceptor => b"larder bus 3 from acceptor",
        };
        Seals { key: mac(&self.key.0, &[label, &self.transcript]).finalize().into_bytes().into(), next: 0 }
    }
}

/// The seals of the frames of one direction, each of which counts once and in its place only.
pub struct Seals {
    key: [u8; 32],
    next: u64,
}

impl std::fmt::Debug for Seals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Seals({})", self.next)
    }
}

impl Seals {
    fn mac(&mut self, frame: &[u8]) -> Hmac<Sha256> {
        let number = self.next.to_le_bytes();
        self.next += 1;
        mac(&self.key, &[&number, frame])
    }

    /// The seal of the next frame.
    pub fn seal(&mut self, frame: &[u8]) -> [u8; SEAL_LEN] {
        let whole: [u8; 32] = self.mac(frame).finalize().into_bytes().into();
        *whole.first_chunk().expect("it is longer")
    }

    /// Whether the next frame and its seal are what the other side sent next.
    pub fn verify(&mut self, frame: &[u8], seal: &[u8]) -> bool {
        seal.len() == SEAL_LEN && self.mac(frame).verify_truncated_left(seal).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(secret: &[u8], name: &[u8], opened: &[u8], challenged: &[u8]) -> Exchange {
        Exchange::new(&Key::new(secret, name), opened, challenged)
    }

    #[test]
    fn a_proof_holds_for_one_secret_cluster_side_and_exchange() {
        let ours = exchange(b"secret", b"name", b"open", b"challenge");
        let proof = ours.prove(Side::Opener);
        assert!(ours.verify(Side::Opener, &proof));
        assert!(!ours.verify(Side::Acceptor, &proof), "reflected");
        for other in [
            exchange(b"Secret", b"name", b"open", b"challenge"),
            exchange(b"secret", b"", b"open", b"challenge"),
            exchange(b"secret", b"name", b"Open", b"challenge"),
            exchange(b"secret", b"name", b"open", b"Challenge"),
        ] {
            assert!(!other.verify(Side::Opener, &proof), "replayed: {other:?}");
        }
    }

    #[test]
    fn a_seal_holds_for_one_frame_in_its_place() {
        let ours = exchange(b"secret", b"name", b"open", b"challenge");
        let seal = ours.seals(Side::Opener).seal(b"one");
        assert!(ours.seals(Side::Opener).verify(b"one", &seal));
        assert!(!ours.seals(Side::Opener).verify(b"two", &seal), "changed");
        assert!(!ours.seals(Side::Acceptor).verify(b"one", &seal), "reflected");
        assert!(!exchange(b"secret", b"name", b"again", b"challenge").seals(Side::Opener).verify(b"one", &seal), "another connection");
        let mut seals = ours.seals(Side::Opener);
        assert!(seals.verify(b"one", &seal));
        assert!(!seals.verify(b"one", &seal), "sent again");
        for len in 0..SEAL_LEN {
            assert!(!ours.seals(Side::Opener).verify(b"one", &seal[..len]), "cut short");
        }
    }

    #[test]
    fn what_is_computed_is_fixed() {
        // Golden: nodes of two versions compute the same.
        let ours = exchange(b"secret", b"name", b"open", b"challenge");
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let seal = ours.seals(Side::Acceptor).seal(b"frame");
        assert_eq!(
            [hex(&ours.prove(Side::Opener)), hex(&ours.prove(Side::Acceptor)), hex(&seal)].join(" "),
            "1886bf79052de19ac3e24e6f4af49a57412d72993ae9de408bb0596f08753c0b 10b811d9817f519c9c464e13cb2c272349d0cf42dec79fd050d5e2dc0a27265b \
             2482353a34e6a3ccdbd774e767c19fe9"
        );
    }
}
