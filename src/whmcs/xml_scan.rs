//! Finds the products in an XML answer as it streams in, holding no more of it than one unfinished element.
//!
//! As `scan` does for JSON: what is of no interest is passed over, checked only as far as finding its end needs, and
//! each element is read strictly afterwards. Entities are not looked at here, and a document type is refused.

use memchr::memchr;

use crate::whmcs::envelope::Envelope;
use crate::whmcs::envelope::Field;
use crate::whmcs::envelope::Root;
use crate::whmcs::envelope::ScanError;
use crate::whmcs::markup::Malformed;
use crate::whmcs::markup::Markup;
use crate::whmcs::markup::Tag;
use crate::whmcs::scan::Halt;
use crate::whmcs::scan::MAX_ELEMENT;
use crate::whmcs::scan::MAX_ELEMENTS;
use crate::whmcs::xml;

/// Longest tag around the products, in bytes: they have no attributes to speak of.
const MAX_TAG: usize = 4096;

/// Reads chunk after chunk; hands out each `<product>…</product>`.
#[derive(Debug)]
pub struct XmlScanner {
    markup: Markup,
    place: Place,
    /// How deep we are in a value that is passed over, or captured.
    depth: u64,
    want: Want,
    /// Whether the value holds elements.
    nested: bool,
    /// Where the value's content begins within it.
    content: usize,
    /// Whether anybody wants the products.
    listed: bool,
    /// Whether what began at the last `<` is kept: it may be, or is, something that is wanted.
    held: bool,
    /// Where in the present chunk that begins.
    from: usize,
    carry: Vec<u8>,
    /// Where in the body it began.
    began: u64,
    offset: u64,
    envelope: Envelope,
}

/// Where we are in the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before `<whmcsapi>`.
    Prolog,
    Answer,
    Products,
    /// After `</whmcsapi>`.
    Epilog,
}

/// What a value is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Want {
    Nothing,
    Field(Field),
    Element,
}

impl XmlScanner {
    /// At the first `<`, which stands at that byte of the body; `listed` is whether the products are wanted.
    #[must_use]
    pub fn at(offset: u64, listed: bool) -> Self {
        Self {
            markup: Markup::default(),
            place: Place::Prolog,
            depth: 0,
            want: Want::Nothing,
            nested: false,
            content: 0,
            listed,
            held: false,
            from: 0,
            carry: Vec::new(),
            began: offset,
            offset,
            envelope: Envelope::of(Root::Object),
        }
    }

    /// Reads one chunk. An element that lies whole within it is lent from it, another from a buffer.
    pub fn feed<E>(
        &mut self,
        chunk: &[u8],
        mut element: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), Halt<E>> {
        self.from = 0;
        let mut i = 0;
        while let Some(byte) = chunk.get(i) {
            if self.markup.is_text() && self.depth > 0 {
                // Nothing but the next tag matters within a value.
                let Some(next) = memchr(b'<', &chunk[i..]) else {
                    break;
                };
                i += next;
                self.markup.open();
            } else if self.markup.is_text() {
                self.around(*byte, i)?;
            } else {
                let tag = self.markup.step(*byte).map_err(|Malformed| self.wrong(i))?;
                if self.depth == 0 && !self.markup.may_be_tag() {
                    self.release();
                }
                if let Some(tag) = tag {
                    self.tag_ends(tag, chunk, i + 1, &mut element)?;
                }
            }
            i += 1;
        }
        if self.held {
            self.carry.extend_from_slice(&chunk[self.from..]);
            self.check_length(self.carry.len())?;
        }
        self.offset += chunk.len() as u64;
        Ok(())
    }

    /// What the answer said so far, whole or not.
    #[must_use]
    pub fn seen(&self) -> &Envelope {
        &self.envelope
    }

    /// The body has ended.
    pub fn finish(self) -> Result<Envelope, ScanError> {
        match self.place {
            // Whatever it was going to be, an answer had not begun.
            Place::Prolog => Err(ScanError::NotXml(self.began)),
            Place::Epilog if self.markup.is_text() => Ok(self.envelope),
            Place::Answer | Place::Products | Place::Epilog => Err(ScanError::Truncated),
        }
    }

    /// A byte between the tags around the products.
    fn around(&mut self, byte: u8, i: usize) -> Result<(), ScanError> {
        match (byte, self.place) {
            (b' ' | b'\t' | b'\r' | b'\n', _) => Ok(()),
            (b'<', _) => {
                self.markup.open();
                self.held = true;
                self.from = i;
                self.began = self.offset + i as u64;
                self.carry.clear();
                Ok(())
            }
            (_, Place::Epilog) => Err(ScanError::Trailing(self.offset + i as u64)),
            (_, Place::Prolog | Place::Answer | Place::Products) => Err(self.wrong(i)),
        }
    }

    fn release(&mut self) {
        self.held = false;
        self.carry.clear();
    }

    /// How much is held, up to that place in the chunk.
    fn length(&self, end: usize) -> usize {
        self.carry.len() + end - self.from
    }

