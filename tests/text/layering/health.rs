//! The room of health checks: who may know whom.

use super::{code, crate_paths, files, starts_with_module};

/// As with steps: one file a kind, which knows neither the daemon nor another kind. What two kinds have in common with steps
/// (programs of the site, compose) is that of steps.
#[test]
fn a_health_check_knows_neither_the_daemon_nor_another_check() {
    let shared = ["HealthCheck", "Kind", "Kit", "Looked", "target"];
    for (name, text) in files("src/health") {
        for (n, line) in code(&text) {
            for path in crate_paths(line) {
                let above = [
                    "daemon", "cli", "report", "net", "switch", "verify", "takeover",
                ];
                let stranger = above.iter().find(|m| starts_with_module(path, m));
                assert!(stranger.is_none(), "{name}:{n}: a check knows {stranger:?}");
            }
            let used = line.trim().strip_prefix("use super::");
            let used = used.filter(|_| name != "src/health/mod.rs");
            for word in used
                .into_iter()
                .flat_map(|u| u.split(|c: char| !c.is_alphanumeric() && c != '_'))
            {
                let known = word.is_empty() || shared.contains(&word);
                assert!(known, "{name}:{n}: a check knows {word}");
            }
        }
    }
}

/// What decides where a redirect points is pure, as the core is.
#[test]
fn a_redirect_imports_only_std_serde_types_and_how_a_service_is() {
    for (name, text) in files("src/redirect") {
        for (n, line) in code(&text) {
            for path in crate_paths(line) {
                let fine = ["types", "redirect", "health::Condition"];
                let fine = fine.iter().any(|m| starts_with_module(path, m));
                assert!(fine, "{name}:{n}: {line}");
            }
            for word in [
                "Instant",
                "SystemTime",
                "tokio",
                "tracing",
                "std::fs",
                "std::net",
                "rand::",
            ] {
                assert!(
                    !line.contains(word),
                    "{name}:{n}: {word} is no business of a decision"
                );
            }
        }
    }
}
