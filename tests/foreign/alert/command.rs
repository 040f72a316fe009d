//! `kind = "command"`: real programs.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::alert::{Site, fence_stale, kit, send};

fn sink(site: &Site, script: &str, more: &str) -> std::sync::Arc<dyn standin::alert::Sink> {
    let program = site.file("page", &format!("#!/bin/sh\n{script}\n"), 0o755);
    site.sink(&format!(
        "kind = \"command\"\nrun = [\"{}\", \"a b\", \"$(id)\"]\n{more}",
        program.display()
    ))
}

#[tokio::test]
async fn the_alert_is_json_on_its_input_and_arguments_are_no_shell_s() {
    let site = Site::new();
    let to = sink(
        &site,
        "cat > $(dirname $0)/in; echo \"$1|$2\" > $(dirname $0)/args; echo paged",
        "",
    );
    let said = send(&to, &fence_stale(), 20_000).await.unwrap();
    assert!(said.ends_with("took it: paged"), "{said}");
    assert_eq!(
        fs::read_to_string(site.path("args")).unwrap(),
        "a b|$(id)\n"
    );
    let heard = fs::read_to_string(site.path("in")).unwrap();
    let heard: Value = serde_json::from_str(&heard).unwrap();
    assert_eq!(
        (&heard["key"], &heard["do"]),
        (&"fence-stale".into(), &"Mend the way to the switch.".into())
    );
    assert!(to.check(&kit(20_000)).await.unwrap().contains("can be run"));
}

#[tokio::test]
async fn one_that_fails_hangs_does_not_read_or_is_not_there_is_said() {
    let site = Site::new();
    for (script, words) in [
        ("echo no line >&2; exit 7", "exit status: 7): no line"),
        ("sleep 60", "was not done after"),
        ("kill -9 $$", "signal: 9"),
    ] {
        let begun = Instant::now();
        let why = send(&sink(&site, script, ""), &fence_stale(), 1000)
            .await
            .unwrap_err()
            .why;
        assert!(why.contains(words), "{words}: {why}");
        assert!(begun.elapsed() < Duration::from_secs(20));
    }
    // It ends well without having read a word.
    send(&sink(&site, "exec <&-; exit 0", ""), &fence_stale(), 20_000)
        .await
        .unwrap();
    let gone = site.sink("kind = \"command\"\nrun = [\"/nowhere/page\"]");
    assert!(
        send(&gone, &fence_stale(), 1000)
            .await
            .unwrap_err()
            .why
            .contains("/nowhere/page")
    );
    assert!(gone.check(&kit(5000)).await.is_err());
    let nobody = sink(&site, "true", "user = \"nobody-at-all\"");
    let why = send(&nobody, &fence_stale(), 1000).await.unwrap_err().why;
    assert!(why.contains("no user nobody-at-all"), "{why}");
}

#[tokio::test]
async fn it_runs_as_the_user_that_is_named() {
    if !nix::unistd::Uid::effective().is_root() {
        assert!(std::env::var_os("REQUIRE_LAB").is_none(), "needs root");
        println!("SKIPPED: needs root");
        return;
    }
    let to =
        Site::new().sink("kind = \"command\"\nrun = [\"/usr/bin/id\", \"-un\"]\nuser = \"nobody\"");
    let said = send(&to, &fence_stale(), 20_000).await.unwrap();
    assert_eq!(said, "/usr/bin/id took it: nobody");
}
