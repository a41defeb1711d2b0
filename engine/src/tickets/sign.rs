//! The code on a ticket: which place of which event, signed so that a door can check it offline.
//!
//! 96 bytes, numbers big-endian, carried in the QR code as 144 characters of Base45:
//!
//! | bytes | what |
//! |---|---|
//! | 1 | format, 1 |
//! | 2 | key id |
//! | 8 | event tag: the first 8 bytes of SHA-256 over the 16 bytes of the event's id |
//! | 16 | ticket id |
//! | 4 | place: the seat's index; with the top bit set, the index of a general-admission area |
//! | 1 | version of the ticket, raised when it is issued anew |
//! | 64 | Ed25519 signature over all bytes before |
//!
//! A door knows which event it guards, so a tag instead of the id is enough and leaves room. The signature says that the
//! ticket was issued; whether it was voided or used since is for the journal or the door's list to say. Keys are told
//! apart by a number: the highest signs, all verify, so a key can be replaced while its tickets stay valid.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use usher_core::{AreaIdx, EventId, Place, SeatIdx, TicketId};

use super::base45;

const FORMAT: u8 = 1;
const SIGNED_BYTES: usize = 32;
const CODE_BYTES: usize = SIGNED_BYTES + 64;
const AREA_BIT: u32 = 1 << 31;

/// Which event, in 8 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventTag(pub [u8; 8]);

impl EventTag {
    /// The tag of an event.
    #[must_use]
    pub fn of(event: EventId) -> Self {
        let digest: [u8; 32] = Sha256::digest(event.0.to_be_bytes()).into();
        let mut tag = [0; 8];
        tag.copy_from_slice(&digest[..8]);
        Self(tag)
    }
}

impl fmt::Display for EventTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for EventTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a genuine code says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TicketClaims {
    /// The event's tag.
    pub event: EventTag,
    /// The ticket.
    pub ticket: TicketId,
    /// The place.
    pub place: Place,
    /// The ticket's version, from 1.
    pub version: u8,
    /// The key that signed.
    pub key_id: u16,
}

impl TicketClaims {
    /// Whether the ticket is for this event.
    #[must_use]
    pub fn is_for(&self, event: EventId) -> bool {
        self.event == EventTag::of(event)
    }

    fn to_bytes(self) -> [u8; SIGNED_BYTES] {
        let place = match self.place {
            Place::Seat(SeatIdx(seat)) => seat,
            Place::Ga(AreaIdx(area)) => AREA_BIT | u32::from(area),
        };
        let mut bytes = [0; SIGNED_BYTES];
        bytes[0] = FORMAT;
        bytes[1..3].copy_from_slice(&self.key_id.to_be_bytes());
        bytes[3..11].copy_from_slice(&self.event.0);
        bytes[11..27].copy_from_slice(&self.ticket.0.to_be_bytes());
        bytes[27..31].copy_from_slice(&place.to_be_bytes());
        bytes[31] = self.version;
        bytes
    }

    fn from_bytes(bytes: &[u8; SIGNED_BYTES]) -> Result<Self, VerifyError> {
        let place = u32::from_be_bytes(part(bytes, 27));
        let place = match u16::try_from(place & !AREA_BIT) {
            Ok(area) if place & AREA_BIT != 0 => Place::Ga(AreaIdx(area)),
            Err(_) if place & AREA_BIT != 0 => return Err(VerifyError::NotATicket),
            Ok(_) | Err(_) => Place::Seat(SeatIdx(place)),
        };
        Ok(Self {
            event: EventTag(part(bytes, 3)),
            ticket: TicketId(u128::from_be_bytes(part(bytes, 11))),
            place,
            version: bytes[31],
            key_id: u16::from_be_bytes(part(bytes, 1)),
        })
    }
}

fn part<const N: usize>(bytes: &[u8; SIGNED_BYTES], start: usize) -> [u8; N] {
    let mut part = [0; N];
    part.copy_from_slice(&bytes[start..start + N]);
    part
}

/// Why a code is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// Not a ticket's code at all: wrong alphabet or length.
    #[error("this is not the code of a ticket")]
    NotATicket,
    /// Made by a later release.
    #[error("the code has format {0}, which is not known here")]
    UnknownFormat(u8),
    /// Signed with a key that is not among the given ones.
    #[error("the code was signed with key {0}, which is not known here")]
    UnknownKey(u16),
    /// The signature does not fit: forged or damaged.
    #[error("the code's signature is wrong: forged or damaged")]
    BadSignature,
}

