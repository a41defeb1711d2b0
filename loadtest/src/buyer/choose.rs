//! Choosing places from what is free.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::Value;

use crate::audit::SeatState;

/// What is free, as a page or a poll tells it.
#[derive(Debug, Clone, Default)]
pub struct Availability {
    /// Numbered seats by index.
    pub seats: Vec<SeatState>,
    /// Areas: code and free places.
    pub areas: Vec<(String, u64)>,
}

impl Availability {
    /// Reads the availability of an event with so many numbered seats.
    #[must_use]
    pub fn read(body: &Value, seats_count: u32) -> Option<Self> {
        let packed = BASE64_STANDARD.decode(body["seats"].as_str()?).ok()?;
        let area = |area: &Value| Some((area["code"].as_str()?.to_owned(), area["available_count"].as_u64()?));
        let areas = body["areas"].as_array()?.iter().map(area).collect::<Option<Vec<_>>>()?;
        let seats = (0..seats_count as usize).map(|seat| state_of(&packed, seat)).collect::<Option<Vec<_>>>()?;
        Some(Self { seats, areas })
    }

    /// So many seats side by side, the first ones found from a random seat on; if there are none, any so many.
    #[must_use]
    pub fn pick(&self, quantity: usize, chance: &mut StdRng) -> Option<Vec<u32>> {
        let count = self.seats.len();
        if count == 0 || quantity == 0 {
            return None;
        }
        let from = chance.random_range(0..count);
        let around = (from..count).chain(0..from).filter(|seat| self.seats[*seat] == SeatState::Available);
        let mut apart = Vec::with_capacity(quantity);
        let mut together: Vec<usize> = Vec::with_capacity(quantity);
        for seat in around {
            if apart.len() < quantity {
                apart.push(seat);
            }
            if together.last().is_some_and(|last| last + 1 != seat) {
                together.clear();
            }
            together.push(seat);
            if together.len() == quantity {
                return Some(indexes(&together));
            }
        }
        (apart.len() == quantity).then(|| indexes(&apart))
    }
}

/// Two bits a seat, four seats a byte, the first in the lowest bits.
fn state_of(packed: &[u8], seat: usize) -> Option<SeatState> {
    let bits = packed.get(seat / 4)? >> (seat % 4 * 2) & 0b11;
    Some(match bits {
        0 => SeatState::Available,
        1 => SeatState::Held,
        2 => SeatState::Sold,
        _ => SeatState::Blocked,
    })
}

fn indexes(seats: &[usize]) -> Vec<u32> {
    seats.iter().filter_map(|seat| u32::try_from(*seat).ok()).collect()
}

/// A time on the wire, in milliseconds since 1970.
#[must_use]
pub(crate) fn read_ms(at: &Value) -> Option<i64> {
    Some(at.as_str()?.parse::<jiff::Timestamp>().ok()?.as_millisecond())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::chance;

    #[test]
    fn the_bitmap_is_read_lowest_bits_first() {
        let body = json!({"seats": BASE64_STANDARD.encode([0b11_10_01_00_u8, 0b01]), "areas": []});
        let read = Availability::read(&body, 5).unwrap();
        let expected = [SeatState::Available, SeatState::Held, SeatState::Sold, SeatState::Blocked, SeatState::Held];
        assert_eq!(read.seats, expected);
        assert!(Availability::read(&body, 9).is_none(), "a bitmap that is too short is no bitmap");
    }

    #[test]
    fn only_free_seats_are_picked_side_by_side_where_there_are_such() {
        let mut free = Availability { seats: vec![SeatState::Sold; 40], areas: Vec::new() };
        for seat in [3, 10, 11, 12, 20] {
            free.seats[seat] = SeatState::Available;
        }
        for number in 0..50 {
            let mut chance = chance(1, number);
            let pair = free.pick(2, &mut chance).unwrap();
            assert!([vec![10, 11], vec![11, 12]].contains(&pair), "{pair:?}");
            let mut apart = free.pick(4, &mut chance).unwrap();
            apart.dedup();
            assert_eq!(apart.len(), 4);
            assert!(apart.iter().all(|seat| free.seats[*seat as usize] == SeatState::Available));
            assert!(free.pick(6, &mut chance).is_none());
        }
    }
}
