//! How many connections one address has: one alone does not take all there are.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

/// Connections of each address.
#[derive(Debug, Clone, Default)]
pub struct Crowd(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// One of them; given back when dropped.
#[derive(Debug)]
pub struct Place {
    crowd: Crowd,
    from: IpAddr,
}

impl Crowd {
    /// A place for a connection from there; `None` where that address has `most` already.
    #[must_use]
    pub fn enter(&self, from: IpAddr, most: usize) -> Option<Place> {
        let mut crowd = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = crowd.entry(from).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(self.place(from))
    }

    /// A place for a connection from there in exchange for one that was told to leave and has not done so yet.
    #[must_use]
    pub fn exchange(&self, from: IpAddr) -> Place {
        let mut crowd = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *crowd.entry(from).or_default() += 1;
        self.place(from)
    }

    fn place(&self, from: IpAddr) -> Place {
        Place {
            crowd: self.clone(),
            from,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut crowd = self.crowd.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = crowd.get_mut(&self.from) {
            *count -= 1;
            if *count == 0 {
                crowd.remove(&self.from);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_gets_so_many_places_and_again_what_it_gave_back() {
        let crowd = Crowd::default();
        let [one, other]: [IpAddr; 2] = ["192.0.2.1", "192.0.2.2"].map(|ip| ip.parse().unwrap());
        let mut places: Vec<Place> = (0..3).filter_map(|_| crowd.enter(one, 3)).collect();
        assert_eq!(places.len(), 3);
        assert!(crowd.enter(one, 3).is_none());
        assert!(crowd.enter(other, 3).is_some());
        places.pop();
        assert!(crowd.enter(one, 3).is_some());
        let exchanged = crowd.exchange(one);
        assert!(crowd.enter(one, 3).is_none());
        drop((places, exchanged));
        assert!(crowd.0.lock().unwrap().is_empty(), "nothing is kept of who left");
    }
}