/// A code of a ticket, checked offline.
///
/// # Errors
/// When the text is not a code, or not one signed with one of the keys.
pub fn verify(text: &str, keys: &PublicKeys) -> Result<TicketClaims, VerifyError> {
    // A scanner may end its line; a space may belong to the code and stays.
    let bytes = base45::decode(text.trim_matches(['\r', '\n'])).ok_or(VerifyError::NotATicket)?;
    if bytes.first().is_some_and(|format| *format != FORMAT) && bytes.len() >= CODE_BYTES {
        return Err(VerifyError::UnknownFormat(bytes[0]));
    }
    let (signed, signature) = bytes.split_first_chunk::<SIGNED_BYTES>().ok_or(VerifyError::NotATicket)?;
    let signature = Signature::from_slice(signature).map_err(|_| VerifyError::NotATicket)?;
    let key_id = u16::from_be_bytes(part(signed, 1));
    let key = keys.0.get(&key_id).ok_or(VerifyError::UnknownKey(key_id))?;
    key.verify_strict(signed, &signature).map_err(|_| VerifyError::BadSignature)?;
    TicketClaims::from_bytes(signed)
}

/// The keys that sign tickets. They never leave the process but for their store.
#[derive(Clone)]
pub struct SigningKeys {
    newest_id: u16,
    newest: SigningKey,
    public: PublicKeys,
}

impl SigningKeys {
    /// The keys by id; `None` when there are none.
    #[must_use]
    pub fn new(secrets: &BTreeMap<u16, [u8; 32]>) -> Option<Self> {
        let (newest_id, secret) = secrets.last_key_value()?;
        let public = |secret| SigningKey::from_bytes(secret).verifying_key();
        Some(Self {
            newest_id: *newest_id,
            newest: SigningKey::from_bytes(secret),
            public: PublicKeys(secrets.iter().map(|(id, secret)| (*id, public(secret))).collect()),
        })
    }

    /// The text for a ticket's QR code, signed with the newest key.
    #[must_use]
    pub fn sign(&self, event: EventId, ticket: TicketId, place: Place, version: u8) -> String {
        let claims = TicketClaims { event: EventTag::of(event), ticket, place, version, key_id: self.newest_id };
        let signed = claims.to_bytes();
        let mut code = [0; CODE_BYTES];
        code[..SIGNED_BYTES].copy_from_slice(&signed);
        code[SIGNED_BYTES..].copy_from_slice(&self.newest.sign(&signed).to_bytes());
        base45::encode(&code)
    }

    /// What doors need.
    #[must_use]
    pub fn public(&self) -> &PublicKeys {
        &self.public
    }
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKeys").field("newest_id", &self.newest_id).finish_non_exhaustive()
    }
}

/// The keys that verify tickets, by id; published as JSON `{"keys":[{"kid":1,"alg":"Ed25519","public_key":"<base64>"}]}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "KeyDocument", into = "KeyDocument")]
pub struct PublicKeys(BTreeMap<u16, VerifyingKey>);

#[derive(Serialize, Deserialize)]
struct KeyDocument {
    keys: Vec<PublishedKey>,
}

#[derive(Serialize, Deserialize)]
struct PublishedKey {
    kid: u16,
    alg: String,
    public_key: String,
}

impl From<PublicKeys> for KeyDocument {
    fn from(keys: PublicKeys) -> Self {
        let publish = |(kid, key): (u16, VerifyingKey)| PublishedKey {
            kid,
            alg: "Ed25519".to_owned(),
            public_key: STANDARD.encode(key.as_bytes()),
        };
        Self { keys: keys.0.into_iter().map(publish).collect() }
    }
}

impl TryFrom<KeyDocument> for PublicKeys {
    type Error = String;
    fn try_from(document: KeyDocument) -> Result<Self, String> {
        let read = |key: PublishedKey| {
            let bytes = STANDARD.decode(&key.public_key).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
            let public = bytes.and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok());
            match public {
                Some(public) if key.alg == "Ed25519" => Ok((key.kid, public)),
                Some(_) | None => Err(format!("key {} is not an Ed25519 public key in base64", key.kid)),
            }
        };
        document.keys.into_iter().map(read).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EVENT: EventId = EventId(0x018f_0000_0000_7000_8000_0000_0000_0001);
    const TICKET: TicketId = TicketId(0xfedc_ba98_7654_3210_0123_4567_89ab_cdef);

    fn keys(ids: &[u16]) -> SigningKeys {
        SigningKeys::new(&ids.iter().map(|id| (*id, [u8::try_from(*id).unwrap(); 32])).collect()).unwrap()
    }

