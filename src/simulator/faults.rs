//! What can go wrong with an answer, and which of the coming requests it happens to.

use std::collections::VecDeque;
use std::time::Duration;

/// A refusal in WHMCS's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The secret is wrong, or the identifier or secret is missing.
    AuthenticationFailed,
    /// The identifier is wrong.
    InvalidCredentials,
    /// This address is not on the IP list.
    InvalidIp(String),
    /// The role lacks the action, or (7.4 to 8.x) there is no such action.
    NotPermitted,
    /// There is no such action (9.0).
    InvalidAction,
    /// Permitted, but the action's file is missing.
    FunctionNotFound,
    /// The request names no action.
    EmptyAction,
    AccountDisabled,
    AccessDenied,
    IpBanned,
    /// A product id that nobody knows; a business error under status 200.
    ProductNotFound,
    /// Bytes in the shop's data cannot be encoded.
    MalformedUtf8,
}

impl Refusal {
    /// Every refusal that comes under status 403.
    #[must_use]
    pub fn all_forbidden() -> Vec<Self> {
        vec![
            Self::AuthenticationFailed,
            Self::InvalidCredentials,
            Self::InvalidIp("192.0.2.7".to_owned()),
            Self::InvalidIp("2001:db8::7".to_owned()),
            Self::NotPermitted,
            Self::InvalidAction,
            Self::FunctionNotFound,
            Self::AccountDisabled,
            Self::AccessDenied,
            Self::IpBanned,
        ]
    }

    /// The HTTP status; where nobody knows it, 403, which covers all refusals.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::EmptyAction => 400,
            Self::ProductNotFound | Self::MalformedUtf8 => 200,
            Self::AuthenticationFailed
            | Self::InvalidCredentials
            | Self::InvalidIp(_)
            | Self::NotPermitted
            | Self::InvalidAction
            | Self::FunctionNotFound
            | Self::AccountDisabled
            | Self::AccessDenied
            | Self::IpBanned => 403,
        }
    }

    /// The message, for a request of this action.
    #[must_use]
    pub fn message(&self, action: &str) -> String {
        let action = action.to_ascii_lowercase();
        match self {
            Self::AuthenticationFailed => "Authentication Failed".to_owned(),
            Self::InvalidCredentials => "Invalid or missing credentials".to_owned(),
            Self::InvalidIp(address) => format!("Invalid IP {address}"),
            Self::NotPermitted => {
                format!("Invalid Permissions: API action \"{action}\" is not allowed")
            }
            Self::InvalidAction => format!("Invalid API Action: \"{action}\" is not a valid API action"),
            Self::FunctionNotFound => "API Function Not Found".to_owned(),
            Self::EmptyAction => "Empty action request".to_owned(),
            Self::AccountDisabled => "Administrator Account Disabled".to_owned(),
            Self::AccessDenied => "Access Denied".to_owned(),
            Self::IpBanned => "IP Banned".to_owned(),
            Self::ProductNotFound => "Product ID Not Found".to_owned(),
            Self::MalformedUtf8 => "Error generating JSON encoded response: Malformed UTF-8 characters, \
                                    possibly incorrectly encoded"
                .to_owned(),
        }
    }
}

/// What an oversized body is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filler {
    /// Zero bytes from the first on: no JSON at all.
    Zeros,
    /// White space inside an answer that is well-formed when it ends.
    Spaces,
    /// Small, well-formed products, all alike.
    Products,
    /// One product whose name does not end.
    Name,
}

/// Something that happens to an answer instead of, or on top of, the true one.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// A refusal in JSON, with its status.
    Refused(Refusal),
    /// A refusal as plain text, `result=error;message=…`, under its status (the deprecated NVP format).
    RefusedPlain(Refusal),
    /// The admin login page under status 200.
    LoginPage,
    /// A maintenance page with the given status (503, or 200).
    MaintenancePage(u16),
    /// A web application firewall's page under status 403.
    FirewallPage,
    /// The page of something that printed before the answer, under status 500.
    OutputAlreadySent,
    /// The true answer behind a PHP warning, under status 200.
    WarningBeforeJson,
    /// A body of no bytes under status 200.
    EmptyBody,
    /// `null`.
    Null,
    /// `[]`.
    EmptyList,
    /// `result: success` and a total, but no products at all.
    NoProducts,
    /// This many products fewer than `totalresults` says.
    FewerThanTotal(usize),
    /// A well-formed catalogue of nothing.
    EmptyCatalogue,
    /// The true catalogue (or details) without its stock fields.
    NoStockFields,
    /// Half of the true body under the whole one's `Content-Length`, then the end.
    TruncatedBody,
    /// Half of the true body's gzip, then a proper end.
    TruncatedGzip,
    /// Gzip that grows to this many bytes.
    GzipBomb { bytes: u64, filler: Filler },
    /// A body of this many bytes (`None`: without end), in chunks.
    HugeBody { bytes: Option<u64>, filler: Filler },
    /// The true answer, one byte of the body an interval.
    Drip(Duration),
    /// The true answer, one byte an interval from the status line on.
    DripFromStart(Duration),
    /// The true answer after a while.
    Delay(Duration),
    /// Half of the true body, then a TCP reset.
    ResetMidBody,
    /// A TCP reset instead of an answer.
    Reset,
    /// An orderly end of the connection instead of an answer.
    Close,
    /// No answer, until the client leaves.
    Hang,
    /// Status 429, with `Retry-After` in seconds where given.
    RateLimited(Option<u64>),
    /// Any status with the web server's own page, and `Retry-After` in seconds where given.
    Status(u16, Option<u64>),
    /// A redirect (301, 302, 307, 308) to a URL.
    Redirect { status: u16, location: String },
    /// The true answer with bytes in the first name that are no UTF-8.
    InvalidUtf8,
    /// A catalogue of one product whose description is nested this deep, brackets all closed.
    DeepNesting(usize),
    /// Any status, content type and body.
    Body {
        status: u16,
        content_type: String,
        body: Vec<u8>,
    },
    /// These bytes on the wire instead of an answer, then the end.
    Raw(Vec<u8>),
}

