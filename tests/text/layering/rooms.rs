//! The folders of src and the rooms of src/switch: each knows only those before it, and no two files need each other.

use std::collections::{BTreeMap, BTreeSet};

use super::{code, files};

/// From the words up.
const ROOMS: [&str; 10] = [
    "model",
    "profile",
    "render",
    "snmp",
    "ssh",
    "read",
    "change",
    "fence",
    "preflight",
    "recording",
];

/// What lies in src, from the words up; `main` is a program of its own beside the house. Of `host`, what adapters are
/// handed (programs and how they end, the disk, the ways to switches) lies below them, and what hands them to the daemon above.
const FOLDERS: [&str; 28] = [
    "types",
    "exit",
    "rt",
    "sys",
    "net/nft_error",
    "service/error",
    "host/reply",
    "host/programs",
    "host/disk",
    "host/switches",
    "net",
    "detect",
    "service",
    "endpoint",
    "verify",
    "switch",
    "host",
    "takeover",
    "config",
    "access",
    "report",
    "steps",
    "health",
    "redirect",
    "alert",
    "manual",
    "daemon",
    "cli",
];

/// Folders some of whose files still need each other, and how many do: the number is lowered with each that does not any
/// more, and none comes in.
const IN_CIRCLES: [(&str, usize); 2] = [("daemon", 26), ("takeover", 17)];

/// A module's path, such as `["switch", "read", "lldp"]`.
type Module = Vec<String>;

fn module_of(file: &str) -> Module {
    let below = file.trim_start_matches("src/").trim_end_matches(".rs");
    match below.trim_end_matches("/mod") {
        "lib" => Vec::new(),
        path => path.split('/').map(str::to_owned).collect(),
    }
}

/// The leaves of a `use` tree, without what they are called here.
fn leaves(tree: &str, before: &str, out: &mut Vec<String>) {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else {
        let path = tree.split(" as ").next().unwrap_or_default().trim();
        let path = format!("{before}{path}");
        out.push(path.trim_end_matches("::self").to_owned());
        return;
    };
    let before = format!("{before}{}", &tree[..open]);
    let (mut depth, mut from) = (0, open + 1);
    for (i, c) in tree.char_indices().skip(open) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if (c == ',' && depth == 1) || depth == 0 {
            if !tree[from..i].trim().is_empty() {
                leaves(&tree[from..i], &before, out);
            }
            from = i + 1;
        }
    }
}

/// What a file imports, and what it names by its path: as it stands there, whether it is handed on (`pub use`).
fn named(text: &str) -> Vec<(String, bool)> {
    let lines: Vec<&str> = code(text).map(|(_, l)| l.trim()).collect();
    let mut out = Vec::new();
    for statement in lines.join(" ").split([';', '}']).map(str::trim) {
        for start in ["crate::", "super::"] {
            for (at, _) in statement.match_indices(start) {
                let inner = statement[..at].ends_with(|c: char| c.is_alphanumeric() || c == ':')
                    // `pub(in crate::switch)` needs nothing.
                    || statement[..at].ends_with("(in ");
                if !inner && !statement.contains("use ") {
                    let end = |c: char| !(c.is_alphanumeric() || c == '_' || c == ':');
                    let path = statement[at..].split(end).next().unwrap_or_default();
                    out.push((path.trim_end_matches(':').to_owned(), false));
                }
            }
        }
    }
    let mut open: Option<(String, bool)> = None;
    for line in lines {
        let line = match &mut open {
            Some((tree, _)) => {
                tree.push_str(line);
                line
            }
            None => {
                let Some(at) = line.find("use ").filter(|at| {
                    line[..*at].is_empty() || (line.starts_with("pub") && !line.contains("fn "))
                }) else {
                    continue;
                };
                open = Some((line[at + 4..].to_owned(), line.starts_with("pub")));
                line
            }
        };
        if line.ends_with(';')
            && let Some((tree, is_handed_on)) = open.take()
        {
            let mut all = Vec::new();
            leaves(tree.trim_end_matches(';'), "", &mut all);
            out.extend(all.into_iter().map(|path| (path, is_handed_on)));
        }
    }
    out
}

/// Who imports whom among these files.
struct House {
    text: BTreeMap<Module, String>,
    /// What a module hands on under a name of its own.
    handed_on: BTreeMap<Module, Module>,
}

