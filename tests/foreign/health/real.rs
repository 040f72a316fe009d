//! Checks against real servers: a docker daemon with compose, nginx with RTMP, and gst-rtsp-server.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::endpoint_support::{Server, place, programs};
use crate::health::{Is, Site, is};
use crate::step_compose::docker::docker;

const LONG: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_compose_project_is_looked_at_and_left_alone() {
    let Some(docker) = docker() else { return };
    let sleeps = "command: [sleep, '1000']";
    let ill = "command: [sleep, '1000'], healthcheck: {test: [CMD, 'false'], interval: 200ms, retries: 1}";
    let folder = docker.project("cctv", &[&format!("web: {sleeps}"), &format!("db: {ill}")]);
    let site = Site::default();
    let keys = |more: &str| {
        let environment = docker.environment();
        format!(
            "directory = \"{}\"\nenvironment = [{environment}]\ninterval = \"60s\"\ntimeout = \"20s\"\n{more}",
            folder.display()
        )
    };
    let look = async |more: &str| site.look("compose", &keys(more), LONG).await.0;
    is(
        &look("").await,
        Is::Bad("web has no container"),
        "compose: nothing is up",
    );
    assert!(docker.running().is_empty(), "a look has started something");
    let up = Command::new("/usr/bin/docker-compose")
        .args(["up", "-d"])
        .current_dir(&folder)
        .env(
            "DOCKER_HOST",
            docker
                .environment()
                .split('"')
                .nth(1)
                .unwrap()
                .trim_start_matches("DOCKER_HOST="),
        )
        .output()
        .unwrap();
    assert!(up.status.success(), "{up:?}");
    let begun = Instant::now();
    loop {
        let looked = look("services = [\"web\"]").await;
        if matches!(looked, standin::health::Looked::Good(_)) || begun.elapsed() > LONG {
            is(&looked, Is::Good("web runs"), "compose: one service runs");
            break;
        }
    }
    is(
        &look("").await,
        Is::Bad("db runs, and"),
        "compose: its own health check fails",
    );
    assert!(docker.run(&["ps", "-q"]).status.success());
    is(
        &look("services = [\"webb\"]").await,
        Is::Bad("no service webb"),
        "compose: a service that is not in the file",
    );
    docker.clear();
    is(
        &look("").await,
        Is::Bad("has no container"),
        "compose: taken down",
    );
}