/// Which faults wait, and for how many requests.
#[derive(Debug, Default)]
pub struct Faults {
    queue: VecDeque<Waiting>,
    standing: Vec<Waiting>,
}

/// Whose requests a fault happens to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    /// One that sends credentials, right or wrong.
    Signed,
    /// One that sends none.
    Unsigned,
}

#[derive(Debug)]
struct Waiting {
    action: Option<String>,
    /// `None`: everybody.
    asker: Option<Asker>,
    fault: Fault,
    left: usize,
}

impl Faults {
    /// The fault happens to the next `count` requests (of one action, if named), behind those that wait already.
    pub fn queue(&mut self, action: Option<&str>, count: usize, fault: Fault) {
        if count > 0 {
            self.queue.push_back(Waiting::new(action, count, fault));
        }
    }

    /// The fault happens to every request (of one action, if named) for which none is queued, until `heal`.
    pub fn keep(&mut self, action: Option<&str>, fault: Fault) {
        self.standing
            .retain(|kept| kept.action.as_deref() != action || kept.asker.is_some());
        self.standing.push(Waiting::new(action, usize::MAX, fault));
    }

    /// The same for the requests of some askers alone.
    pub fn keep_for(&mut self, asker: Asker, action: Option<&str>, fault: Fault) {
        let asker = Some(asker);
        self.standing.push(Waiting {
            asker,
            ..Waiting::new(action, usize::MAX, fault)
        });
    }

    /// Forgets all faults.
    pub fn heal(&mut self) {
        self.queue.clear();
        self.standing.clear();
    }

    /// How many requests the queued faults are still waiting for.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queue.iter().map(|waiting| waiting.left).sum()
    }

    /// Takes the fault for a request of this action: the first queued one that fits, else a standing one, that
    /// of the action before the general.
    pub fn take(&mut self, action: &str, asker: Asker) -> Option<Fault> {
        let waiting = self.queue.iter();
        if let Some(at) = waiting
            .map(|waiting| waiting.fits(action, asker))
            .position(|fits| fits)
        {
            self.queue[at].left -= 1;
            let fault = self.queue[at].fault.clone();
            if self.queue[at].left == 0 {
                self.queue.remove(at);
            }
            return Some(fault);
        }
        let fitting = self.standing.iter().filter(|kept| kept.fits(action, asker));
        fitting
            .max_by_key(|kept| kept.action.is_some())
            .map(|kept| kept.fault.clone())
    }
}

impl Waiting {
    fn new(action: Option<&str>, left: usize, fault: Fault) -> Self {
        let action = action.map(str::to_owned);
        Self {
            action,
            asker: None,
            fault,
            left,
        }
    }

    fn fits(&self, action: &str, asker: Asker) -> bool {
        let of_action = self.action.as_ref();
        of_action.is_none_or(|own| own.eq_ignore_ascii_case(action))
            && self.asker.is_none_or(|own| own == asker)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queued_faults_come_in_order_and_before_standing_ones() {
        let mut faults = Faults::default();
        faults.keep(None, Fault::Hang);
        faults.queue(None, 2, Fault::Null);
        faults.queue(Some("GetProductDetails"), 1, Fault::Reset);
        assert_eq!(faults.waiting(), 3);
        assert_eq!(faults.take("GetProducts", Asker::Signed), Some(Fault::Null));
        assert_eq!(faults.take("getproductdetails", Asker::Signed), Some(Fault::Null));
        assert_eq!(faults.take("GetProducts", Asker::Signed), Some(Fault::Hang));
        assert_eq!(
            faults.take("getproductdetails", Asker::Signed),
            Some(Fault::Reset)
        );
        assert_eq!(faults.take("getproductdetails", Asker::Signed), Some(Fault::Hang));
        faults.heal();
        assert_eq!(faults.take("GetProducts", Asker::Signed), None);
    }

    #[test]
    fn a_standing_fault_of_an_action_wins_over_a_general_one_and_is_replaced_by_the_next() {
        let mut faults = Faults::default();
        faults.keep(Some("GetProducts"), Fault::Null);
        faults.keep(None, Fault::Hang);
        assert_eq!(faults.take("GetProducts", Asker::Signed), Some(Fault::Null));
        faults.keep(Some("GetProducts"), Fault::EmptyList);
        assert_eq!(faults.take("GetProducts", Asker::Signed), Some(Fault::EmptyList));
        assert_eq!(faults.take("WhmcsDetails", Asker::Signed), Some(Fault::Hang));
    }
}
