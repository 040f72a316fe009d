//! `kind = "syslog"`: a real rsyslogd, over UDP and TCP.

use std::fs;
use std::time::{Duration, Instant};

use crate::alert::{Site, fence_read_again, fence_stale, program, send};
use crate::endpoint_support::{place, programs};

#[tokio::test]
async fn rsyslogd_reads_both_carriers_and_every_field() {
    let Some([rsyslogd]) = programs(["rsyslogd"], "rsyslog") else {
        return;
    };
    let site = Site::new();
    let at = place();
    let out = site.path("out");
    let conf = format!(
        "module(load=\"imudp\")\nmodule(load=\"imtcp\")\n\
         template(name=\"t\" type=\"string\" string=\"%pri-text%|%timereported:::date-rfc3339%|%hostname%|%app-name%|%msgid%|%structured-data%|%msg%\\n\")\n\
         input(type=\"imudp\" address=\"127.0.0.1\" port=\"{p}\" ruleset=\"r\")\ninput(type=\"imtcp\" address=\"127.0.0.1\" port=\"{p}\" ruleset=\"r\")\n\
         ruleset(name=\"r\") {{ action(type=\"omfile\" file=\"{}\" template=\"t\") }}\n",
        out.display(),
        p = at.port()
    );
    let conf = site.file("conf", &conf, 0o600);
    let pid = site.path("pid");
    let arguments = [
        "-n",
        "-f",
        &conf.display().to_string(),
        "-i",
        &pid.display().to_string(),
    ];
    let _server = program::start(&rsyslogd, &arguments, site.0.path());
    program::listens(at, site.0.path()).await;
    let mut long = fence_stale();
    long.text = format!("{} \"quoted\" ]\nnext line", "x".repeat(1500));
    let mut lines: Vec<String> = Vec::new();
    for carrier in ["udp", "tcp"] {
        let sink = site.sink(&format!(
            "kind = \"syslog\"\nserver = \"127.0.0.1\"\nport = {}\ntransport = \"{carrier}\"\nfacility = \"local3\"",
            at.port()
        ));
        for bulletin in [fence_stale(), fence_read_again(), long.clone()] {
            send(&sink, &bulletin, 5000).await.unwrap();
            // It has several threads: what is sent before the one before is written may overtake it.
            let begun = Instant::now();
            let had = lines.len();
            while lines.len() == had {
                let text = fs::read_to_string(&out).unwrap_or_default();
                // The last one may be half written.
                let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
                lines = whole.lines().map(str::to_owned).collect();
                let log = fs::read_to_string(site.path("log")).unwrap();
                assert!(begun.elapsed() < Duration::from_secs(20), "{text} {log}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
    assert_eq!(lines.len(), 6, "{lines:?}");
    let plain = |line: &String| {
        let mut cells: Vec<String> = line.splitn(7, '|').map(str::to_owned).collect();
        // When it was sent.
        cells.remove(1);
        cells
    };
    for (udp, tcp) in lines[..3].iter().zip(&lines[3..]) {
        assert_eq!(plain(udp), plain(tcp));
    }
    let cells = plain(&lines[0]);
    assert_eq!(
        cells[..4],
        ["local3.crit", "spare", "standin", "fence-stale"]
    );
    for value in [
        "[standin@32473 ",
        "status=\"firing\"",
        "peer=\"cctv\"",
        "level=\"critical\"",
        "count=\"3\"",
        "do=\"Mend the way to the switch.\"",
    ] {
        assert!(cells[4].contains(value), "{value}: {}", cells[4]);
    }
    assert_eq!(cells[5].trim_start_matches('\u{feff}'), fence_stale().text);
    assert!(
        plain(&lines[1])[0] == "local3.notice" && lines[1].contains("until="),
        "{}",
        lines[1]
    );
    assert!(lines[2].ends_with("\"quoted\" ] next line"), "{}", lines[2]);
}

#[tokio::test]
async fn one_who_is_not_there_is_said() {
    let site = Site::new();
    let nobody = place();
    for carrier in ["udp", "tcp"] {
        let sink = site.sink(&format!(
            "kind = \"syslog\"\nserver = \"127.0.0.1\"\nport = {}\ntransport = \"{carrier}\"",
            nobody.port()
        ));
        let why = send(&sink, &fence_stale(), 2000).await.unwrap_err().why;
        assert!(
            why.contains("refused") && why.contains("does the syslog server run"),
            "{carrier}: {why}"
        );
    }
    // Takes the connection and reads nothing.
    let hangs = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = hangs.local_addr().unwrap().port();
    let sink = site.sink(&format!(
        "kind = \"syslog\"\nserver = \"127.0.0.1\"\nport = {port}\ntransport = \"tcp\""
    ));
    let begun = Instant::now();
    let _ = send(&sink, &fence_stale(), 2000).await;
    assert!(begun.elapsed() < Duration::from_secs(5));
}
