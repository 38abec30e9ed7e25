"""Entry point: ``python -m benchmarks.changepoints [--quick] [--data FOLDER] [--each]``."""

import argparse
import sys

from auditor.errors import InputError
from benchmarks.changepoints import commands
from benchmarks.changepoints.datasets import load_tcpd, shared_data


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.changepoints", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repeats (minutes become seconds)")
    parser.add_argument("--data", help="folder that contains data/ (default: AUDIT_SHARED_DATA, else ../shared)")
    parser.add_argument("--each", action="store_true", help="scores and breaks of each annotated series")
    options = parser.parse_args()
    try:
        commands.print_annotated(load_tcpd(shared_data(options.data)), each=options.each)
    except InputError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    commands.print_false_alarms(40 if options.quick else 200)
    commands.print_hits(20 if options.quick else 100)
    commands.print_synthetic(60 if options.quick else 300)
    commands.print_cost()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
