//! A text of headings, paragraphs, lists, commands and tables, as Markdown and as one HTML page that prints well.

use std::fmt::Write;

/// One part of it. Text may have `code` between back quotes and **weight** between double stars.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Block {
    /// A heading; 1 is the page's own.
    Heading(u8, String),
    /// A paragraph.
    Text(String),
    /// Something that must not be overlooked.
    Warning(String),
    /// What is done one after the other, from 1: what, and the commands for it.
    Steps(Vec<(String, Vec<String>)>),
    /// A table: its head, and its rows.
    Table(Vec<String>, Vec<Vec<String>>),
}

/// As Markdown, as GitHub has it.
pub(super) fn markdown(blocks: &[Block]) -> String {
    let mut out = String::new();
    for block in blocks {
        if !out.is_empty() {
            out.push('\n');
        }
        match block {
            Block::Heading(level, text) => {
                let _ = writeln!(out, "{} {text}", "#".repeat(usize::from(*level)));
            }
            Block::Text(text) => {
                let _ = writeln!(out, "{text}");
            }
            Block::Warning(text) => {
                let _ = writeln!(out, "> **{text}**");
            }
            Block::Steps(steps) => {
                for (n, (what, commands)) in (1..).zip(steps) {
                    let _ = writeln!(out, "{n}. {what}");
                    if commands.is_empty() {
                        continue;
                    }
                    let fence = fence_around(commands);
                    let _ = writeln!(out, "\n   {fence}sh");
                    for line in commands.iter().flat_map(|c| c.lines()) {
                        let _ = writeln!(out, "   {line}");
                    }
                    let _ = writeln!(out, "   {fence}\n");
                }
            }
            Block::Table(head, rows) => {
                let line = |cells: &[String]| {
                    let cells: Vec<String> = cells
                        .iter()
                        .map(|c| c.replace('|', "\\|").replace('\n', " "))
                        .collect();
                    format!("| {} |", cells.join(" | "))
                };
                let _ = writeln!(out, "{}", line(head));
                let _ = writeln!(out, "|{}", " --- |".repeat(head.len()));
                for row in rows {
                    let _ = writeln!(out, "{}", line(row));
                }
            }
        }
    }
    out
}

/// Back quotes that end nothing of what is between them.
fn fence_around(commands: &[String]) -> &'static str {
    match commands.iter().any(|c| c.contains("```")) {
        true => "````",
        false => "```",
    }
}

const STYLE: &str = "
body { font: 16px/1.5 system-ui, sans-serif; max-width: 52em; margin: 2em auto; padding: 0 1em; color: #111; background: #fff; }
h1, h2, h3 { line-height: 1.25; } h2 { margin-top: 2em; border-bottom: 2px solid #111; }
pre { background: #f3f3f3; border-left: 4px solid #555; padding: .6em .8em; white-space: pre-wrap; overflow-wrap: anywhere; }
code { font-family: ui-monospace, monospace; font-size: .92em; overflow-wrap: anywhere; }
.warning { border: 2px solid #a40000; padding: .5em .8em; font-weight: 600; }
table { border-collapse: collapse; width: 100%; } th, td { border: 1px solid #888; padding: .3em .5em; text-align: left; vertical-align: top; }
li { margin: .6em 0; }
@media (prefers-color-scheme: dark) { body { background: #111; color: #eee; } pre { background: #222; } h2 { border-color: #eee; } }
@media print { body { max-width: none; margin: 0; font-size: 11pt; color: #000; background: #fff; } pre { background: none; } h2 { break-before: page; } pre, tr, li { break-inside: avoid; } }
";

/// As one page that needs nothing from elsewhere.
pub(super) fn html(title: &str, blocks: &[Block]) -> String {
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n",
        escaped(title)
    );
    for block in blocks {
        let _ = match block {
            Block::Heading(level, text) => writeln!(out, "<h{level}>{}</h{level}>", inline(text)),
            Block::Text(text) => writeln!(out, "<p>{}</p>", inline(text)),
            Block::Warning(text) => writeln!(out, "<p class=\"warning\">{}</p>", inline(text)),
            Block::Steps(steps) => {
                out.push_str("<ol>\n");
                for (what, commands) in steps {
                    let _ = write!(out, "<li>{}", inline(what));
                    if !commands.is_empty() {
                        let _ = write!(
                            out,
                            "\n<pre><code>{}</code></pre>",
                            escaped(&commands.join("\n"))
                        );
                    }
                    out.push_str("</li>\n");
                }
                writeln!(out, "</ol>")
            }
            Block::Table(head, rows) => {
                let row = |cells: &[String], tag: &str| -> String {
                    let cells = cells
                        .iter()
                        .map(|c| format!("<{tag}>{}</{tag}>", inline(c)));
                    format!("<tr>{}</tr>\n", cells.collect::<String>())
                };
                let body: String = rows.iter().map(|r| row(r, "td")).collect();
                writeln!(
                    out,
                    "<table>\n<thead>{}</thead>\n<tbody>\n{body}</tbody>\n</table>",
                    row(head, "th")
                )
            }
        };
    }
    out.push_str("</body>\n</html>\n");
    out
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// Code and weight; what is open at the end stays as it is.
fn inline(text: &str) -> String {
    let code = between(&escaped(text), "`", "code");
    between(&code, "**", "strong")
}

fn between(text: &str, mark: &str, tag: &str) -> String {
    let parts: Vec<&str> = text.split(mark).collect();
    let mut out = String::new();
    for (n, part) in parts.iter().enumerate() {
        let last = n + 1 == parts.len();
        match (n % 2, last) {
            (0, _) => out.push_str(part),
            (_, false) => {
                let _ = write!(out, "<{tag}>{part}</{tag}>");
            }
            (_, true) => {
                let _ = write!(out, "{mark}{part}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<Block> {
        vec![
            Block::Heading(1, "A & B".into()),
            Block::Warning("Stop <here>".into()),
            Block::Steps(vec![
                ("Type `x`".into(), vec!["echo '<a>' | cat\nEOF".into()]),
                ("Nothing".into(), vec![]),
            ]),
            Block::Table(
                vec!["a".into(), "b".into()],
                vec![vec!["1|2".into(), "**x**".into()]],
            ),
        ]
    }

    #[test]
    fn markdown_keeps_commands_as_they_are_and_tables_whole() {
        let text = markdown(&sample());
        assert!(text.contains("# A & B\n") && text.contains("> **Stop <here>**\n"));
        assert!(text.contains("1. Type `x`\n\n   ```sh\n   echo '<a>' | cat\n   EOF\n   ```\n"));
        assert!(text.contains("2. Nothing\n") && text.contains("| 1\\|2 | **x** |\n"));
    }

    #[test]
    fn html_has_no_tag_that_was_a_text_and_nothing_from_elsewhere() {
        let page = html("A & B", &sample());
        assert!(page.contains("<title>A &amp; B</title>"));
        assert!(page.contains("echo '&lt;a&gt;' | cat\nEOF</code></pre>"));
        assert!(page.contains("<p class=\"warning\">Stop &lt;here&gt;</p>"));
        assert!(page.contains("<td>1|2</td><td><strong>x</strong></td>"));
        assert!(!page.contains("http") && !page.contains("<script"));
        assert_eq!(inline("a `b"), "a `b");
    }
}
