//! Finds the products in an API answer as it streams in, holding no more of it than one unfinished element.
//!
//! Everything else is skipped without being built, however deep it nests. What is skipped is only checked as far
//! as finding its end needs; each element is read by `wire`, which is strict.

use memchr::memchr2;

/// Longest element, in bytes.
pub const MAX_ELEMENT: usize = 256 * 1024;
/// Most elements in one look.
pub const MAX_ELEMENTS: usize = 200_000;
/// Longer keys are none of ours.
const MAX_KEY: usize = 64;

/// Why a body is not an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    #[error("the body is empty")]
    Empty,
    #[error("not JSON at byte {0}")]
    NotJson(u64),
    #[error("something follows the answer at byte {0}")]
    Trailing(u64),
    #[error("the JSON ends before it is whole")]
    Truncated,
    #[error("an element is longer than 256 kB")]
    ElementTooLarge,
    #[error("more than 200,000 products")]
    TooMany,
}

/// Why feeding stopped: the bytes, or whoever takes the elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Halt<E> {
    Scan(ScanError),
    Element(E),
}

impl<E> From<ScanError> for Halt<E> {
    fn from(error: ScanError) -> Self {
        Self::Scan(error)
    }
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

    fn named(key: &[u8]) -> Option<Self> {
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

impl Envelope {
    /// The raw JSON of a scalar field; the last one where it is sent twice.
    #[must_use]
    pub fn raw(&self, field: Field) -> Option<&[u8]> {
        self.fields[field as usize].as_deref()
    }
}

/// Reads chunk after chunk; hands out each element of `products.product`.
#[derive(Debug)]
pub struct Scanner {
    expect: Expect,
    /// The containers around the present place whose members matter: the answer, `products`, the list.
    frames: [Frame; 3],
    nested: usize,
    want: Want,
    skip: Skip,
    key: Vec<u8>,
    key_escapes: bool,
    /// A `{` where the list should be: numbered elements or a single one, as its first key will tell.
    undecided: bool,
    capturing: bool,
    /// Where in the present chunk the captured value begins.
    from: usize,
    carry: Vec<u8>,
    bom: u8,
    offset: u64,
    envelope: Envelope,
}

/// What may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    Start,
    Value,
    ItemOrEnd,
    KeyOrEnd,
    Key,
    InKey,
    InKeyEscape,
    Colon,
    CommaOrEnd,
    Skipped,
    Nothing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Frame {
    Answer,
    Products { object: bool },
    List { object: bool },
}

impl Frame {
    fn is_object(self) -> bool {
        match self {
            Self::Answer => true,
            Self::Products { object } | Self::List { object } => object,
        }
    }
}

/// What the next value is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Want {
    Nothing,
    Answer,
    Field(Field),
    Products,
    List,
    Element,
}

/// Where we are within a value that is passed over.
#[derive(Debug, Clone, Copy)]
struct Skip {
    depth: u64,
    mode: Mode,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Plain,
    Text,
    Escape,
    Scalar,
}

impl Default for Scanner {
    fn default() -> Self {
        Self::new()
    }
}

impl Scanner {
    /// At the start of a body.
    #[must_use]
    pub fn new() -> Self {
        Self {
            expect: Expect::Start,
            frames: [Frame::Answer; 3],
            nested: 0,
            want: Want::Answer,
            skip: Skip {
                depth: 0,
                mode: Mode::Plain,
            },
            key: Vec::new(),
            key_escapes: false,
            undecided: false,
            capturing: false,
            from: 0,
            carry: Vec::new(),
            bom: 0,
            offset: 0,
            envelope: Envelope {
                root: Root::Scalar,
                elements: 0,
                has_products: false,
                fields: Default::default(),
            },
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
        while i < chunk.len() {
            if self.expect == Expect::Skipped {
                let Some(end) = self.skip.advance(chunk, i) else {
                    break;
                };
                self.value_ends(chunk, end, &mut element)?;
                i = end;
            } else {
                self.step(chunk[i], i)?;
                i += 1;
            }
        }
        if self.capturing {
            self.carry.extend_from_slice(&chunk[self.from..]);
            if self.carry.len() > MAX_ELEMENT {
                return Err(ScanError::ElementTooLarge.into());
            }
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
        let bare_scalar =
            self.expect == Expect::Skipped && self.nested == 0 && self.skip.mode == Mode::Scalar;
        match self.expect {
            Expect::Nothing => Ok(self.envelope),
            Expect::Skipped if bare_scalar => Ok(self.envelope),
            Expect::Start => Err(ScanError::Empty),
            Expect::Value
            | Expect::ItemOrEnd
            | Expect::KeyOrEnd
            | Expect::Key
            | Expect::InKey
            | Expect::InKeyEscape
            | Expect::Colon
            | Expect::CommaOrEnd
            | Expect::Skipped => Err(ScanError::Truncated),
        }
    }

    /// One byte between values.
    fn step(&mut self, byte: u8, i: usize) -> Result<(), ScanError> {
        match self.expect {
            Expect::InKey => {
                self.in_key(byte);
                return Ok(());
            }
            Expect::InKeyEscape => {
                self.push_key(byte);
                self.expect = Expect::InKey;
                return Ok(());
            }
            Expect::Start if byte >= 0x80 => {
                return if self.is_bom(byte) {
                    Ok(())
                } else {
                    Err(self.not_json(i))
                };
            }
            _ if matches!(byte, b' ' | b'\t' | b'\r' | b'\n') => return Ok(()),
            _ => {}
        }
        match (self.expect, byte) {
            (Expect::Start | Expect::Value, b',' | b':' | b'}' | b']') => Err(self.not_json(i)),
            (Expect::ItemOrEnd, b']') | (Expect::KeyOrEnd, b'}') => {
                self.container_ends();
                Ok(())
            }
            (Expect::ItemOrEnd, b',' | b':' | b'}') => Err(self.not_json(i)),
            (Expect::Start | Expect::Value | Expect::ItemOrEnd, _) => self.value_begins(byte, i),
            (Expect::KeyOrEnd | Expect::Key, b'"') => {
                self.key.clear();
                self.key_escapes = false;
                self.expect = Expect::InKey;
                Ok(())
            }
            (Expect::Colon, b':') => {
                self.expect = Expect::Value;
                Ok(())
            }
            (Expect::CommaOrEnd, _) => self.between(byte, i),
            (Expect::Nothing, _) => Err(ScanError::Trailing(self.offset + i as u64)),
            (
                Expect::KeyOrEnd
                | Expect::Key
                | Expect::Colon
                | Expect::InKey
                | Expect::InKeyEscape
                | Expect::Skipped,
                _,
            ) => Err(self.not_json(i)),
        }
    }

    fn not_json(&self, i: usize) -> ScanError {
        ScanError::NotJson(self.offset + i as u64)
    }

    fn is_bom(&mut self, byte: u8) -> bool {
        let expected = [0xef, 0xbb, 0xbf].get(usize::from(self.bom));
        let fits = expected == Some(&byte);
        self.bom += u8::from(fits);
        fits
    }

    fn in_key(&mut self, byte: u8) {
        match byte {
            b'"' => self.key_ends(),
            b'\\' => {
                self.key_escapes = true;
                self.push_key(byte);
                self.expect = Expect::InKeyEscape;
            }
            _ => self.push_key(byte),
        }
    }

    fn push_key(&mut self, byte: u8) {
        if self.key.len() <= MAX_KEY {
            self.key.push(byte);
        }
    }

    fn key_ends(&mut self) {
        if self.key_escapes {
            self.unescape_key();
        }
        let numbered = is_number(&self.key);
        if self.undecided {
            self.undecided = false;
            if !numbered {
                // A single product: what was taken for the list is the element itself.
                self.nested -= 1;
                self.want = Want::Element;
                self.skip = Skip {
                    depth: 1,
                    mode: Mode::Plain,
                };
                self.expect = Expect::Skipped;
                return;
            }
            self.drop_capture();
        }
        self.want = match self.frames[self.nested - 1] {
            Frame::Answer => match self.key.as_slice() {
                b"products" => Want::Products,
                b"product" => Want::List,
                other => Field::named(other).map_or(Want::Nothing, Want::Field),
            },
            Frame::Products { .. } if self.key == b"product" => Want::List,
            Frame::Products { .. } | Frame::List { .. } if numbered => Want::Element,
            Frame::Products { .. } | Frame::List { .. } => Want::Nothing,
        };
        self.expect = Expect::Colon;
    }

    fn unescape_key(&mut self) {
        let mut quoted = Vec::with_capacity(self.key.len() + 2);
        quoted.push(b'"');
        quoted.extend_from_slice(&self.key);
        quoted.push(b'"');
        if let Ok(key) = serde_json::from_slice::<String>(&quoted) {
            self.key = key.into_bytes();
        }
    }

    fn value_begins(&mut self, byte: u8, i: usize) -> Result<(), ScanError> {
        let opens = matches!(byte, b'{' | b'[');
        let object = byte == b'{';
        let kind = match byte {
            b'{' => Root::Object,
            b'[' => Root::List,
            b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => Root::Scalar,
            _ => return Err(self.not_json(i)),
        };
        if self.expect == Expect::Start {
            self.envelope.root = kind;
        }
        self.envelope.has_products |= matches!(self.want, Want::Products | Want::List);
        match self.want {
            Want::Answer if object => self.enter(Frame::Answer),
            Want::Products if opens => self.enter(Frame::Products { object }),
            Want::List if opens => {
                self.enter(Frame::List { object });
                if object {
                    self.undecided = true;
                    self.begin_capture(i);
                }
            }
            Want::Element => {
                self.begin_capture(i);
                self.begin_skip(byte);
            }
            Want::Field(_) if !opens => {
                self.begin_capture(i);
                self.begin_skip(byte);
            }
            Want::Field(_) | Want::Nothing | Want::Answer | Want::Products | Want::List => {
                self.want = Want::Nothing;
                self.begin_skip(byte);
            }
        }
        Ok(())
    }

    fn enter(&mut self, frame: Frame) {
        self.frames[self.nested] = frame;
        self.nested += 1;
        if frame.is_object() {
            self.expect = Expect::KeyOrEnd;
        } else {
            self.want = Want::Element;
            self.expect = Expect::ItemOrEnd;
        }
    }

    fn begin_capture(&mut self, i: usize) {
        self.capturing = true;
        self.from = i;
        self.carry.clear();
    }

    fn drop_capture(&mut self) {
        self.capturing = false;
        self.carry.clear();
    }

    fn begin_skip(&mut self, byte: u8) {
        self.skip = match byte {
            b'{' | b'[' => Skip {
                depth: 1,
                mode: Mode::Plain,
            },
            b'"' => Skip {
                depth: 0,
                mode: Mode::Text,
            },
            _ => Skip {
                depth: 0,
                mode: Mode::Scalar,
            },
        };
        self.expect = Expect::Skipped;
    }

    /// After a member: another one, or the end of its container.
    fn between(&mut self, byte: u8, i: usize) -> Result<(), ScanError> {
        let object = self.frames[self.nested - 1].is_object();
        match byte {
            b',' if object => self.expect = Expect::Key,
            b',' => {
                self.want = Want::Element;
                self.expect = Expect::Value;
            }
            b'}' if object => self.container_ends(),
            b']' if !object => self.container_ends(),
            _ => return Err(self.not_json(i)),
        }
        Ok(())
    }

    fn container_ends(&mut self) {
        if self.undecided {
            self.undecided = false;
            self.drop_capture();
        }
        self.nested -= 1;
        self.after_value();
    }

    fn after_value(&mut self) {
        self.expect = if self.nested == 0 {
            Expect::Nothing
        } else {
            Expect::CommaOrEnd
        };
    }

    /// A skipped value ends before `end`: hand it out, or keep it, if it was wanted.
    fn value_ends<E>(
        &mut self,
        chunk: &[u8],
        end: usize,
        element: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), Halt<E>> {
        self.after_value();
        if !self.capturing {
            return Ok(());
        }
        self.capturing = false;
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
            Want::Element => {
                self.envelope.elements += 1;
                if self.envelope.elements > MAX_ELEMENTS {
                    return Err(ScanError::TooMany.into());
                }
                element(bytes).map_err(Halt::Element)?;
            }
            Want::Field(field) => self.envelope.fields[field as usize] = Some(bytes.into()),
            Want::Nothing | Want::Answer | Want::Products | Want::List => {}
        }
        self.carry.clear();
        Ok(())
    }
}

impl Skip {
    /// The end of the value, or `None` where the chunk ends first.
    fn advance(&mut self, chunk: &[u8], mut i: usize) -> Option<usize> {
        loop {
            match self.mode {
                Mode::Plain => {
                    i += chunk[i..].iter().position(|byte| MARKS[usize::from(*byte)])?;
                    match chunk[i] {
                        b'"' => self.mode = Mode::Text,
                        b'{' | b'[' => self.depth += 1,
                        _ => self.depth -= 1,
                    }
                    i += 1;
                    if self.depth == 0 {
                        return Some(i);
                    }
                }
                Mode::Text => {
                    i += text_mark(&chunk[i..])?;
                    if chunk[i] == b'\\' {
                        self.mode = Mode::Escape;
                    } else if self.depth == 0 {
                        return Some(i + 1);
                    } else {
                        self.mode = Mode::Plain;
                    }
                    i += 1;
                }
                Mode::Escape => {
                    if i >= chunk.len() {
                        return None;
                    }
                    i += 1;
                    self.mode = Mode::Text;
                }
                Mode::Scalar => {
                    let end = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n');
                    return Some(i + chunk[i..].iter().position(end)?);
                }
            }
        }
    }
}

/// Where a text ends or holds an escape. Most texts in an answer are a few bytes long.
fn text_mark(bytes: &[u8]) -> Option<usize> {
    const NEAR: usize = 16;
    let near = bytes
        .iter()
        .take(NEAR)
        .position(|byte| matches!(byte, b'"' | b'\\'));
    near.or_else(|| Some(NEAR + memchr2(b'"', b'\\', bytes.get(NEAR..)?)?))
}

/// The bytes outside texts that matter for finding a value's end.
const MARKS: [bool; 256] = {
    let mut marks = [false; 256];
    marks[b'"' as usize] = true;
    marks[b'{' as usize] = true;
    marks[b'}' as usize] = true;
    marks[b'[' as usize] = true;
    marks[b']' as usize] = true;
    marks
};

fn is_number(key: &[u8]) -> bool {
    !key.is_empty() && key.iter().all(u8::is_ascii_digit)
}
