"""The command line of the lab: scripts/lab up|down|exec|cut|plug|... (see --help)."""
import argparse
import json
import os
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
import run as labrun
import topology
from run import DEFAULT, LabError, Run, say


def out(value):
    print(json.dumps(value), flush=True)


def the_run(args):
    """The run that --run names; without it $STANDIN_LAB_RUN, or the only one that is up, or `lab`."""
    name = args.run or os.environ.get("STANDIN_LAB_RUN")
    if not name:
        ids = [r.id for r in labrun.all_runs() if os.path.exists(r.state_file)]
        name = ids[0] if len(ids) == 1 else DEFAULT
    return Run(name).load()


def host_name(text):
    name = topology.canonical(text)
    if name is None:
        raise LabError(f"no host '{text}' (primary, standby, gateway, switch, third, c001...)")
    return name


def cmd_up(args):
    import up
    if not 1 <= args.cameras <= topology.MAX_CAMERAS:
        raise LabError(f"--cameras: 1 to {topology.MAX_CAMERAS}")
    labrun.remove_dead()
    run = Run(labrun.random_id() if args.run == "random" else args.run or DEFAULT)
    up.up(run, args.mode, args.cameras, min(args.ffmpeg, args.cameras), args.stock_snmpd, args.owner, args.option_a)
    cmd_info(args, run)


def cmd_down(args):
    runs = labrun.all_runs() if args.all else [Run(args.run or os.environ.get("STANDIN_LAB_RUN") or DEFAULT)]
    for run in runs:
        if run.down(args.keep_logs):
            say(f"{run.id} is down")


def cmd_keep(args):
    run = the_run(args)
    with run.change() as s:
        s["owner"] = None
    say(f"{run.id} stays up until scripts/lab down --run {run.id}")


def cmd_list(_args):
    out([{"run": r.id, "dead": r.is_dead(), "mode": r.state.get("mode"), "dir": r.dir} for r in labrun.all_runs()])


def cmd_info(args, run=None):
    import info
    run = run or the_run(args)
    data = info.info(run)
    print(json.dumps(data, indent=1) if args.json else info.text(data), flush=True)


def cmd_exec(args):
    import hosts
    run = the_run(args)
    host = host_name(args.host)
    if host == "switch":
        os.environ["OVS_RUNDIR"] = run.path("sw", "ovs")
    command = args.argv[1:] if args.argv[:1] == ["--"] else args.argv
    if not command:
        raise LabError("exec: what command?")
    argv = hosts.enter_command(run, host, command)
    os.execvp(argv[0], argv)


def cmd_cut(args):
    import hosts
    out(hosts.cut(the_run(args), host_name(args.host), args.carrier_stays))


def cmd_plug(args):
    import agent
    import hosts
    run, host = the_run(args), host_name(args.host)
    hosts.plug(run, host)
    agent.resume(run, host)
    out({"host": host, "booted_us": run.load().host(host)["booted_us"]})


def cmd_signal(args):
    import hosts
    run, host = the_run(args), host_name(args.host)
    count = hosts.signal_all(run, host, signal.SIGSTOP if args.name == "freeze" else signal.SIGCONT)
    out({"host": host, "done": args.name, "processes": count})


def cmd_service(args):
    import hosts
    run, host = the_run(args), host_name(args.host)
    out(hosts.service(run, host, args.what))


def cmd_agent(args):
    import agent
    run, host = the_run(args), host_name(args.host)
    got = getattr(agent, args.what)(run, host, args)
    if got is not None:
        out(got)


def cmd_cameras(args):
    import ctl
    extra = {"full": True} if args.what == "status" and args.full else {}
    out(ctl.ask(the_run(args).path("cameras.ctl"), args.what, **extra))


def cmd_figures(args):
    import figures
    out(figures.figures(the_run(args), args.since, args.at, args.before, args.start))


def cmd_pcap(args):
    import hosts
    out(hosts.pcap(the_run(args), args.what, args.file, host_name(args.host)))


def cmd_switch(args):
    import switch_cli
    out(switch_cli.run_command(the_run(args), args))


def cmd_cable(args):
    import switch_cli
    run, host = the_run(args), host_name(args.host)
    out(switch_cli.cable(run, host, args.ifname, args.state == "up"))


def cmd_unplug_port(args):
    import switch_cli
    run, host = the_run(args), host_name(args.host)
    out([switch_cli.cable(run, host, leg.ifname, False) for leg in run.legs_of(host)])


def cmd_third(args):
    import hosts
    out(hosts.third(the_run(args), args.state == "up"))


def cmd_selftest(args):
    sys.exit(subprocess.call([sys.executable, "-B", os.path.join(labrun.HERE, "selftest.py"), "--only", args.only]))


def main():
    import options
    args = options.parse(sys.modules[__name__])
    try:
        args.call(args)
    except LabError as e:
        say(str(e))
        sys.exit(1)
    except BrokenPipeError:
        sys.exit(1)


if __name__ == "__main__":
    main()
