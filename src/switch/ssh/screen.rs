//! What a terminal would show of the bytes that a switch sends: control codes obeyed or dropped, lines kept. Pure.
//!
//! Bytes may be cut anywhere, in the middle of an escape sequence or of a character. One line is edited as a terminal
//! does it (carriage return, backspace, cursor left, erase), because that is how pagers remove themselves and how
//! line editors repaint a prompt.

/// Longest line that is kept, in characters; what is beyond is dropped.
const LONGEST_LINE: usize = 16_384;
/// Longest text that is kept, in bytes: a running configuration is far below.
const LONGEST_TEXT: usize = 8 << 20;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Ground,
    /// After ESC.
    Escape,
    /// After ESC and an intermediate such as `(`: one more byte.
    Intermediate,
    /// After ESC [.
    Csi,
    /// In a string (OSC, DCS, ...), until BEL or ESC \.
    Text,
    /// In a string, after ESC.
    TextEscape,
}

/// The text so far, and the line at the cursor.
#[derive(Clone, Debug, Default)]
pub struct Screen {
    done: String,
    line: Vec<char>,
    cursor: usize,
    row: Option<u32>,
    state: State,
    parameters: String,
    pending: Vec<u8>,
}

impl Screen {
    /// Takes bytes as they come.
    pub fn push(&mut self, bytes: &[u8]) {
        let mut joined = std::mem::take(&mut self.pending);
        joined.extend_from_slice(bytes);
        let mut rest = joined.as_slice();
        while !rest.is_empty() {
            match std::str::from_utf8(rest) {
                Ok(text) => {
                    text.chars().for_each(|c| self.take(c));
                    return;
                }
                Err(e) => {
                    let (good, bad) = rest.split_at(e.valid_up_to());
                    if let Ok(text) = std::str::from_utf8(good) {
                        text.chars().for_each(|c| self.take(c));
                    }
                    let Some(length) = e.error_len() else {
                        self.pending = bad.to_vec();
                        return;
                    };
                    self.take(char::REPLACEMENT_CHARACTER);
                    rest = bad.get(length..).unwrap_or_default();
                }
            }
        }
    }

    /// All text: the lines that are complete, and the one at the cursor.
    pub fn text(&self) -> String {
        let mut text = self.done.clone();
        text.extend(&self.line);
        text
    }

    /// All text from this offset on, as [`Screen::settle`] gave it.
    pub fn since(&self, mark: usize) -> String {
        let mut text = self.done.get(mark..).unwrap_or_default().to_owned();
        text.extend(&self.line);
        text
    }

    /// The last lines from this offset on, about `bytes` long, beginning at a line's start.
    pub fn tail(&self, mark: usize, bytes: usize) -> String {
        let mut from = self.done.len().saturating_sub(bytes);
        if from <= mark {
            return self.since(mark);
        }
        while !self.done.is_char_boundary(from) {
            from += 1;
        }
        if let Some(end) = self.done.get(from..).and_then(|d| d.find('\n')) {
            from += end + 1;
        }
        self.since(from)
    }

    /// Ends the line at the cursor, because it was answered: what comes next is a line of its own. Returns the offset
    /// from which on the text is new.
    pub fn settle(&mut self) -> usize {
        if !self.line.is_empty() {
            self.newline();
        }
        self.done.len()
    }

    /// Takes the pager's line away: what it printed is no output.
    pub fn drop_line(&mut self, from: usize) {
        self.line.truncate(from);
        self.cursor = self.cursor.min(self.line.len());
    }

    /// The line at the cursor.
    pub fn line(&self) -> String {
        self.line.iter().collect()
    }

    /// Forgets all text; a control sequence that has begun goes on.
    pub fn clear(&mut self) {
        self.done.clear();
        self.line.clear();
        self.cursor = 0;
    }

    fn take(&mut self, c: char) {
        match self.state {
            State::Ground => self.ground(c),
            State::Escape => self.escape(c),
            State::Intermediate => self.state = State::Ground,
            State::Csi => self.csi(c),
            State::Text => match c {
                '\x07' => self.state = State::Ground,
                '\x1b' => self.state = State::TextEscape,
                _ => {}
            },
            State::TextEscape => {
                self.state = if c == '\\' {
                    State::Ground
                } else {
                    State::Text
                };
            }
        }
    }

