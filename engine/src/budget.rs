// SPDX-License-Identifier: Apache-2.0
//! What one instance may grow to: FORMATS section 3, the same rule in every
//! engine. Past a declared maximum, 65,536 pages or 10,000,000 elements growth
//! fails as Wasm says; every other refusal ends the run.

const PAGES_MAX: usize = 65_536 * 65_536; // bytes
pub const TABLE_MAX: usize = 10_000_000; // elements
const ELEMENT: u64 = 8; // bytes a table element counts, in every engine

pub struct Budget {
    max: u64,      // bytes of all memories and tables together
    used: u64,     // now
    pub peak: u64, // largest single memory so far, in bytes
    pub refused: bool,
}

/// Growth was refused for a reason the program does not determine.
#[derive(Debug)]
pub struct Refused;

impl Budget {
    /// `max` in bytes; 0 is no limit.
    pub fn new(max: u64) -> Budget {
        let max = if max == 0 { u64::MAX } else { max };
        Budget { max, used: 0, peak: 0, refused: false }
    }

    /// True: go ahead. False: the program sees its growth fail.
    pub fn memory(
        &mut self,
        old: usize,
        new: usize,
        declared: Option<usize>,
    ) -> Result<bool, Refused> {
        if new > PAGES_MAX || declared.is_some_and(|max| new > max) {
            return Ok(false);
        }
        self.take(old as u64, new as u64)?;
        self.peak = self.peak.max(new as u64);
        Ok(true)
    }

    pub fn table(
        &mut self,
        old: usize,
        new: usize,
        declared: Option<usize>,
    ) -> Result<bool, Refused> {
        if new > TABLE_MAX || declared.is_some_and(|max| new > max) {
            return Ok(false);
        }
        self.take(old as u64 * ELEMENT, new as u64 * ELEMENT)?;
        Ok(true)
    }

    pub fn refuse(&mut self) -> Refused {
        self.refused = true;
        Refused
    }

    fn take(&mut self, old: u64, new: u64) -> Result<(), Refused> {
        let used = self.used - old.min(self.used) + new;
        if used > self.max {
            return Err(self.refuse());
        }
        self.used = used;
        Ok(())
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("a growth of memory was refused")
    }
}

impl std::error::Error for Refused {}
