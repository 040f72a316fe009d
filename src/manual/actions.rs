//! What to do about an alarm or a state: the last cell of its row in `standin help operate`, so that what an alert says and
//! what the page says is one text.

/// The page.
const PAGE: &str = include_str!("operate.md");
/// What stands for a name in a key of that page.
const NAME: &str = "NAME";

/// What to do about the alarm of this key; `None`: the page has no such row. A name that is part of the key stands in it.
pub fn of_alarm(key: &str) -> Option<String> {
    let (row, to_do) = rows("Alarm").find(|(row, _)| is_key(row, key))?;
    let name = row
        .strip_suffix(NAME)
        .and_then(|begin| key.strip_prefix(begin));
    Some(match name {
        Some(name) => to_do
            .replace(
                "standin alert test NAME",
                &format!("standin alert test {name}"),
            )
            .replace("[peer.NAME]", &format!("[peer.{name}]")),
        None => to_do.to_owned(),
    })
}

/// What to do in a state, as `status` prints it (`taking fence`).
pub fn of_state(label: &str) -> Option<&'static str> {
    let label = label.to_uppercase();
    let word = label.split(' ').next().unwrap_or_default();
    let whole = rows("State").find(|(row, _)| row.to_uppercase() == label);
    let any = || {
        rows("State")
            .filter(|(row, _)| row.split(' ').next() == Some(word))
            .last()
    };
    whole.or_else(any).map(|(_, to_do)| to_do)
}

fn is_key(row: &str, key: &str) -> bool {
    match row.strip_suffix(NAME) {
        Some(begin) => key.strip_prefix(begin).is_some_and(|name| !name.is_empty()),
        None => row == key,
    }
}

/// Key and last cell of the rows of the tables whose first head is `head`.
fn rows(head: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let mut inside = false;
    PAGE.lines().filter_map(move |line| {
        let Some(cells) = line.strip_prefix("| ").and_then(|l| l.strip_suffix(" |")) else {
            inside = false;
            return None;
        };
        let mut cells = cells.split(" | ");
        let first = cells.next()?;
        inside |= first == head;
        let key = first.split('`').nth(1).filter(|_| inside)?;
        Some((key, cells.last()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_row_of_a_key_and_of_a_state_is_found() {
        for (key, begin) in [
            ("fence-stale", "Mend the way to the switch."),
            ("step:command:twin", "Mend what the text says. It is tried"),
            ("interface eth0", "Bring it back under this name"),
            ("dropped-cctv", "Put `[peer.cctv]` back"),
            ("alert-sink:night", "`standin alert test night` says"),
        ] {
            let found = of_alarm(key).unwrap_or_else(|| panic!("{key}"));
            assert!(found.starts_with(begin), "{key}: {found}");
        }
        assert_eq!(of_alarm("step:"), None);
        assert_eq!(of_alarm("ACTIVE"), None, "a state is no alarm");
        for (label, begin) in [
            ("active", "Repair the other machine"),
            ("taking fence", "Mend that."),
            ("taking claim", "Wait. If it stays"),
            ("halted", "Read `standin report`"),
        ] {
            let found = of_state(label).unwrap_or_else(|| panic!("{label}"));
            assert!(found.starts_with(begin), "{label}: {found}");
        }
    }
}
