//! Buyers by number: how many seats each has, and what each waits for.

use earlybird_engine::{BuyerId, SeatIndex};
use hashbrown::HashMap;

/// A buyer of this journal, for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BuyerNumber(u32);

/// What is known of a buyer.
#[derive(Debug)]
pub(super) struct Buyer {
    pub(super) name: BuyerId,
    /// Seats held, being paid or bought.
    pub(super) claims: u32,
    /// The seats that the buyer waits for, each with the number of the joining.
    pub(super) waits: Vec<(SeatIndex, u64)>,
}

impl Buyer {
    pub(super) fn joining_of(&self, seat: SeatIndex) -> Option<u64> {
        self.waits.iter().find(|wait| wait.0 == seat).map(|wait| wait.1)
    }
}

/// All buyers that the journal names.
#[derive(Debug, Default)]
pub(super) struct BuyerBook {
    numbers: HashMap<BuyerId, BuyerNumber>,
    records: Vec<Buyer>,
}

impl BuyerBook {
    pub(super) fn number(&mut self, name: &BuyerId) -> BuyerNumber {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = BuyerNumber(self.records.len() as u32);
        self.records.push(Buyer { name: name.clone(), claims: 0, waits: Vec::new() });
        self.numbers.insert(name.clone(), number);
        number
    }

    pub(super) fn get(&self, number: BuyerNumber) -> &Buyer {
        &self.records[number.0 as usize]
    }

    pub(super) fn get_mut(&mut self, number: BuyerNumber) -> &mut Buyer {
        &mut self.records[number.0 as usize]
    }
}
