//! One line of a list to its fields.

/// A field and where it begins.
pub(super) struct Field {
    /// From 1, in characters.
    pub column: usize,
    /// Without quotes and surrounding blanks.
    pub text: String,
}

/// Splits one line. A quoted field ends on its own line: names of cameras have no line breaks.
///
/// # Errors
/// Column (from 1) and what is wrong there.
pub(super) fn split(raw: &str, separator: char) -> Result<Vec<Field>, (usize, String)> {
    let mut fields = Vec::new();
    let mut chars = raw.chars().enumerate().peekable();
    let is_blank = |c: char| c != separator && c.is_whitespace();
    loop {
        while chars.next_if(|(_, c)| is_blank(*c)).is_some() {}
        let column = chars
            .peek()
            .map_or(raw.chars().count() + 1, |(at, _)| at + 1);
        let mut text = String::new();
        if chars.next_if(|(_, c)| *c == '"').is_some() {
            loop {
                match chars.next() {
                    Some((_, '"')) if chars.next_if(|(_, c)| *c == '"').is_some() => text.push('"'),
                    Some((_, '"')) => break,
                    Some((_, c)) => text.push(c),
                    None => {
                        let message = "a double quote is opened and not closed on this line; write \"\" for a quote inside a quoted field";
                        return Err((column, message.into()));
                    }
                }
            }
            while chars.next_if(|(_, c)| is_blank(*c)).is_some() {}
            if let Some((at, c)) = chars.peek().filter(|(_, c)| *c != separator) {
                let message = format!(
                    "`{c}` follows a closing quote; expected `{separator}` or the end of the line"
                );
                return Err((at + 1, message));
            }
        } else {
            while let Some((_, c)) = chars.next_if(|(_, c)| *c != separator) {
                text.push(c);
            }
        }
        fields.push(Field {
            column,
            text: text.trim().to_owned(),
        });
        if chars.next().is_none() {
            return Ok(fields);
        }
    }
}
