"""Speed and error rates of the screen: ``python -m benchmarks.screen [--quick]``."""

import argparse

from benchmarks.screen import accuracy, speed


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.screen", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer series and repeats")
    quick = parser.parse_args().quick
    accuracy.print_accuracy(400 if quick else 2000, 4 if quick else 30)
    accuracy.print_outliers(400 if quick else 2000)
    speed.print_speed(768 if quick else 3072, 2 if quick else 12, 3 if quick else 5)
    speed.print_wall(3072 if quick else 12_288)
    speed.print_growth(384 if quick else 768, 3)
    speed.print_blocks(384 if quick else 1024, 1 if quick else 3)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
