//! The simulator's account of itself: every request, and every stock value that it told.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::SystemTime;

use crate::simulator::api::Params;
use crate::simulator::faults::Fault;
use crate::simulator::http::HttpRequest;

/// A request that was answered, or is being answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Counted from 1, in the order of arrival.
    pub number: usize,
    pub at: SystemTime,
    pub method: String,
    /// Empty where none was named.
    pub action: String,
    /// The form's fields without identifier, secret and access key.
    pub params: Params,
    /// What stood in the URL's query: nothing, from a careful client.
    pub query: String,
    pub user_agent: String,
    pub accepts_gzip: bool,
    /// What was made to go wrong with the answer.
    pub fault: Option<Fault>,
    /// How many requests were being answered when it came, itself included.
    pub at_once: usize,
    /// Whether sending ended (to the operating system, that is) without the connection breaking under it.
    pub finished: bool,
}

/// The stock values of one sound answer, noted before its first byte leaves.
#[derive(Debug, Clone, PartialEq)]
pub struct Served {
    /// The number of the request.
    pub request: usize,
    pub at: SystemTime,
    pub action: String,
    /// (product, stock) as served, ascending. GetProductDetails: only products whose stock is counted.
    pub levels: Arc<[(i64, i64)]>,
}

/// Notes what happens; the counts go on even where nothing is remembered.
#[derive(Debug)]
pub struct Account {
    record: bool,
    notes: Mutex<Notes>,
}

#[derive(Debug, Default)]
struct Notes {
    requests: Vec<Request>,
    served: Vec<Served>,
    count: usize,
    at_once: usize,
    connections: usize,
}

impl Account {
    /// An empty account, which remembers requests and levels if `record`.
    #[must_use]
    pub fn new(record: bool) -> Self {
        let notes = Mutex::default();
        Self { record, notes }
    }

    /// Every remembered request.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.notes().requests.clone()
    }

    /// Every remembered stock value.
    #[must_use]
    pub fn served(&self) -> Vec<Served> {
        self.notes().served.clone()
    }

    /// How many requests there were.
    #[must_use]
    pub fn request_count(&self) -> usize {
        self.notes().count
    }

    /// How many connections there were.
    #[must_use]
    pub fn connection_count(&self) -> usize {
        self.notes().connections
    }

    /// Forgets requests and levels; the counts go on.
    pub fn forget(&self) {
        let mut notes = self.notes();
        notes.requests.clear();
        notes.served.clear();
    }

    /// Counts a connection.
    pub fn note_connection(&self) {
        self.notes().connections += 1;
    }

    /// Notes a request that is now being answered.
    pub fn begin(&self, request: &HttpRequest, params: &Params, fault: Option<&Fault>) -> UnderWay<'_> {
        let mut notes = self.notes();
        notes.count += 1;
        notes.at_once += 1;
        let (number, at_once) = (notes.count, notes.at_once);
        if self.record {
            let request = noted(number, at_once, request, params, fault);
            notes.requests.push(request);
        }
        UnderWay {
            account: self,
            number,
        }
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request being answered: counted until it is dropped.
#[derive(Debug)]
pub struct UnderWay<'a> {
    account: &'a Account,
    number: usize,
}

impl UnderWay<'_> {
    /// Notes the levels that the answer is about to tell.
    pub fn note_served(&self, action: &str, levels: &Arc<[(i64, i64)]>) {
        if self.account.record {
            self.account.notes().served.push(Served {
                request: self.number,
                at: SystemTime::now(),
                action: action.to_owned(),
                levels: Arc::clone(levels),
            });
        }
    }

    /// Notes that the answer was sent.
    pub fn finish(self) {
        let mut notes = self.account.notes();
        let own = notes
            .requests
            .iter_mut()
            .rev()
            .find(|request| request.number == self.number);
        if let Some(request) = own {
            request.finished = true;
        }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.account.notes().at_once -= 1;
    }
}

fn noted(
    number: usize,
    at_once: usize,
    request: &HttpRequest,
    params: &Params,
    fault: Option<&Fault>,
) -> Request {
    let mut public = params.clone();
    for secret in ["identifier", "secret", "accesskey", "username", "password"] {
        public.remove(secret);
    }
    Request {
        number,
        at: SystemTime::now(),
        method: request.method.clone(),
        action: params.get("action").cloned().unwrap_or_default(),
        params: public,
        query: request.query.clone(),
        user_agent: request.header("user-agent").to_owned(),
        accepts_gzip: request.accepts_gzip(),
        fault: fault.cloned(),
        at_once,
        finished: false,
    }
}
