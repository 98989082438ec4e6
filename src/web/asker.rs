//! Who asks: what the door found out about a request, for the pages and the forms behind it.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

/// The other end of a connection, or whoever a proxy there asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    pub address: IpAddr,
    /// By TLS of our own.
    pub tls: bool,
    /// The browser came by TLS: to us, or to a proxy that is believed.
    pub secure: bool,
}

impl Peer {
    /// Whoever is at the other end, before a proxy is asked in whose name it comes.
    #[must_use]
    pub fn over(address: IpAddr, tls: bool) -> Self {
        Self {
            address,
            tls,
            secure: tls,
        }
    }
}

/// What somebody may do here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Look at everything.
    Look,
    /// Look, and have things changed: acks, silences, replays, polls.
    Act,
}

/// How somebody showed who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// They did not have to: this machine's own users, or a page that is open to all.
    Nothing,
    /// A bearer token, or the password of HTTP Basic.
    Header,
    /// The cookie of a sign-in.
    Session,
}

/// The one who asks; put into each request by the door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asker {
    /// The user's name, where the sign-in has one.
    pub name: Option<Arc<str>>,
    pub role: Role,
    pub proof: Proof,
    /// What the forms of this asker are bound to: nobody else's form is taken from them.
    pub session: Arc<str>,
}

impl Asker {
    /// Somebody who did not sign in.
    #[must_use]
    pub fn nobody(role: Role) -> Self {
        Self {
            name: None,
            role,
            proof: Proof::Nothing,
            session: Arc::from(""),
        }
    }

    /// Whether they may have things changed.
    #[must_use]
    pub fn may_act(&self) -> bool {
        match self.role {
            Role::Act => true,
            Role::Look => false,
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Asker {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        // Nobody passed the door unseen; where that should ever be so, they only look.
        Ok(parts
            .extensions
            .get::<Self>()
            .cloned()
            .unwrap_or_else(|| Self::nobody(Role::Look)))
    }
}