    #[test]
    fn a_code_is_at_most_100_bytes_of_qr_alphanumerics_and_says_what_was_signed() {
        let keys = keys(&[7]);
        for place in [Place::Seat(SeatIdx(13_999)), Place::Ga(AreaIdx(u16::MAX)), Place::Seat(SeatIdx(0))] {
            let code = keys.sign(EVENT, TICKET, place, 3);
            assert_eq!(code.len(), 144);
            assert_eq!(base45::decode(&code).unwrap().len(), 96);
            let claims = verify(&code, keys.public()).unwrap();
            assert_eq!(
                claims,
                TicketClaims { event: EventTag::of(EVENT), ticket: TICKET, place, version: 3, key_id: 7 }
            );
            assert!(claims.is_for(EVENT) && !claims.is_for(EventId(2)));
        }
    }

    #[test]
    fn the_layout_of_a_code_never_changes() {
        let code = keys(&[7]).sign(EVENT, TICKET, Place::Ga(AreaIdx(5)), 1);
        let bytes = base45::decode(&code).unwrap();
        let signed: String = bytes[..32].iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(signed, format!("010007{}fedcba98765432100123456789abcdef8000000501", EventTag::of(EVENT)));
    }

    #[test]
    fn after_a_rotation_old_tickets_stay_valid_and_new_ones_use_the_new_key() {
        let (old, both) = (keys(&[1]), keys(&[1, 2]));
        let first = old.sign(EVENT, TICKET, Place::Seat(SeatIdx(1)), 1);
        let second = both.sign(EVENT, TICKET, Place::Seat(SeatIdx(1)), 1);
        assert_eq!(verify(&first, both.public()).unwrap().key_id, 1);
        assert_eq!(verify(&second, both.public()).unwrap().key_id, 2);
        assert_eq!(verify(&second, old.public()), Err(VerifyError::UnknownKey(2)));
    }

    #[test]
    fn the_published_json_is_enough_to_verify_and_holds_no_secret() {
        let keys = keys(&[1, 2]);
        let json = serde_json::to_string(keys.public()).unwrap();
        assert!(json.starts_with(r#"{"keys":[{"kid":1,"alg":"Ed25519","public_key":""#), "{json}");
        let read: PublicKeys = serde_json::from_str(&json).unwrap();
        let code = keys.sign(EVENT, TICKET, Place::Seat(SeatIdx(1)), 1);
        assert!(verify(&code, &read).is_ok());
        assert!(!json.contains(&STANDARD.encode([1_u8; 32])) && !format!("{keys:?}").contains("[1, 1"));
        assert!(serde_json::from_str::<PublicKeys>(&json.replace("Ed25519", "RS256")).is_err());
    }

    #[test]
    fn texts_that_are_no_codes_are_told_apart_from_forged_ones() {
        let (mine, other) = (keys(&[1]), SigningKeys::new(&BTreeMap::from([(1, [9; 32])])).unwrap());
        for text in ["", "HELLO", "https://example.org/t/1", &"0".repeat(145)] {
            assert_eq!(verify(text, mine.public()), Err(VerifyError::NotATicket), "{text}");
        }
        let code = mine.sign(EVENT, TICKET, Place::Seat(SeatIdx(1)), 1);
        assert_eq!(verify(&code, other.public()), Err(VerifyError::BadSignature));
        assert!(verify(&format!("{code}\r\n"), mine.public()).is_ok());
        let mut later = base45::decode(&code).unwrap();
        later[0] = 2;
        assert_eq!(verify(&base45::encode(&later), mine.public()), Err(VerifyError::UnknownFormat(2)));
    }

    #[test]
    fn each_flipped_bit_is_refused() {
        // Every id has a key here, so that a flip in the key id cannot hide behind an unknown one.
        let ids = [1_u16, 0, 3, 5, 9, 17, 33, 65, 129];
        let keys = keys(&ids);
        let code = base45::decode(&keys.sign(EVENT, TICKET, Place::Seat(SeatIdx(77)), 1)).unwrap();
        for bit in 0..code.len() * 8 {
            let mut flipped = code.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(verify(&base45::encode(&flipped), keys.public()).is_err(), "bit {bit}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_changed_character_is_refused(position in 0_usize..144, to in "[0-9A-Z $%*+./:-]", seat: u32, ticket: u128) {
            let keys = keys(&[1]);
            let code = keys.sign(EVENT, TicketId(ticket), Place::Seat(SeatIdx(seat >> 1)), 1);
            let mut changed = code.clone();
            changed.replace_range(position..=position, &to);
            prop_assert_eq!(verify(&changed, keys.public()).is_ok(), changed == code);
        }

        #[test]
        fn no_text_makes_verification_panic(text: String) {
            prop_assert!(verify(&text, keys(&[1]).public()).is_err());
        }
    }
}
