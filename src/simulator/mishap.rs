//! What goes wrong with the demo's WHMCS now and then, so that one sees what trouble looks like.

use crate::simulator::faults::Fault;
use crate::simulator::faults::Refusal;
use crate::simulator::story::HOUR;

/// The step at which it goes wrong first.
const FIRST: u64 = 100;
/// For how many steps.
const LASTS: u64 = 30;

/// What every request meets at a step of `Story::demo`, and that in words; `None` while all is well.
#[must_use]
pub fn mishap(step: u64) -> Option<(Fault, &'static str)> {
    let since = step.checked_sub(FIRST)?;
    let is_now = since % HOUR < LASTS;
    is_now.then_some(match since / HOUR % 3 {
        0 => (
            Fault::Refused(Refusal::AuthenticationFailed),
            "WHMCS refuses the API credentials",
        ),
        1 => (Fault::MaintenancePage(503), "WHMCS is in maintenance mode"),
        _ => (Fault::FirewallPage, "a firewall answers in place of WHMCS"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn something_else_goes_wrong_each_hour_for_half_a_minute() {
        let wrong: Vec<u64> = (1..=3 * HOUR + 99)
            .filter(|step| mishap(*step).is_some())
            .collect();
        let hour = |nth: u64| FIRST + nth * HOUR..FIRST + nth * HOUR + LASTS;
        let expected: Vec<u64> = (0..3).flat_map(hour).collect();
        assert_eq!(wrong, expected);
        let faults: Vec<Fault> = (0..3)
            .filter_map(|nth| Some(mishap(FIRST + nth * HOUR)?.0))
            .collect();
        assert!(faults[0] != faults[1] && faults[1] != faults[2] && faults[2] != faults[0]);
        assert_eq!(
            mishap(FIRST + 3 * HOUR).map(|(fault, _)| fault),
            Some(faults[0].clone())
        );
    }
}
