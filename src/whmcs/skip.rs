//! Passes over a JSON value without building it, 64 bytes at a time where nothing happens.

use memchr::memchr2;

/// Where we are within the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skip {
    depth: u64,
    mode: Mode,
}

/// What the next byte belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Plain,
    Text,
    Escape,
    Scalar,
}

impl Skip {
    /// Within a value of which the first byte has been taken.
    #[must_use]
    pub fn after(first: u8) -> Self {
        match first {
            b'{' | b'[' => Self {
                depth: 1,
                mode: Mode::Plain,
            },
            b'"' => Self {
                depth: 0,
                mode: Mode::Text,
            },
            _ => Self {
                depth: 0,
                mode: Mode::Scalar,
            },
        }
    }

    /// Whether it is a number or a literal, which only what follows it ends.
    #[must_use]
    pub fn is_scalar(self) -> bool {
        self.mode == Mode::Scalar
    }

    /// The end of the value, or `None` where the chunk ends first.
    pub fn advance(&mut self, chunk: &[u8], mut i: usize) -> Option<usize> {
        if self.depth > 0 {
            while let Some(block) = chunk.get(i..).and_then(<[u8]>::first_chunk::<BLOCK>) {
                if !self.leap(block)
                    && let Some(end) = self.walk(&chunk[..i + BLOCK], i)
                {
                    return Some(end);
                }
                i += BLOCK;
            }
        }
        self.walk(chunk, i)
    }

    /// Passes over a whole block, unless the value may end in it.
    fn leap(&mut self, block: &[u8; BLOCK]) -> bool {
        let mut marks = Marks::of(block);
        let mut ends_in_escape = false;
        if marks.escapes != 0 || self.mode == Mode::Escape {
            let escaped = escaped(marks.escapes, self.mode == Mode::Escape);
            marks.quotes &= !escaped.bits;
            ends_in_escape = escaped.next;
        }
        let carried = if self.mode == Mode::Plain { 0 } else { u64::MAX };
        let within = prefix_xor(marks.quotes) ^ carried;
        let opened = u64::from((marks.opens & !within).count_ones());
        let closed = u64::from((marks.closes & !within).count_ones());
        // A backslash between texts escapes nothing: that is no JSON, and not for here.
        if closed >= self.depth || marks.escapes & !within != 0 {
            return false;
        }
        self.depth = self.depth + opened - closed;
        self.mode = match within >> (BLOCK - 1) {
            0 => Mode::Plain,
            _ if ends_in_escape => Mode::Escape,
            _ => Mode::Text,
        };
        true
    }

    /// Byte by byte.
    fn walk(&mut self, bytes: &[u8], mut i: usize) -> Option<usize> {
        loop {
            match self.mode {
                Mode::Plain => {
                    i += bytes[i..].iter().position(|byte| is_mark(*byte))?;
                    match bytes[i] {
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
                    i += memchr2(b'"', b'\\', &bytes[i..])?;
                    if bytes[i] == b'\\' {
                        self.mode = Mode::Escape;
                    } else if self.depth == 0 {
                        return Some(i + 1);
                    } else {
                        self.mode = Mode::Plain;
                    }
                    i += 1;
                }
                Mode::Escape => {
                    bytes.get(i)?;
                    i += 1;
                    self.mode = Mode::Text;
                }
                Mode::Scalar => {
                    let end = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n');
                    return Some(i + bytes[i..].iter().position(end)?);
                }
            }
        }
    }
}

const BLOCK: usize = 64;

/// Where in a block the bytes stand that matter; bit 0 is the first byte.
struct Marks {
    quotes: u64,
    opens: u64,
    closes: u64,
    /// Backslashes, the escaped ones too.
    escapes: u64,
}

impl Marks {
    fn of(block: &[u8; BLOCK]) -> Self {
        let mut marks = Self {
            quotes: 0,
            opens: 0,
            closes: 0,
            escapes: 0,
        };
        let (words, _) = block.as_chunks::<8>();
        for (i, word) in words.iter().enumerate() {
            let word = u64::from_le_bytes(*word);
            // The two kinds of brackets differ in one bit, which nothing else that matters shares.
            let folded = word | spread(0x20);
            marks.quotes |= packed(equal(word, b'"')) << (8 * i);
            marks.opens |= packed(equal(folded, b'{')) << (8 * i);
            marks.closes |= packed(equal(folded, b'}')) << (8 * i);
            marks.escapes |= packed(equal(word, b'\\')) << (8 * i);
        }
        marks
    }
}

/// Which bytes of a block a backslash before them escapes, and whether the next block's first one is.
struct Escaped {
    bits: u64,
    next: bool,
}

fn escaped(mut backslashes: u64, first: bool) -> Escaped {
    let mut bits = u64::from(first);
    backslashes &= !bits;
    while backslashes != 0 {
        let at = backslashes.trailing_zeros();
        let pair = 0b11_u64 << at;
        bits |= pair & !(1 << at);
        backslashes &= !pair;
        if at == BLOCK as u32 - 1 {
            return Escaped { bits, next: true };
        }
    }
    Escaped { bits, next: false }
}

const fn spread(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// The high bit of each byte that is `byte`.
fn equal(word: u64, byte: u8) -> u64 {
    const LOW: u64 = spread(0x7f);
    let differs = word ^ spread(byte);
    !(((differs & LOW) + LOW) | differs | LOW)
}

/// The high bits of the eight bytes, side by side.
fn packed(high_bits: u64) -> u64 {
    (high_bits >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

/// Bit n is the parity of the bits up to n: set from an opening quote up to its closing one.
fn prefix_xor(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

fn is_mark(byte: u8) -> bool {
    matches!(byte, b'"' | b'{' | b'}' | b'[' | b']')
}
