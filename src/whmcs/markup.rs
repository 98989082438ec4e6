//! XML's markup, byte by byte: where a tag, a comment, a CDATA section or an instruction begins and ends.

/// Longer names are none of ours, and kept no further.
const MAX_NAME: usize = 64;
const COMMENT: &[u8] = b"!--";
const CDATA: &[u8] = b"![CDATA[";

/// A tag that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    Start,
    End,
    /// `<x/>`
    Empty,
}

/// It is no XML, or a document type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

/// Where we are in it.
#[derive(Debug, Default)]
pub struct Markup {
    within: Within,
    /// What stands after `<`, until it is known what it begins.
    lead: Vec<u8>,
    name: Vec<u8>,
}

/// What the next byte belongs to; a count is of the bytes of the closing mark that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Within {
    #[default]
    Text,
    Lead,
    Start {
        named: bool,
        quote: Option<u8>,
        /// Whether the last byte was a slash.
        slash: bool,
    },
    End {
        named: bool,
    },
    Comment(u8),
    Cdata(u8),
    Instruction(u8),
}

impl Markup {
    /// Whether the next byte is of no markup.
    #[must_use]
    pub fn is_text(&self) -> bool {
        self.within == Within::Text
    }

    /// Whether the markup that was opened last is, or may become, a tag.
    #[must_use]
    pub fn may_be_tag(&self) -> bool {
        match self.within {
            Within::Lead | Within::Start { .. } | Within::End { .. } | Within::Text => true,
            Within::Comment(_) | Within::Cdata(_) | Within::Instruction(_) => false,
        }
    }

    /// The beginning of the last tag's name.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// A `<` was read.
    pub fn open(&mut self) {
        self.within = Within::Lead;
        self.lead.clear();
    }

    /// One byte of markup.
    pub fn step(&mut self, byte: u8) -> Result<Option<Tag>, Malformed> {
        self.within = match self.within {
            Within::Text => Within::Text,
            Within::Lead => self.lead(byte)?,
            Within::Start { named, quote, slash } => {
                if byte == b'>' && quote.is_none() {
                    let tag = if slash { Tag::Empty } else { Tag::Start };
                    return self.ends(tag);
                }
                self.start(byte, named, quote)?
            }
            Within::End { .. } if byte == b'>' => return self.ends(Tag::End),
            Within::End { named } => {
                let named = named || byte.is_ascii_whitespace();
                self.take(byte, named)?;
                Within::End { named }
            }
            Within::Comment(seen) => closing(byte, b'-', 2, seen).map_or(Within::Text, Within::Comment),
            Within::Cdata(seen) => closing(byte, b']', 2, seen).map_or(Within::Text, Within::Cdata),
            Within::Instruction(seen) => {
                closing(byte, b'?', 1, seen).map_or(Within::Text, Within::Instruction)
            }
        };
        Ok(None)
    }

    fn lead(&mut self, byte: u8) -> Result<Within, Malformed> {
        if self.lead.is_empty() && byte != b'!' {
            self.name.clear();
            return match byte {
                b'?' => Ok(Within::Instruction(0)),
                b'/' => Ok(Within::End { named: false }),
                b'>' | b'=' | b'"' | b'\'' => Err(Malformed),
                _ if byte.is_ascii_whitespace() => Err(Malformed),
                _ => self.start(byte, false, None),
            };
        }
        self.lead.push(byte);
        match self.lead.as_slice() {
            COMMENT => Ok(Within::Comment(0)),
            CDATA => Ok(Within::Cdata(0)),
            lead if COMMENT.starts_with(lead) || CDATA.starts_with(lead) => Ok(Within::Lead),
            _ => Err(Malformed),
        }
    }

    fn start(&mut self, byte: u8, named: bool, quote: Option<u8>) -> Result<Within, Malformed> {
        let quote = match (quote, byte) {
            (Some(open), _) => Some(open).filter(|open| *open != byte),
            (None, b'"' | b'\'') => Some(byte),
            (None, _) => {
                let named = named || byte == b'/' || byte.is_ascii_whitespace();
                self.take(byte, named)?;
                return Ok(Within::Start {
                    named,
                    quote: None,
                    slash: byte == b'/',
                });
            }
        };
        Ok(Within::Start {
            named: true,
            quote,
            slash: false,
        })
    }

    /// A byte outside quotes: of the name until that ended.
    fn take(&mut self, byte: u8, named: bool) -> Result<(), Malformed> {
        if !named && self.name.len() <= MAX_NAME {
            self.name.push(byte);
        }
        if byte == b'<' { Err(Malformed) } else { Ok(()) }
    }

    fn ends(&mut self, tag: Tag) -> Result<Option<Tag>, Malformed> {
        self.within = Within::Text;
        if self.name.is_empty() {
            return Err(Malformed);
        }
        Ok(Some(tag))
    }
}

/// How much of a closing mark (`wanted` times `mark`, then `>`) was seen; `None` where it is whole.
fn closing(byte: u8, mark: u8, wanted: u8, seen: u8) -> Option<u8> {
    match byte {
        b'>' if seen == wanted => None,
        _ if byte == mark => Some(wanted.min(seen + 1)),
        _ => Some(0),
    }
}
