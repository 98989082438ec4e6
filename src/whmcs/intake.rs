//! A body as it comes in, JSON or XML as its first sign says.

use crate::whmcs::envelope::Envelope;
use crate::whmcs::envelope::ScanError;
use crate::whmcs::scan::Halt;
use crate::whmcs::scan::Scanner;
use crate::whmcs::xml_scan::XmlScanner;

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Json,
    Xml,
}

impl Format {
    /// As `responsetype` and WHMCS_RESPONSE_TYPE have it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Xml => "xml",
        }
    }
}

/// Finds the products, whichever of the two it is.
#[derive(Debug)]
pub struct Intake {
    reader: Reader,
    /// Whether the products are wanted, or the scalar fields alone.
    listed: bool,
    offset: u64,
}

#[derive(Debug)]
enum Reader {
    /// Nothing came yet but a byte-order mark and white space.
    Unknown(Scanner),
    Json(Scanner),
    Xml(Box<XmlScanner>),
}

impl Intake {
    /// At the start of a body; `listed` is whether the products are wanted, or its scalar fields alone.
    #[must_use]
    pub fn new(listed: bool) -> Self {
        let scanner = if listed {
            Scanner::new()
        } else {
            Scanner::of_fields()
        };
        Self {
            reader: Reader::Unknown(scanner),
            listed,
            offset: 0,
        }
    }

    /// Reads one chunk; lends each element's bytes.
    pub fn feed<E>(
        &mut self,
        chunk: &[u8],
        mut element: impl FnMut(&[u8], Format) -> Result<(), E>,
    ) -> Result<(), Halt<E>> {
        let mut rest = chunk;
        if let Reader::Unknown(scanner) = &mut self.reader {
            let is_before = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0xef | 0xbb | 0xbf);
            let start = chunk.iter().position(|byte| !is_before(byte));
            let (before, from_here) = chunk.split_at(start.unwrap_or(chunk.len()));
            scanner.feed(before, |bytes| element(bytes, Format::Json))?;
            self.offset += before.len() as u64;
            rest = from_here;
            match rest.first() {
                None => return Ok(()),
                Some(b'<') => {
                    let scanner = XmlScanner::at(self.offset, self.listed);
                    self.reader = Reader::Xml(Box::new(scanner));
                }
                Some(_) => self.reader = Reader::Json(std::mem::take(scanner)),
            }
        }
        match &mut self.reader {
            Reader::Unknown(scanner) | Reader::Json(scanner) => {
                scanner.feed(rest, |bytes| element(bytes, Format::Json))
            }
            Reader::Xml(scanner) => scanner.feed(rest, |bytes| element(bytes, Format::Xml)),
        }
    }

    /// How the answer is written, as far as that is known.
    #[must_use]
    pub fn format(&self) -> Format {
        match self.reader {
            Reader::Unknown(_) | Reader::Json(_) => Format::Json,
            Reader::Xml(_) => Format::Xml,
        }
    }

    /// What the answer said so far, whole or not.
    #[must_use]
    pub fn seen(&self) -> &Envelope {
        match &self.reader {
            Reader::Unknown(scanner) | Reader::Json(scanner) => scanner.seen(),
            Reader::Xml(scanner) => scanner.seen(),
        }
    }

    /// The body has ended.
    pub fn finish(self) -> Result<Envelope, ScanError> {
        match self.reader {
            Reader::Unknown(scanner) | Reader::Json(scanner) => scanner.finish(),
            Reader::Xml(scanner) => scanner.finish(),
        }
    }
}