    fn ground(&mut self, c: char) {
        match c {
            '\x1b' => self.state = State::Escape,
            '\n' => self.newline(),
            '\r' => self.cursor = 0,
            '\x08' | '\x7f' => self.cursor = self.cursor.saturating_sub(1),
            '\t' => self.print('\t'),
            c if c.is_control() => {}
            c => self.print(c),
        }
    }

    fn print(&mut self, c: char) {
        if self.cursor >= LONGEST_LINE {
            return;
        }
        while self.line.len() < self.cursor {
            self.line.push(' ');
        }
        match self.line.get_mut(self.cursor) {
            Some(at) => *at = c,
            None => self.line.push(c),
        }
        self.cursor += 1;
    }

    fn newline(&mut self) {
        if self.done.len() < LONGEST_TEXT {
            let line: String = self.line.iter().collect();
            self.done.push_str(line.trim_end());
            self.done.push('\n');
        }
        self.line.clear();
        self.cursor = 0;
    }

    fn escape(&mut self, c: char) {
        self.state = match c {
            '[' => {
                self.parameters.clear();
                State::Csi
            }
            ']' | 'P' | 'X' | '^' | '_' => State::Text,
            ' ' | '#' | '%' | '(' | ')' | '*' | '+' => State::Intermediate,
            '\x1b' => State::Escape,
            'E' => {
                self.newline();
                State::Ground
            }
            _ => State::Ground,
        };
    }

    fn csi(&mut self, c: char) {
        match c {
            '0'..='?' | ' '..='/' => {
                if self.parameters.len() < 32 {
                    self.parameters.push(c);
                }
                return;
            }
            '\x1b' => {
                self.state = State::Escape;
                return;
            }
            _ => self.state = State::Ground,
        }
        let mut numbers = self.parameters.split(';').map(|p| p.parse::<u32>().ok());
        let first = numbers.next().flatten();
        let count = first.unwrap_or(1).max(1) as usize;
        match c {
            'D' => self.cursor = self.cursor.saturating_sub(count),
            'C' => self.cursor = (self.cursor + count).min(LONGEST_LINE),
            'G' => self.cursor = (count - 1).min(LONGEST_LINE),
            'K' => match first.unwrap_or(0) {
                0 => self.line.truncate(self.cursor),
                2 => self.line.clear(),
                _ => {}
            },
            'H' | 'f' => {
                let column = numbers.next().flatten().unwrap_or(1).max(1) as usize;
                let row = Some(first.unwrap_or(1));
                if row != self.row && !self.line.iter().all(|c| c.is_whitespace()) {
                    self.newline();
                }
                self.row = row;
                self.cursor = (column - 1).min(LONGEST_LINE);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_codes_do_what_a_terminal_does() {
        for (bytes, text) in [
            ("a\r\r\nb", "a\nb"),
            ("\x1b[24;1H\x1b[2Ksw# \x1b[24;1H\x1b[24;5H\x1b[?25h", "sw# "),
            ("one\x1bEtwo\x1b7\x07\0", "one\ntwo"),
            ("42 \x1b[1Dx", "42x"),
            ("\x1b]0;title\x07sw\x1b(B#", "sw#"),
            (
                "--More--\x08\x08\x08\x08\x08\x08\x08\x08        \x08\x08\x08\x08\x08\x08\x08\x08next\n",
                "next\n",
            ),
            ("[ops@sw] > \r\x1b[K[ops@sw] > ", "[ops@sw] > "),
            ("\u{fc}ml", "\u{fc}ml"),
        ] {
            let mut screen = Screen::default();
            for byte in bytes.as_bytes() {
                screen.push(&[*byte]);
            }
            assert_eq!(screen.text(), text, "{bytes:?}");
        }
        let mut screen = Screen::default();
        screen.push(b"a\xffb");
        assert_eq!(screen.text(), "a\u{fffd}b");
    }
}