impl House {
    fn of(files: &[(String, String)]) -> House {
        let text = (files.iter()).filter(|(name, _)| !name.ends_with("/tests.rs"));
        let text = text.map(|(name, text)| (module_of(name), text.clone()));
        let mut house = House {
            text: text.collect(),
            handed_on: BTreeMap::new(),
        };
        for (module, text) in &house.text {
            for (path, is_handed_on) in named(text) {
                if let Some(whole) = house.whole(module, &path)
                    && is_handed_on
                    && let Some(name) = whole.last()
                {
                    let mut at = module.clone();
                    at.push(name.clone());
                    // A function may have the name of its room.
                    if !house.text.contains_key(&at) {
                        house.handed_on.insert(at, whole);
                    }
                }
            }
        }
        house
    }

    /// A path as it stands in a module, from src on; `None` if it leads elsewhere.
    fn whole(&self, module: &Module, path: &str) -> Option<Module> {
        let mut words = path.split("::").peekable();
        let mut at = match *words.peek()? {
            "crate" => {
                words.next();
                Vec::new()
            }
            "super" => {
                let mut at = module.clone();
                while words.next_if_eq(&"super").is_some() {
                    at.pop()?;
                }
                at
            }
            child => {
                let mut at = module.clone();
                at.push(child.to_owned());
                self.text.contains_key(&at).then_some(())?;
                module.clone()
            }
        };
        at.extend(words.map(str::to_owned));
        Some(at)
    }

    /// The file that has what `path` names: what is handed on is looked for where it comes from.
    fn file_with(&self, path: &Module) -> Module {
        let mut path = path.clone();
        while let Some(from) = (1..=path.len())
            .rev()
            .find_map(|n| Some((n, self.handed_on.get(&path[..n])?)))
        {
            let rest = path.split_off(from.0);
            path = [from.1.as_slice(), &rest].concat();
        }
        while !self.text.contains_key(&path) && path.pop().is_some() {}
        path
    }

    /// The files that each file imports from, itself not counted.
    fn imports(&self) -> BTreeMap<&Module, BTreeSet<Module>> {
        let of = |(module, text): (&Module, &String)| {
            // What only hands on needs nothing.
            let used = named(text).into_iter().filter(|(_, handed_on)| !handed_on);
            let paths = used.filter_map(|(path, _)| self.whole(module, &path));
            let files = paths.map(|path| self.file_with(&path));
            files.filter(|f| f != module).collect::<BTreeSet<_>>()
        };
        self.text.iter().map(|one| (one.0, of(one))).collect()
    }

    /// Imports from a part of `within` that comes later in `order`, or from the file of `within` that only hands on.
    fn upward(&self, within: &[&str], order: &[&str]) -> Vec<String> {
        let floor = |m: &Module| {
            let is_within = m.iter().zip(within).all(|(a, b)| a == b);
            let below = m.get(within.len()..).filter(|_| is_within)?;
            let by = |n: usize| order.iter().position(|r| *r == below[..n].join("/"));
            (1..=below.len()).rev().find_map(by)
        };
        let mut found = Vec::new();
        for (module, imports) in self.imports() {
            let Some(here) = floor(module) else { continue };
            for import in imports {
                let hands_on = !within.is_empty() && import.iter().eq(within);
                if hands_on || floor(&import).is_some_and(|there| there > here) {
                    found.push(format!("{} <- {}", module.join("/"), import.join("/")));
                }
            }
        }
        found
    }

    /// Who needs whom in such a lot of files.
    fn arrows(&self, lot: &[String]) -> Vec<String> {
        let imports = self.imports().into_iter();
        let all = imports.flat_map(|(m, to)| to.into_iter().map(|to| (m.join("/"), to.join("/"))));
        let within = all.filter(|(m, to)| lot.contains(m) && lot.contains(to));
        within.map(|(m, to)| format!("{m} <- {to}")).collect()
    }

    /// Files that can be reached from each other by imports, each such lot once.
    fn circles(&self) -> Vec<Vec<String>> {
        let imports = self.imports();
        let reached = |from: &Module| {
            let mut all = BTreeSet::new();
            let mut next: Vec<&Module> = imports.get(from).into_iter().flatten().collect();
            while let Some(module) = next.pop() {
                if all.insert(module.clone()) {
                    next.extend(imports.get(module).into_iter().flatten());
                }
            }
            all
        };
        let reach: BTreeMap<&Module, BTreeSet<Module>> =
            imports.keys().map(|m| (*m, reached(m))).collect();
        let mut lots = BTreeSet::new();
        for (module, all) in &reach {
            let lot = all.iter().filter(|o| reach[o].contains(*module));
            let lot: Vec<String> = lot.map(|m| m.join("/")).collect();
            if lot.len() > 1 {
                lots.insert(lot);
            }
        }
        lots.into_iter().collect()
    }
}

