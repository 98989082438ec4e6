//! The terminal as a screen of our own: entered, drawn at once, and left as it was found, however it ends.

use std::io;
use std::io::IsTerminal;
use std::io::Read;
use std::io::Write;
use std::thread;

use rustix::termios::LocalModes;
use rustix::termios::OptionalActions;
use rustix::termios::SpecialCodeIndex;
use rustix::termios::Termios;
use rustix::termios::tcgetattr;
use rustix::termios::tcgetwinsize;
use rustix::termios::tcsetattr;
use tokio::sync::mpsc;

use crate::cli::status::text::Line;

/// The other screen, no cursor, and lines that do not go on at the edge.
const ENTER: &str = "\u{1b}[?1049h\u{1b}[?25l\u{1b}[?7l\u{1b}[H\u{1b}[2J";
/// The way back.
const LEAVE: &str = "\u{1b}[0m\u{1b}[?7h\u{1b}[?25h\u{1b}[?1049l";
/// A terminal that knows them shows what is between these at once.
const BEGIN: &str = "\u{1b}[?2026h";
const END: &str = "\u{1b}[?2026l";
/// What to go by where nobody knows how large the terminal is.
const SIZE: (usize, usize) = (80, 24);
/// Narrower ones are drawn as if they were so wide, and cut.
const NARROWEST: usize = 20;

/// A key that means something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    Quit,
    /// Ctrl-Z.
    Suspend,
    /// Draw anew.
    Refresh,
}

/// The screen, ours until it is dropped.
#[derive(Debug)]
pub struct Screen {
    /// How the terminal took input before; `None` where keys do not come from a terminal.
    before: Option<Termios>,
    colours: bool,
    is_entered: bool,
}

impl Screen {
    /// Takes the screen over.
    ///
    /// # Errors
    /// The terminal cannot be set or written to.
    pub fn enter(colours: bool) -> io::Result<Self> {
        let stdin = io::stdin();
        let before = if stdin.is_terminal() {
            Some(tcgetattr(&stdin)?)
        } else {
            None
        };
        let mut screen = Self {
            before,
            colours,
            is_entered: false,
        };
        screen.again()?;
        Ok(screen)
    }

    /// Takes it over once more, after [`Screen::leave`].
    ///
    /// # Errors
    /// As [`Screen::enter`].
    pub fn again(&mut self) -> io::Result<()> {
        self.is_entered = true;
        if let Some(before) = &self.before {
            let mut keys = before.clone();
            // Keys come one by one and are not shown; Ctrl-C is one of them.
            keys.local_modes
                .remove(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG | LocalModes::IEXTEN);
            keys.special_codes[SpecialCodeIndex::VMIN] = 1;
            keys.special_codes[SpecialCodeIndex::VTIME] = 0;
            tcsetattr(io::stdin(), OptionalActions::Now, &keys)?;
        }
        write(ENTER)
    }

    /// Gives it back as it was.
    pub fn leave(&mut self) {
        if !self.is_entered {
            return;
        }
        self.is_entered = false;
        // A terminal that is gone needs neither.
        let _ = write(LEAVE);
        if let Some(before) = &self.before {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
    }

    /// Draws the lines from the top; what stood below them goes.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn draw(&self, lines: &[Line]) -> io::Result<()> {
        let (width, height) = size();
        write(&drawn(lines, width, height, self.colours))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.leave();
    }
}

/// All of a drawing, to be written in one go.
#[must_use]
pub fn drawn(lines: &[Line], width: usize, height: usize, colours: bool) -> String {
    let mut all = format!("{BEGIN}\u{1b}[H");
    for (nth, line) in lines.iter().take(height).enumerate() {
        if nth > 0 {
            all.push_str("\r\n");
        }
        let line = line.clone().within(width);
        all.push_str(&line.painted(colours));
        // At the edge it would take the last letter.
        if line.width() < width {
            all.push_str("\u{1b}[K");
        }
    }
    if lines.len() < height {
        all.push_str("\r\n\u{1b}[J");
    }
    all.push_str(END);
    all
}

/// How wide and high the terminal is.
#[must_use]
pub fn size() -> (usize, usize) {
    let known = tcgetwinsize(io::stdout()).map(|size| (usize::from(size.ws_col), usize::from(size.ws_row)));
    let (width, height) = known.unwrap_or_default();
    let said = |name: &str| std::env::var(name).ok()?.trim().parse::<usize>().ok();
    let or = |known: usize, name: &str, else_: usize| {
        let known = Some(known).filter(|known| *known > 0);
        known.or(said(name)).filter(|size| *size > 0).unwrap_or(else_)
    };
    let width = or(width, "COLUMNS", SIZE.0);
    let height = or(height, "LINES", SIZE.1);
    (width.clamp(NARROWEST, 1000), height.clamp(1, 1000))
}

/// The keys that are pressed, until nobody wants them any more.
#[must_use]
pub fn keys() -> mpsc::UnboundedReceiver<Key> {
    let (pressed, keys) = mpsc::unbounded_channel();
    if io::stdin().is_terminal() {
        // A thread of its own: nothing at the end waits for a key.
        thread::spawn(move || {
            let mut bytes = [0; 64];
            while let Ok(read @ 1..) = io::stdin().read(&mut bytes) {
                let meant = bytes.iter().take(read).find_map(|byte| key(*byte));
                // What begins with ESC is a key of many letters.
                let is_plain = bytes[0] != 0x1b;
                if let Some(key) = meant.filter(|_| is_plain)
                    && pressed.send(key).is_err()
                {
                    break;
                }
            }
        });
    }
    keys
}

fn key(byte: u8) -> Option<Key> {
    match byte {
        b'q' | b'Q' | 0x03 | 0x1c => Some(Key::Quit),
        0x1a => Some(Key::Suspend),
        0x0c | b'r' => Some(Key::Refresh),
        _ => None,
    }
}

/// Writes all of it at once.
///
/// # Errors
/// Nobody reads it.
pub fn write(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}
