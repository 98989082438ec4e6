//! Bodies read as the client reads them, without a network.

use std::sync::Arc;

use whmcs_stock_monitor::whmcs::answer::Answer;
use whmcs_stock_monitor::whmcs::answer::Page;
use whmcs_stock_monitor::whmcs::form::Credentials;
use whmcs_stock_monitor::whmcs::form::SignIn;
use whmcs_stock_monitor::whmcs::judge::Refusal;
use whmcs_stock_monitor::whmcs::judge::Reply;
use whmcs_stock_monitor::whmcs::recall::Recall;
use whmcs_stock_monitor::whmcs::wire::Element;

/// What the client makes of a body that comes in pieces, cut at these places (ascending).
pub fn judged<T: Element>(status: u16, body: &[u8], cuts: &[usize]) -> Result<Page<T>, Refusal> {
    let mut answer = Answer::new(Recall::new(Arc::default()), Arc::default());
    let mut from = 0;
    for to in cuts.iter().copied().chain([body.len()]) {
        // A piece of no bytes never comes.
        if to > from && !answer.feed(&body[from..to]) {
            break;
        }
        from = to;
    }
    let credentials = Credentials {
        sign_in: SignIn::Credentials {
            identifier: "an-identifier".into(),
            secret: "a-secret".into(),
        },
        access_key: None,
    };
    let reply = Reply {
        status,
        framed: true,
        ..Reply::default()
    };
    answer.finish(&reply, &credentials)
}
