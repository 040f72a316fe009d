//! A page of the manual as a terminal shows it: the part of Markdown that the pages use, laid out in columns.

/// Spaces between two columns of a table.
const GAP: usize = 2;

/// What a page is made of.
enum Block<'a> {
    /// Its depth and its words.
    Heading(usize, &'a str),
    /// Words that flow.
    Paragraph(String),
    /// The mark (`-`, `1.`) and the words.
    Item(&'a str, String),
    /// As it stands.
    Code(Vec<&'a str>),
    /// The first row is the heads.
    Table(Vec<Vec<String>>),
}

/// Lays `text` out in lines of at most `width` columns; what is code is not broken.
pub fn laid_out(text: &str, width: usize) -> String {
    let mut out = String::new();
    let mut after_item = false;
    for block in blocks(text) {
        let item = matches!(block, Block::Item(..));
        let apart = !(item && after_item);
        if apart && !out.is_empty() {
            out.push('\n');
        }
        after_item = item;
        for line in lines_of(&block, width) {
            out.push_str(line.trim_end());
            out.push('\n');
        }
    }
    out
}

/// Takes a page apart.
fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    let mut lines = text.lines().peekable();
    let mut open = false;
    while let Some(line) = lines.next() {
        let continues = std::mem::replace(&mut open, false);
        if line.trim().is_empty() {
            continue;
        }
        if line.starts_with("```") {
            let code = lines.by_ref().take_while(|l| !l.starts_with("```"));
            blocks.push(Block::Code(code.collect()));
        } else if let Some(title) = line.trim_start_matches('#').strip_prefix(' ')
            && line.starts_with('#')
        {
            blocks.push(Block::Heading(line.len() - title.len() - 1, title));
        } else if line.starts_with('|') {
            let mut rows = vec![cells(line)];
            while let Some(row) = lines.next_if(|l| l.starts_with('|')) {
                rows.push(cells(row));
            }
            // What separates the heads from the rows.
            rows.remove(1);
            blocks.push(Block::Table(rows));
        } else if let Some((mark, words)) = item(line) {
            blocks.push(Block::Item(mark, plain(words)));
            open = true;
        } else if continues
            && let Some(Block::Paragraph(words) | Block::Item(_, words)) = blocks.last_mut()
        {
            words.push(' ');
            words.push_str(&plain(line.trim()));
            open = true;
        } else if let Some(first) = line.strip_prefix("    ") {
            let mut code = vec![first];
            while let Some(next) = lines.next_if(|l| l.starts_with("    ")) {
                code.push(&next[4..]);
            }
            blocks.push(Block::Code(code));
        } else {
            blocks.push(Block::Paragraph(plain(line.trim())));
            open = true;
        }
    }
    blocks
}

/// `- words` or `1. words`.
fn item(line: &str) -> Option<(&str, &str)> {
    let (mark, words) = line.split_once(' ')?;
    let number = mark.strip_suffix('.');
    let numbered = number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    (mark == "-" || numbered).then_some((mark, words))
}

fn cells(row: &str) -> Vec<String> {
    let row = row.trim().trim_matches('|');
    row.split(" | ").map(|cell| plain(cell.trim())).collect()
}

/// Without the marks of emphasis; those of code stay, they say where a command ends.
fn plain(words: &str) -> String {
    words.replace("**", "")
}

fn lines_of(block: &Block<'_>, width: usize) -> Vec<String> {
    match block {
        Block::Heading(1, title) => vec![title.to_uppercase()],
        Block::Heading(_, title) => vec![(*title).to_owned(), "-".repeat(title.chars().count())],
        Block::Paragraph(words) => wrapped(words, width),
        Block::Item(mark, words) => hanging(&format!("{mark} "), words, width),
        Block::Code(lines) => lines.iter().map(|l| format!("    {l}")).collect(),
        Block::Table(rows) => table(rows, width),
    }
}

/// `words` behind `mark`, each further line below the first word.
fn hanging(mark: &str, words: &str, width: usize) -> Vec<String> {
    let indent = mark.chars().count();
    let lines = wrapped(words, width.saturating_sub(indent));
    let mark_of = |i| if i == 0 { mark } else { "" };
    let numbered = lines.iter().enumerate();
    numbered
        .map(|(i, line)| format!("{:<indent$}{line}", mark_of(i)))
        .collect()
}

/// Breaks `words` into lines; a code span is broken only where it alone is longer than a line.
fn wrapped(words: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in words_of(words, width) {
        let line = lines.last_mut().expect("there is always a last line");
        let long = line.chars().count() + 1 + word.chars().count() > width;
        match line.is_empty() {
            true => line.push_str(word),
            false if long => lines.push(word.to_owned()),
            false => {
                line.push(' ');
                line.push_str(word);
            }
        }
    }
    lines
}

/// What is not broken: words, and spans of code that fit into a line.
fn words_of(text: &str, width: usize) -> Vec<&str> {
    let (mut words, mut from, mut code) = (Vec::new(), 0, false);
    for (at, c) in text.char_indices() {
        code ^= c == '`';
        if c == ' ' && !code {
            words.push(&text[from..at]);
            from = at + 1;
        }
    }
    words.push(&text[from..]);
    let fits = |w: &&str| w.chars().count() <= width;
    words
        .into_iter()
        .flat_map(|w| match fits(&w) {
            true => vec![w],
            false => w.split(' ').collect(),
        })
        .filter(|w| !w.is_empty())
        .collect()
}

/// The longest of what is not broken.
fn longest_word(text: &str) -> usize {
    let words = words_of(text, usize::MAX);
    words.iter().map(|w| w.chars().count()).max().unwrap_or(0)
}

/// Columns, where all fits or two of them are enough; else each row is a block under its first cell.
fn table(rows: &[Vec<String>], width: usize) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let cell = |row: &Vec<String>, c: usize| row.get(c).map_or(0, |t| t.chars().count());
    let natural = |c: usize| rows.iter().map(|r| cell(r, c)).max().unwrap_or(0);
    let room = width.saturating_sub(GAP * columns.saturating_sub(1));
    let mut widths: Vec<usize> = (0..columns).map(natural).collect();
    if widths.iter().sum::<usize>() > room {
        // A command is not broken.
        let whole = |r: &Vec<String>| r.first().map_or(0, |t| longest_word(t));
        let least = rows.iter().map(whole).max().unwrap_or(0);
        if columns != 2 || least > width * 2 / 5 {
            return row_blocks(rows, width);
        }
        let first = natural(0).min(least.max(width / 3));
        widths = vec![first, room.saturating_sub(first)];
    }
    let rows: Vec<Vec<Vec<String>>> = rows
        .iter()
        .map(|r| r.iter().zip(&widths).map(|(t, w)| wrapped(t, *w)).collect())
        .collect();
    let apart = rows.iter().skip(1).any(|r| r.iter().any(|c| c.len() > 1));
    let mut lines = Vec::new();
    for (n, row) in rows.iter().enumerate() {
        if n > 1 && apart {
            lines.push(String::new());
        }
        for i in 0..row.iter().map(Vec::len).max().unwrap_or(0) {
            let parts = row.iter().zip(&widths);
            let parts = parts.map(|(c, w)| format!("{:<w$}", c.get(i).map_or("", String::as_str)));
            lines.push(parts.collect::<Vec<_>>().join(&" ".repeat(GAP)));
        }
        if n == 0 {
            let dashes = widths.iter().map(|w| "-".repeat(*w));
            lines.push(dashes.collect::<Vec<_>>().join(&" ".repeat(GAP)));
        }
    }
    lines
}

