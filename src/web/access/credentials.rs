//! Who is known here, and what somebody shows to be one of them: tokens, and users with passwords.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret;
use sha2::Digest;
use sha2::Sha256;

use crate::web::access::passwords::Passwords;
use crate::web::asker::Role;
use crate::web::forms::is_same;
use crate::web::problem::Problem;
use crate::web::state::Settings;

/// Somebody who is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// Whoever has the token that only looks, or the one that acts.
    Token(Role),
    User(Arc<str>),
}

/// What a request shows, in its `Authorization` or in the form of the sign-in.
pub enum Shown {
    Bearer(Vec<u8>),
    /// With any name, where the password is a token.
    Password {
        name: String,
        password: Vec<u8>,
    },
}

impl Shown {
    /// Reads an `Authorization` header; `None` where it shows nothing that could be right.
    #[must_use]
    pub fn read(authorization: &str) -> Option<Self> {
        let (scheme, rest) = authorization.split_once(' ')?;
        let rest = rest.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            return Some(Self::Bearer(rest.as_bytes().to_vec()));
        }
        if scheme.eq_ignore_ascii_case("basic") {
            let pair = STANDARD.decode(rest).ok()?;
            let colon = pair.iter().position(|byte| *byte == b':')?;
            return Some(Self::Password {
                name: String::from_utf8(pair[..colon].to_vec()).ok()?,
                password: pair[colon + 1..].to_vec(),
            });
        }
        None
    }
}

#[derive(Debug)]
struct User {
    name: Arc<str>,
    role: Role,
    /// By bcrypt.
    hash: String,
}

/// All who are known.
#[derive(Debug)]
pub struct Known {
    /// As hashes, so that the time of a comparison tells nothing of a token's text or length.
    tokens: Vec<(Role, [u8; 32])>,
    users: Vec<User>,
}

impl Known {
    /// Those of the settings.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        let tokens = [(Role::Act, &settings.token), (Role::Look, &settings.read_token)];
        let tokens = tokens.into_iter().filter_map(|(role, token)| {
            let token = token.as_ref()?.expose_secret();
            Some((role, Sha256::digest(token).into()))
        });
        let users = settings.users.iter().map(|user| User {
            name: Arc::clone(&user.name),
            role: user.role,
            hash: user.hash.expose_secret().to_owned(),
        });
        Self {
            tokens: tokens.collect(),
            users: users.collect(),
        }
    }

    /// Whether nobody is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty() && self.users.is_empty()
    }

    /// Whether there is a token.
    #[must_use]
    pub fn has_tokens(&self) -> bool {
        !self.tokens.is_empty()
    }

    /// Whether there are users.
    #[must_use]
    pub fn has_users(&self) -> bool {
        !self.users.is_empty()
    }

    /// What somebody may do; `None` for who is not known (any more).
    #[must_use]
    pub fn role(&self, who: &Who) -> Option<Role> {
        match who {
            Who::Token(role) => {
                let token = self.tokens.iter().find(|token| token.0 == *role)?;
                Some(token.0)
            }
            Who::User(name) => self.user(name).map(|user| user.role),
        }
    }

    /// What a session of theirs is mixed with: another token or password makes another.
    #[must_use]
    pub fn trait_of(&self, who: &Who) -> Option<[u8; 32]> {
        match who {
            Who::Token(role) => {
                let token = self.tokens.iter().find(|token| token.0 == *role)?;
                Some(token.1)
            }
            Who::User(name) => Some(Sha256::digest(&self.user(name)?.hash).into()),
        }
    }

    /// Who shows that; `Ok(None)` where it is wrong.
    ///
    /// # Errors
    /// So many passwords are looked at already that this one has to wait.
    pub async fn recognise(&self, shown: Shown, passwords: &Passwords) -> Result<Option<Who>, Problem> {
        let (name, password) = match shown {
            Shown::Bearer(token) => return Ok(self.token(&token)),
            Shown::Password { name, password } => (name, password),
        };
        if let Some(who) = self.token(&password) {
            return Ok(Some(who));
        }
        if self.users.is_empty() {
            return Ok(None);
        }
        let user = self.user(&name);
        let hash = user.map(|user| user.hash.as_str());
        let all = self.users.iter().map(|user| user.hash.as_str());
        let right = passwords.is_right(hash, password, all).await?;
        Ok(user
            .filter(|_| right)
            .map(|user| Who::User(Arc::clone(&user.name))))
    }

    fn user(&self, name: &str) -> Option<&User> {
        self.users.iter().find(|user| *user.name == *name)
    }

    fn token(&self, given: &[u8]) -> Option<Who> {
        let given: [u8; 32] = Sha256::digest(given).into();
        let mut found = None;
        for (role, token) in &self.tokens {
            if is_same(&given, token) {
                found = Some(Who::Token(*role));
            }
        }
        found
    }
}
