"""The `tools/lab` command."""
import subprocess
import sys

from . import build, machine
from .say import LabError, main_guard, say

HELP = """usage: tools/lab COMMAND

  build [--again NAME...]   build all that is missing: packages, Xen, dom0, guests (about 10 minutes the first time)
  start                     boot the outer machine (about 25 s), building first what is missing
  stop                      end it; nothing of it is kept
  status                    say whether it runs and what is built
  ssh COMMAND...            run a command in dom0 (a shell without one)
  put SOURCE DESTINATION    copy a file or directory into dom0
  get SOURCE DESTINATION    copy one out of dom0
  list [CASE...]            list the cases
  run [--device-model hvmdm|qemu] [CASE...]
                            run cases (all without names; * and ? match), starting the machine if need be
  help                      this text

Environment:
  HVMDM_CACHE          where everything built is kept (~/.cache/hvmdm)
  HVMDM_BINARY         the device model to test (build/release/hvmdm)
  HVMDM_LAB_SSH_PORT   port on 127.0.0.1 that leads to dom0's ssh (2222)
  HVMDM_LAB_VNC_PORT   first of ten ports on 127.0.0.1 that lead to dom0's VNC displays :0 to :9 (5950)
  HVMDM_LAB_MEMORY     the outer machine's memory in MiB (6144)
  HVMDM_LAB_PATIENCE   factor on every time limit (1.0; more on a busy host, by its load)

docs/lab.md tells how the lab works and how to add a case."""


def main():
    arguments = sys.argv[1:]
    command, rest = (arguments[0], arguments[1:]) if arguments else ("help", [])
    if command in ("help", "-h", "--help"):
        print(HELP)
        return 0
    handler = COMMANDS.get(command)
    if handler is None:
        raise LabError(f"unknown command {command}; `tools/lab help` lists them")
    return handler(rest) or 0


def do_build(rest):
    if rest and rest[0] != "--again":
        raise LabError("usage: tools/lab build [--again NAME...]")
    build.build(again=rest[1:])
    if machine.pid():
        say("the running machine keeps what it was started with; `tools/lab stop` and `start` bring the new")


def do_start(rest):
    machine.start()


def do_stop(rest):
    machine.stop()


def do_status(rest):
    for artefact in [*build.ALL, *build.ON_DEMAND]:
        print(f"{artefact.name:14} {artefact.directory if artefact.is_built() else 'not built'}")
    if machine.pid() is None:
        print("outer machine  not running")
        return 1
    alive = machine.answers()
    print(f"outer machine  {machine.describe()}{'' if alive else '; dom0 does not answer'}")
    return 0 if alive else 1


def do_ssh(rest):
    if machine.pid() is None:
        raise LabError("the outer machine does not run; `tools/lab start` starts it")
    command = machine.ssh_command(" ".join(rest), tty=sys.stdin.isatty() and sys.stdout.isatty())
    if not rest:
        command.pop()
    return subprocess.call(command)


def do_copy(copy, rest):
    if len(rest) != 2:
        raise LabError("put and get need a source and a destination")
    copy(*rest)


def do_list(rest):
    from . import runner
    for case in runner.select(rest or ["*"]):
        print(f"{case.name:24} {case.about}{'' if case.every_time else ' (only when it is named)'}")


def do_run(rest):
    from . import runner
    return runner.run(rest)


COMMANDS = {
    "build": do_build, "start": do_start, "stop": do_stop, "status": do_status, "ssh": do_ssh, "list": do_list,
    "run": do_run,
    "put": lambda rest: do_copy(machine.put, rest),
    "get": lambda rest: do_copy(machine.get, rest),
}

if __name__ == "__main__":
    main_guard(main)
