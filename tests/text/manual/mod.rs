//! The manual is true: what its pages name is there, and what a person may meet has its place in them.

mod commands;
mod operate;
mod pager;
mod tables;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use assert_cmd::cargo::CommandCargoExt;

/// The repository.
fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// One file of it.
fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Every file below `dir` with this extension: its path in the repository, and its text.
fn files(dir: &str, extension: &str) -> Vec<(String, String)> {
    let mut out = Vec::new();
    let mut dirs = vec![root().join(dir)];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else if path.extension().is_some_and(|e| e == extension) {
                let name = path.strip_prefix(root()).unwrap();
                let name = name.to_string_lossy().into_owned();
                out.push((name.clone(), read(&name)));
            }
        }
    }
    out.sort();
    assert!(!out.is_empty(), "{dir} has no .{extension}");
    out
}

/// README.md and the pages, each with its path.
fn pages() -> Vec<(String, String)> {
    let mut pages = files("src/manual", "md");
    pages.push(("README.md".to_owned(), read("README.md")));
    pages
}

/// What stands between backticks in running text and tables.
fn spans(text: &str) -> impl Iterator<Item = &str> {
    text.split("\n\n")
        .filter(|block| !block.starts_with("    ") && !block.starts_with("```"))
        .flat_map(|block| block.split('`').skip(1).step_by(2))
}

/// The program's exit code, what it prints, and what it complains of.
fn standin(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::cargo_bin("standin")
        .unwrap()
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |b: Vec<u8>| String::from_utf8(b).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn readme_and_the_docs_of_the_sources_name_files_that_are_there() {
    let manual = pages().into_iter().map(|p| (p, ""));
    let of = |path: &str, base| ((path.to_owned(), read(path)), base);
    let sources = [
        of("src/lib.rs", "src"),
        of("src/switch/mod.rs", "src/switch"),
        of("tests/README.md", "tests"),
    ];
    let mut seen = 0;
    for ((page, text), base) in manual.chain(sources) {
        for span in text.split('`').skip(1).step_by(2) {
            let path = span.split([' ', '*']).next().unwrap();
            let ends = [".rs", ".md", ".py", "/"];
            let named = path.contains('/') && ends.iter().any(|e| path.ends_with(e));
            let ours = named && !path.contains("NAME") && !path.starts_with('/');
            // Folders of a running machine.
            if !ours || ["changes/", "reports/"].contains(&path) {
                continue;
            }
            seen += 1;
            let near = |base: &Path| base.join(path).exists();
            let src = root().join("src");
            assert!(
                near(&root())
                    || near(&root().join(base))
                    || near(&src)
                    || near(&src.join("switch")),
                "{page} names {path}, which is not there"
            );
        }
    }
    assert!(seen > 30, "only {seen} files were looked for");
}

#[test]
fn a_page_uses_what_the_terminal_can_show() {
    for topic in standin::manual::TOPICS {
        assert!(
            topic.about.len() <= 64,
            "{}: one line of `standin help`",
            topic.name
        );
        if topic.name == "sample" {
            continue;
        }
        let (name, text) = (topic.name, topic.text);
        assert!(text.starts_with("# "), "{name} begins with its title");
        assert!(
            !text.contains("]("),
            "{name} has a link: nobody can follow it there"
        );
        for width in [80, 110] {
            for line in topic.laid_out(width).lines() {
                let columns = line.chars().count();
                assert!(columns <= width, "{name}, at {width} columns: {line}");
            }
        }
        let words = |t: &str| -> Vec<String> {
            let words = t.split(|c: char| !c.is_alphanumeric());
            let words = words.filter(|w| !w.is_empty());
            words.map(str::to_lowercase).collect()
        };
        // Laid out, nothing is lost: each word of the page is there, as often at least; but for heads of tables, which
        // blocks have in another way.
        let laid = topic.laid_out(80);
        let lines: Vec<&str> = text.lines().collect();
        let head = |i: usize| lines.get(i + 1).is_some_and(|l| l.starts_with("| ---"));
        let rest = lines
            .iter()
            .enumerate()
            .filter(|(i, l)| !head(*i) && !l.starts_with("```"));
        let rest: Vec<&str> = rest.map(|(_, l)| *l).collect();
        let (mut of_page, mut shown) = (words(&rest.join("\n")), words(&laid));
        of_page.sort();
        shown.sort();
        let mut shown = shown.into_iter().peekable();
        for word in of_page {
            while shown.next_if(|w| *w < word).is_some() {}
            assert_eq!(shown.next().as_ref(), Some(&word), "{name} loses a word");
        }
    }
}
