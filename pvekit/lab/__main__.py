"""`pvekit-lab`: a simulated Proxmox VE site to try and test pvekit on."""

from __future__ import annotations

import os
import sys

from pvekit.lab.cli import execute
from pvekit.lab.home import LabError


def main() -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 usage; `run` exits as its command did."""
    try:
        outcome = execute(sys.argv[1:], os.environ)
        if outcome.text:
            print(outcome.text, flush=True)
        status = outcome.status
    except LabError as error:
        print(f"pvekit-lab: {error}", file=sys.stderr)
        status = error.status
    except KeyboardInterrupt:
        status = 130
    except BrokenPipeError:  # `pvekit-lab log | head`: nothing more to say, and no way to say it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    sys.exit(status)


if __name__ == "__main__":
    main()