/// The module of nginx-rtmp, and a page beside it.
#[tokio::test]
async fn nginx_serves_rtmp_and_a_page_until_it_is_killed() {
    let Some([nginx]) = programs(["nginx"], "nginx-light, libnginx-mod-rtmp") else {
        return;
    };
    let module = "/usr/lib/nginx/modules/ngx_rtmp_module.so";
    if fs::metadata(module).is_err() {
        assert!(
            std::env::var_os("REQUIRE_LAB").is_none_or(|v| v != "1"),
            "not installed: libnginx-mod-rtmp"
        );
        println!("SKIPPED: libnginx-mod-rtmp is not installed");
        return;
    }
    let site = Site::default();
    let dir = site.path("");
    let d = dir.display().to_string().trim_end_matches('/').to_owned();
    let (rtmp, http) = (place(), place());
    let conf = format!(
        "load_module {module}; daemon off; master_process off; pid {d}/pid; error_log {d}/error.log;\nevents {{ }}\n\
         rtmp {{ server {{ listen {rtmp}; application live {{ live on; }} }} }}\n\
         http {{ access_log off; client_body_temp_path {d}/b; proxy_temp_path {d}/p; fastcgi_temp_path {d}/f; \
         uwsgi_temp_path {d}/u; scgi_temp_path {d}/s; server {{ listen {http}; location / {{ return 200 'fine'; }} }} }}\n"
    );
    fs::write(dir.join("nginx.conf"), conf).unwrap();
    let mut command = Command::new(nginx);
    command.args(["-c", &format!("{d}/nginx.conf"), "-p", &d]);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let server = Server(command.spawn().unwrap());
    let begun = Instant::now();
    while tokio::net::TcpStream::connect(http).await.is_err() {
        assert!(begun.elapsed() < LONG);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (r, h) = (
        format!("at = \"{rtmp}\""),
        format!("url = \"http://{http}/\"\nbody-matches = \"^fine$\""),
    );
    let within = Duration::from_secs(2);
    is(
        &site.look("rtmp", &r, within).await.0,
        Is::Good("completes a handshake"),
        "nginx-rtmp: is well",
    );
    is(
        &site.look("http", &h, within).await.0,
        Is::Good("answers 200, with the body"),
        "nginx: is well",
    );
    let stop = nix::unistd::Pid::from_raw(server.0.id() as i32);
    nix::sys::signal::kill(stop, nix::sys::signal::Signal::SIGSTOP).unwrap();
    is(
        &site.look("rtmp", &r, within).await.0,
        Is::Bad("its media server hangs"),
        "nginx-rtmp: stopped",
    );
    is(
        &site.look("http", &h, within).await.0,
        Is::Bad("waiting for its answer took longer"),
        "nginx: stopped",
    );
    drop(server);
    is(
        &site.look("rtmp", &r, within).await.0,
        Is::Bad("refused"),
        "nginx-rtmp: killed",
    );
    is(
        &site.look("http", &h, within).await.0,
        Is::Bad("refused"),
        "nginx: killed",
    );
}

const RTSP_SERVER: &str = "
import sys, gi
gi.require_version('Gst', '1.0'); gi.require_version('GstRtspServer', '1.0')
from gi.repository import Gst, GstRtspServer, GLib
Gst.init(None)
s = GstRtspServer.RTSPServer(); s.set_address('127.0.0.1'); s.set_service(sys.argv[1])
f = GstRtspServer.RTSPMediaFactory(); f.set_launch('( videotestsrc ! rtpvrawpay name=pay0 )')
s.get_mount_points().add_factory('/live', f)
s.attach(None); GLib.MainLoop().run()
";

#[tokio::test]
async fn a_streaming_server_answers_options() {
    let python = "/usr/bin/python3";
    let there = Command::new(python)
        .args([
            "-c",
            "import gi; gi.require_version('GstRtspServer', '1.0')",
        ])
        .stderr(Stdio::null())
        .status();
    if !there.is_ok_and(|s| s.success()) {
        assert!(
            std::env::var_os("REQUIRE_LAB").is_none_or(|v| v != "1"),
            "not installed: gir1.2-gst-rtsp-server-1.0 (scripts/lib-install.sh servers)"
        );
        println!(
            "SKIPPED: gir1.2-gst-rtsp-server-1.0 is not installed (scripts/lib-install.sh servers)"
        );
        return;
    }
    let site = Site::default();
    let at = place();
    let child = Command::new(python)
        .args(["-c", RTSP_SERVER, &at.port().to_string()])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let server = Server(child);
    let begun = Instant::now();
    while tokio::net::TcpStream::connect(at).await.is_err() {
        assert!(begun.elapsed() < LONG);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let keys = format!("at = \"{at}\"\npath = \"/live\"");
    let within = Duration::from_secs(2);
    is(
        &site.look("rtsp", &keys, within).await.0,
        Is::Good("answers OPTIONS"),
        "gst-rtsp-server: is well",
    );
    let stop = nix::unistd::Pid::from_raw(server.0.id() as i32);
    nix::sys::signal::kill(stop, nix::sys::signal::Signal::SIGSTOP).unwrap();
    is(
        &site.look("rtsp", &keys, within).await.0,
        Is::Bad("its server hangs"),
        "gst-rtsp-server: stopped",
    );
    drop(server);
    is(
        &site.look("rtsp", &keys, within).await.0,
        Is::Bad("refuses the connection"),
        "gst-rtsp-server: killed",
    );
}
