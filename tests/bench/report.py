# SPDX-License-Identifier: MIT
"""build/bench.json and the printed table."""
import json
import os

import machine as tools

PATH = os.path.join(tools.BUILD, "bench.json")
COLUMNS = (30, 13, 12, 12, 12, 14, 15)


def row(*cells):
    """Cells under each other: the name, then numbers or nothing."""
    first, *rest = cells
    return f"{first:{COLUMNS[0]}}" + "".join(
        f"{'' if cell is None else cell:>{width}}" for cell, width in zip(rest, COLUMNS[1:]))


def publish(capsys, figures, peers, words=("least", "median")):
    """Adds figures, name to a pair that `words` call, to the file and prints them beside the aim
    and the peers' in `peers`."""
    known = {}
    if os.path.exists(PATH):
        with open(PATH, encoding="utf-8") as file:
            known = json.load(file)
    known.update({name: dict(zip(words, pair)) for name, pair in figures.items()})
    with open(PATH, "w", encoding="utf-8") as file:
        json.dump(known, file, indent=1)
    with capsys.disabled():
        print("\n" + row("figure", *words, "aim", "seL4", "Linux"))
        for name, beside in peers.items():
            print(row(name, *figures[name], *beside))