#[test]
fn a_room_of_the_switch_knows_only_those_before_it() {
    let house = House::of(&files("src"));
    for module in house
        .text
        .keys()
        .filter(|m| m.len() > 1 && m[0] == "switch")
    {
        let room = module[1].as_str();
        assert!(ROOMS.contains(&room), "src/switch/{room} is no room");
    }
    assert_eq!(house.upward(&["switch"], &ROOMS), Vec::<String>::new());
}

#[test]
fn a_folder_knows_only_those_before_it() {
    let house = House::of(&files("src"));
    for module in house
        .text
        .keys()
        .filter(|m| !m.is_empty() && m[0] != "main")
    {
        let folder = module[0].as_str();
        assert!(FOLDERS.contains(&folder), "src/{folder} has no floor");
    }
    assert_eq!(house.upward(&[], &FOLDERS), Vec::<String>::new());
}

#[test]
fn no_files_need_each_other_but_those_that_are_counted() {
    let house = House::of(&files("src"));
    let found = house.circles();
    let folders: BTreeSet<&str> = (house.text.keys().filter_map(|m| m.first()))
        .map(String::as_str)
        .collect();
    for folder in folders {
        let is_in = |f: &&String| f.split('/').next() == Some(folder);
        let lots: Vec<&Vec<String>> = (found.iter())
            .filter(|lot| lot.iter().any(|f| is_in(&f)))
            .collect();
        let files = lots.iter().flat_map(|lot| lot.iter().filter(is_in)).count();
        let counted = IN_CIRCLES.iter().find(|(name, _)| *name == folder);
        assert_eq!(
            files,
            counted.map_or(0, |(_, n)| *n),
            "files of src/{folder} that need each other (fewer: lower IN_CIRCLES in tests/text/layering/rooms.rs): {:#?}",
            lots.iter().map(|lot| house.arrows(lot)).collect::<Vec<_>>()
        );
    }
}

#[test]
fn what_runs_up_and_what_runs_round_is_found() {
    let file = |name: &str, text: &str| (format!("src/switch/{name}"), text.to_owned());
    let plain = [
        file("mod.rs", "pub use read::switch::Switch;\n"),
        file("model/mod.rs", "pub mod port;\npub mod tag;\n"),
        file("model/port.rs", "use super::tag;\n"),
        file("model/tag.rs", ""),
        file(
            "read/mod.rs",
            "pub mod switch;\npub mod stp;\npub use switch::Switch;\n",
        ),
        file(
            "read/switch.rs",
            "use crate::switch::model::{\n    port::{self, Oper},\n    tag as t,\n};\n",
        ),
        file(
            "read/stp.rs",
            "use super::Switch;\nfn f(x: crate::switch::model::port::Oper) {}\n",
        ),
    ];
    let with = |name: &str, text: &str| {
        let mut all = plain.to_vec();
        all.retain(|(n, _)| *n != format!("src/switch/{name}"));
        all.push(file(name, text));
        House::of(&all)
    };
    let up = |house: &House| house.upward(&["switch"], &ROOMS);
    let none = Vec::<String>::new();
    let fine = House::of(&plain);
    assert_eq!((up(&fine), fine.circles()), (none.clone(), vec![]));
    assert_eq!(fine.upward(&[], &FOLDERS), none);

    let later = with("model/tag.rs", "fn f(x: &crate::switch::read::Switch) {}\n");
    assert_eq!(up(&later), ["switch/model/tag <- switch/read/switch"]);
    let past_the_rooms = with("model/tag.rs", "use crate::switch::Switch;\n");
    assert_eq!(
        up(&past_the_rooms),
        ["switch/model/tag <- switch/read/switch"]
    );
    let round = with("read/switch.rs", "use super::{\n    stp::StpState,\n};\n");
    assert_eq!(round.circles(), [["switch/read/stp", "switch/read/switch"]]);
    let by_the_room = with("model/tag.rs", "use super::super::model::port::Oper;\n");
    assert_eq!(
        by_the_room.circles(),
        [["switch/model/port", "switch/model/tag"]]
    );
    let folder = with("model/tag.rs", "use crate::cli::Screen;\n");
    assert_eq!(folder.upward(&[], &FOLDERS), none, "there is no such file");
    let mut house = plain.to_vec();
    house.push((
        "src/cli/mod.rs".to_owned(),
        "pub struct Screen;\n".to_owned(),
    ));
    house.push(file("model/tag.rs", "use crate::cli::Screen;\n"));
    let up = House::of(&house).upward(&[], &FOLDERS);
    assert_eq!(up, ["switch/model/tag <- cli"]);
}
