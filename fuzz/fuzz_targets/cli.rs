//! Any bytes as what a switch's command line sends: shown, recognised, judged, read.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use standin::switch::model::mac_format::parse_mac;
use standin::switch::profile::ssh::rules::CliRules;
use standin::switch::ssh::screen::Screen;
use standin::switch::ssh::{show, text, vlan_list};

static RULES: LazyLock<CliRules> = LazyLock::new(|| {
    let raw = toml::from_str(
        r#"
        channel = "shell"
        pager = [{ see = '--More--', key = " " }]
        login = [{ see = 'Password:', secret = "password" }]
        refuse = ['^% ']
        allow = ['does not exist']
        noise = ['^%\S+-\d-\S+:']
        busy = ['locked']
        [mode.exec]
        prompt = '^[\w.\-@/:]{1,63}[>#]\s*$'
        prompt_not = '\(tcl\)'
        [show.row]
        send = "x"
        row = '^(?<port>\S+)\s+(?<mac>\S+)'
        [show.json]
        send = "x"
        json = { list = "/*", port = "*", tagged = "/vlans/*" }
        "#,
    )
    .expect("it is TOML");
    CliRules::compile(&raw).expect("it compiles")
});

fuzz_target!(|data: &[u8]| {
    let rules = &*RULES;
    let mut screen = Screen::default();
    let mut prompts = text::Prompts::default();
    let asks: Vec<_> = rules.login.iter().collect();
    let mut mark = 0;
    for part in data.chunks(1 + data.first().map_or(0, |b| usize::from(b & 31))) {
        screen.push(part);
        match text::end(&screen.tail(mark, 256), rules, &asks, &prompts, &["exec"]) {
            Some(text::End::Prompt { text: prompt, .. }) => {
                let shown = screen.text();
                let out = text::output(&shown, "show x", &prompt, &rules.noise, &prompts);
                text::judge(&out, rules);
                prompts.learn(&prompt);
            }
            Some(text::End::Pager { at, .. }) => screen.drop_line(at),
            Some(text::End::Question { .. }) => mark = screen.settle(),
            None => {}
        }
    }
    let shown = screen.text();
    for one in rules.shows.values() {
        // Text that is no JSON is an error, as it should be.
        let _ = show::parse(one, &shown);
    }
    vlan_list(&shown);
    parse_mac(&shown);
});
