"""keepalived at its defaults on both machines, for comparison: same lab, same VIP, no standin."""
import os

import hosts
import topology

CONF = """! keepalived of the lab's {host}; everything not given here is its default
global_defs {{
    router_id {host}
}}
vrrp_instance cctv {{
    interface eth0
    state BACKUP
    virtual_router_id 51
    priority {priority}
    virtual_ipaddress {{
        {vip}/24 dev eth0
    }}
}}
"""


def start(run, host):
    d = run.path(host)
    conf = os.path.join(d, "keepalived.conf")
    with open(conf, "w") as f:
        f.write(CONF.format(host=host, priority=150 if host == "primary" else 100, vip=topology.VIP))
    hosts.spawn_on(run, host, ["keepalived", "--dont-fork", "--log-console", "--vrrp", f"--use-file={conf}",
                               "--pid=/run/keepalived.pid", "--vrrp_pid=/run/vrrp.pid"],
                   run.path(f"{host}-keepalived.log"))
