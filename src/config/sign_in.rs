//! How a shop is signed in to: by API credentials, or by an admin's user name and password, never by both.

use secrecy::SecretString;

use crate::config::findings::Given;
use crate::config::findings::Place;
use crate::config::findings::Wrong;
use crate::config::keys;
use crate::config::keys::Kind;
use crate::config::reader::Placed;
use crate::config::reader::Reader;
use crate::config::section::Section;
use crate::config::values;
use crate::whmcs::form::SignIn;

/// What was given of the two ways.
pub struct Ways {
    credentials: Pair,
    admin: Pair,
}

/// Who and the proof of it, and what messages call the two.
struct Pair {
    names: [&'static str; 2],
    /// The names, with the section they stand in.
    keys: [String; 2],
    who: Given<Placed<SecretString>>,
    proof: Given<Placed<SecretString>>,
}

impl Pair {
    /// The first of the two that was given, and where it stands.
    fn begun(&self) -> Option<(&str, &Place)> {
        let given = self.keys.iter().zip([&self.who, &self.proof]);
        given.into_iter().find_map(|(key, given)| match given {
            Given::Is(placed) => Some((key.as_str(), &placed.place)),
            Given::Broken => Some((key.as_str(), &Place::Missing)),
            Given::Absent => None,
        })
    }

    fn missing(&self) -> impl Iterator<Item = &str> {
        let absent = [self.who.is_absent(), self.proof.is_absent()];
        let keys = self.keys.iter().zip(absent);
        keys.filter_map(|(key, absent)| absent.then_some(key.as_str()))
    }

    fn values(self) -> Option<(SecretString, SecretString)> {
        Some((self.who.good()?.value, self.proof.good()?.value))
    }
}

impl Ways {
    /// Those of the environment's shop.
    pub fn of_environment(reader: &mut Reader) -> Self {
        let mut pair = |who: &keys::Key, proof: &keys::Key| Pair {
            names: [who.name, proof.name],
            keys: [who.name.to_owned(), proof.name.to_owned()],
            who: reader.setting(who, values::secret),
            proof: reader.setting(proof, values::secret),
        };
        Self {
            credentials: pair(&keys::API_IDENTIFIER, &keys::API_SECRET),
            admin: pair(&keys::API_USERNAME, &keys::API_PASSWORD),
        }
    }

    /// Those of a shop of the file.
    pub fn of_section(reader: &mut Reader, section: &mut Section<'_>) -> Self {
        let mut pair = |who: &'static str, proof: &'static str| Pair {
            names: [who, proof],
            keys: [section.key(who), section.key(proof)],
            who: section.secret(reader, who, Kind::Secret, values::secret),
            proof: section.secret(reader, proof, Kind::Secret, values::secret),
        };
        Self {
            credentials: pair("identifier", "secret"),
            admin: pair("username", "password"),
        }
    }

    /// Whether nothing was given of either.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        self.credentials.begun().is_none() && self.admin.begun().is_none()
    }

    /// The names of the two keys that belong together, of the way that was begun.
    #[must_use]
    pub fn names(&self) -> [&'static str; 2] {
        match self.admin.begun() {
            Some(_) => self.admin.names,
            None => self.credentials.names,
        }
    }

    /// The one that was given. `missing` says what is not there, and which two belong together.
    pub fn sign_in(
        self,
        reader: &mut Reader,
        missing: impl Fn(&mut Reader, &str, [&'static str; 2]),
    ) -> Option<SignIn> {
        let Self { credentials, admin } = self;
        if let (Some(_), Some((key, place))) = (credentials.begun(), admin.begun()) {
            let ([identifier, secret], [username, password]) = (credentials.names, admin.names);
            let wrong = Wrong::new(
                format!("is a second way to sign in, beside {identifier} and {secret}"),
                format!("Keep {identifier} and {secret}, or {username} and {password}, not both."),
            );
            reader.findings.wrong(key.to_owned(), place.clone(), wrong);
            return None;
        }
        let by_admin = admin.begun().is_some();
        let pair = if by_admin { admin } else { credentials };
        for key in pair.missing() {
            missing(reader, key, pair.names);
        }
        let (who, proof) = pair.values()?;
        Some(if by_admin {
            SignIn::admin(who, &proof)
        } else {
            SignIn::Credentials {
                identifier: who,
                secret: proof,
            }
        })
    }
}