/// Rows under their first cells; of more than one other, each behind the head of its column.
fn row_blocks(rows: &[Vec<String>], width: usize) -> Vec<String> {
    let Some((heads, rows)) = rows.split_first() else {
        return Vec::new();
    };
    let longest = heads.iter().skip(1).map(|h| h.chars().count()).max();
    let longest = longest.unwrap_or(0);
    let mut lines = Vec::new();
    for row in rows {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        let mut cells = row.iter().zip(heads);
        lines.extend(cells.next().map(|(first, _)| first.clone()));
        for (text, head) in cells {
            let head = match heads.len() {
                2 => "  ".to_owned(),
                _ => format!("  {head:<longest$}  "),
            };
            lines.extend(hanging(&head, text, width));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_flow_and_code_stays_whole() {
        let text = "# Title\n\nOne two `standin hold NAME off` three\nfour **five** six.\n\n    as it  stands\n\n- an item that is\n  long\n- another\n";
        assert_eq!(
            laid_out(text, 24),
            "TITLE\n\nOne two\n`standin hold NAME off`\nthree four five six.\n\n    as it  stands\n\n- an item that is long\n- another\n"
        );
    }

    #[test]
    fn a_table_of_two_columns_is_one_and_of_three_wide_ones_is_blocks() {
        let two = "| Code | Meaning |\n| --- | --- |\n| 0 | done and all is well |\n| 77 | no |\n";
        assert_eq!(
            laid_out(two, 18),
            "Code  Meaning\n----  ------------\n0     done and all\n      is well\n\n77    no\n"
        );
        let three = "| State | It means | Do |\n| --- | --- | --- |\n| `ACTIVE` | it is here | repair the other |\n";
        assert_eq!(
            laid_out(three, 24),
            "`ACTIVE`\n  It means  it is here\n  Do        repair the\n            other\n"
        );
        assert!(laid_out(three, 80).starts_with("State     It means    Do\n--------"));
        let command =
            "| Type | It does |\n| --- | --- |\n| `standin switch undo` | takes it back |\n";
        assert_eq!(
            laid_out(command, 30),
            "`standin switch undo`\n  takes it back\n"
        );
    }
}