    fn check_length(&self, length: usize) -> Result<(), ScanError> {
        match self.depth {
            0 if length > MAX_TAG => Err(ScanError::NotXml(self.began)),
            0 => Ok(()),
            _ if length > MAX_ELEMENT => Err(ScanError::ElementTooLarge),
            _ => Ok(()),
        }
    }

    /// What is wrong at a byte: with it, unless too much was held before it. So pieces make no difference.
    fn wrong(&self, i: usize) -> ScanError {
        let within = match self.held {
            true => self.check_length(self.length(i)),
            false => Ok(()),
        };
        within.err().unwrap_or(ScanError::NotXml(self.offset + i as u64))
    }

    fn tag_ends<E>(
        &mut self,
        tag: Tag,
        chunk: &[u8],
        end: usize,
        element: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), Halt<E>> {
        if self.depth == 0 {
            self.check_length(self.length(end))?;
            return Ok(self.tag_around(tag, end)?);
        }
        match tag {
            Tag::Start => {
                self.depth += 1;
                self.nested = true;
            }
            Tag::Empty => self.nested = true,
            Tag::End => {
                self.depth -= 1;
                if self.depth == 0 && self.held {
                    return self.value_ends(chunk, end, element);
                }
            }
        }
        Ok(())
    }

    /// One of the tags around the products, or that of a value.
    fn tag_around(&mut self, tag: Tag, end: usize) -> Result<(), ScanError> {
        let named = |name: &str| self.markup.name().eq_ignore_ascii_case(name.as_bytes());
        match (self.place, tag) {
            (Place::Prolog, Tag::Start) if named("whmcsapi") => self.go(Place::Answer),
            (Place::Prolog, Tag::Empty) if named("whmcsapi") => self.go(Place::Epilog),
            (Place::Answer, Tag::End) if named("whmcsapi") => self.go(Place::Epilog),
            (Place::Products, Tag::End) if named("products") => self.go(Place::Answer),
            (Place::Epilog, _) => return Err(ScanError::Trailing(self.began)),
            (Place::Prolog, _) | (Place::Answer | Place::Products, Tag::End) => {
                return Err(ScanError::NotXml(self.began));
            }
            (Place::Answer, Tag::Start | Tag::Empty) if self.listed && named("products") => {
                self.envelope.has_products = true;
                self.go(match tag {
                    Tag::Start => Place::Products,
                    Tag::Empty | Tag::End => Place::Answer,
                });
            }
            (Place::Answer | Place::Products, Tag::Start | Tag::Empty) => {
                let want = self.wanted();
                self.envelope.has_products |= want == Want::Element;
                self.value_begins(tag, want, end);
            }
        }
        Ok(())
    }

    fn go(&mut self, place: Place) {
        self.place = place;
        self.release();
    }

    /// What the value of the present tag is to us.
    fn wanted(&self) -> Want {
        let name = self.markup.name();
        let numbered = !name.is_empty() && name.iter().all(u8::is_ascii_digit);
        match self.place {
            Place::Products if name == b"product" || numbered => Want::Element,
            Place::Answer if self.listed && name == b"product" => Want::Element,
            Place::Answer => Field::named(name).map_or(Want::Nothing, Want::Field),
            Place::Products | Place::Prolog | Place::Epilog => Want::Nothing,
        }
    }

    fn value_begins(&mut self, tag: Tag, want: Want, end: usize) {
        if tag == Tag::Empty {
            if let Want::Field(field) = want {
                self.envelope.keep(field, b"\"\"");
            }
            self.release();
            return;
        }
        self.want = want;
        self.depth = 1;
        self.nested = false;
        self.content = self.length(end);
        if want == Want::Nothing {
            self.release();
        }
    }

    /// A wanted value ends before `end`: hand it out, or keep it.
    fn value_ends<E>(
        &mut self,
        chunk: &[u8],
        end: usize,
        element: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), Halt<E>> {
        self.held = false;
        let bytes = if self.carry.is_empty() {
            &chunk[self.from..end]
        } else {
            self.carry.extend_from_slice(&chunk[self.from..end]);
            self.carry.as_slice()
        };
        if bytes.len() > MAX_ELEMENT {
            return Err(ScanError::ElementTooLarge.into());
        }
        match self.want {
            // An empty list is written as one empty element.
            Want::Element if !self.nested && is_blank(&bytes[self.content..]) => {}
            Want::Element => {
                self.envelope.elements += 1;
                if self.envelope.elements > MAX_ELEMENTS {
                    return Err(ScanError::TooMany.into());
                }
                element(bytes).map_err(Halt::Element)?;
            }
            Want::Field(field) => {
                let json = xml::to_json(bytes).map_err(|_| ScanError::NotXml(self.began))?;
                self.envelope.keep(field, &json);
            }
            Want::Nothing => {}
        }
        self.carry.clear();
        Ok(())
    }
}

/// Whether there is nothing before the closing tag.
fn is_blank(content: &[u8]) -> bool {
    content.trim_ascii_start().starts_with(b"</")
}
