"""The media server of a lab machine: nginx with its rtmp module, started inside the machine's namespaces."""
import os
import shlex

import topology

CONF = """# nginx-rtmp of the lab's {host}
load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;
worker_processes 1;
daemon on;
pid {d}/nginx.pid;
error_log {d}/nginx-error.log warn;
events {{ worker_connections 1024; }}
rtmp {{
    server {{
        listen {port};
        chunk_size 4096;
        access_log off;
        ping 30s;
        application {app} {{
            live on;
            record off;
            # A stream whose old connection died unheard may be published again after this long.
            drop_idle_publisher 5s;
        }}
    }}
}}
http {{
    access_log off;
    client_body_temp_path {d}/tmp-body; proxy_temp_path {d}/tmp-proxy;
    fastcgi_temp_path {d}/tmp-fcgi; uwsgi_temp_path {d}/tmp-uwsgi; scgi_temp_path {d}/tmp-scgi;
    server {{
        listen 127.0.0.1:8080;
        location /stat {{ rtmp_stat all; }}
    }}
}}
"""

START = """#!/bin/sh
# Starts the media server of the lab's {host}; nothing to do when it runs. Run it inside the host.
pid=$(cat {d}/nginx.pid 2>/dev/null)
if [ -n "$pid" ] && grep -qs nginx "/proc/$pid/comm"; then exit 0; fi
rm -f {d}/nginx.pid
exec nginx -c {d}/nginx.conf -e {d}/nginx-error.log
"""

STOP = """#!/bin/sh
# Stops the media server of the lab's {host} at once; nothing to do when it does not run.
pid=$(cat {d}/nginx.pid 2>/dev/null)
if [ -n "$pid" ] && grep -qs nginx "/proc/$pid/comm"; then kill -TERM "$pid"; fi
exit 0
"""


def write(run, host):
    """The configuration and the start and stop commands of one machine."""
    d = run.path(host)
    os.makedirs(d, exist_ok=True)
    with open(os.path.join(d, "nginx.conf"), "w") as f:
        f.write(CONF.format(host=host, d=d, port=topology.RTMP_PORT, app=topology.APPLICATION))
    for name, text in (("start-rtmp", START), ("stop-rtmp", STOP)):
        path = os.path.join(d, name)
        with open(path, "w") as f:
            f.write(text.format(host=host, d=shlex.quote(d)))
        os.chmod(path, 0o755)
