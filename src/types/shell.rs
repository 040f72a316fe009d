//! What is typed by hand, so that a shell takes it as it is meant.

/// As a shell takes it for one word, whatever it has.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A program and its arguments as one line; what a shell would take otherwise is quoted.
pub fn shell_line<S: AsRef<str>>(words: &[S]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
    let words = words.iter().map(|word| match word.as_ref() {
        word if !word.is_empty() && word.chars().all(plain) => word.to_owned(),
        word => quoted(word),
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_shell_takes_each_word_as_it_was() {
        let words = [
            "/bin/x", "a b", "", "it's", "$HOME", "*", "a;b", "k=v", "~", "\\",
        ];
        let script = format!("printf '%s\\n' {}", shell_line(&words));
        let said = Command::new("/bin/sh")
            .args(["-c", &script])
            .output()
            .unwrap();
        assert_eq!(
            String::from_utf8(said.stdout).unwrap(),
            words.join("\n") + "\n"
        );
        assert_eq!(shell_line(&["/bin/x", "--a=1,2", "b"]), "/bin/x --a=1,2 b");
    }
}
