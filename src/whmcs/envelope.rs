//! What an answer says beside its products, and why a body is none.

/// Why a body is not an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    #[error("the body is empty")]
    Empty,
    #[error("not JSON at byte {0}")]
    NotJson(u64),
    #[error("not XML of the API at byte {0}")]
    NotXml(u64),
    #[error("something follows the answer at byte {0}")]
    Trailing(u64),
    #[error("the answer ends before it is whole")]
    Truncated,
    #[error("an element is longer than 256 kB")]
    ElementTooLarge,
    #[error("more than 200,000 products")]
    TooMany,
}

/// The scalar fields beside the products.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    Result,
    Message,
    TotalResults,
    StartNumber,
    NumReturned,
    Contract,
}

impl Field {
    const COUNT: usize = 6;

    /// The field of that key.
    #[must_use]
    pub fn named(key: &[u8]) -> Option<Self> {
        match key {
            b"result" => Some(Self::Result),
            b"message" => Some(Self::Message),
            b"totalresults" => Some(Self::TotalResults),
            b"startnumber" => Some(Self::StartNumber),
            b"numreturned" => Some(Self::NumReturned),
            b"contract" => Some(Self::Contract),
            _ => None,
        }
    }
}

/// What kind of JSON value the answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Root {
    Object,
    List,
    Scalar,
}

/// What an answer said beside its products.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    pub root: Root,
    /// How many elements were handed out.
    pub elements: usize,
    /// Whether there was a `products` (or `product`) at all.
    pub has_products: bool,
    fields: [Option<Box<[u8]>>; Field::COUNT],
}

impl Default for Envelope {
    fn default() -> Self {
        Self {
            root: Root::Scalar,
            elements: 0,
            has_products: false,
            fields: Default::default(),
        }
    }
}

impl Envelope {
    /// That of an answer of which nothing has come.
    #[must_use]
    pub fn of(root: Root) -> Self {
        Self {
            root,
            ..Self::default()
        }
    }

    /// Keeps the raw JSON of a field.
    pub fn keep(&mut self, field: Field, raw: &[u8]) {
        self.fields[field as usize] = Some(raw.into());
    }

    /// The raw JSON of a scalar field; the last one where it is sent twice.
    #[must_use]
    pub fn raw(&self, field: Field) -> Option<&[u8]> {
        self.fields[field as usize].as_deref()
    }
}
