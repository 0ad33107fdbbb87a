# SPDX-License-Identifier: MIT
"""What campaigns of kills have come to: one record for each machine, and tables of many."""
import collections
import re

from harness.injector import SERVICES

RESULTS = ["visible error", "hang", "silent corruption", "system down"]
OPERATOR = "`kill` command"


def kind(kill):
    """What was done, for the table."""
    if kill.inside:
        return "ordered in a commit or copy"
    if kill.phase == "start" or kill.phase == "interrupt":
        return "while it started"
    if kill.phase.endswith("system call"):
        return "ordered in another system call"
    return "at the commit" if kill.phase.endswith("commit") else "in a turn"


def result(complaints):
    """Which of RESULTS a machine's complaints amount to, by the first that came."""
    first = complaints[0] if complaints else ""
    if first.startswith("the machine") or "the machine ended" in first:
        return "system down"
    if re.search(r"hangs|timed out|TimeoutError|no prompt|pings without", first):
        return "hang"
    if re.search(r"instead of|typed|another page|asked|check_", first):
        return "silent corruption"
    return "visible error"


def record(campaign, **more):
    """A machine's record, for JSON."""
    kills = campaign.injector.kills
    rows = collections.Counter((kill.service, kill.phase, kill.taken, kill.inside, kind(kill))
                               for kill in kills)
    return {"seed": campaign.seed, "kills": [[*key, count] for key, count in rows.items()],
            "operator": sum(campaign.ordered.values()), "effect": campaign.effect,
            "done": campaign.done, "complaints": campaign.complaints,
            "result": result(campaign.complaints) if campaign.complaints else "",
            "last": kind(kills[-1]) if kills else OPERATOR, "last_kills": [str(k) for k in kills[-6:]],
            **more}


def share(count, total):
    """A count with its share."""
    return f"{count:,} ({100 * count / max(1, total):.1f} %)"


def summary(records):
    """Tables of all machines' records, as lines of Markdown."""
    rows = [row for record in records for row in record["kills"]]
    total = sum(row[-1] for row in rows)
    operator = sum(record["operator"] for record in records)
    by_kind, bad = collections.Counter({OPERATOR: operator}), collections.Counter()
    for row in rows:
        by_kind[row[4]] += row[-1]
    for record in records:
        if record["result"]:
            bad[record["last"], record["result"]] += 1
    lines = ["| kind of kill | kills | transparent | " + " | ".join(RESULTS) + " |",
             "| --- | --- | --- |" + " --- |" * len(RESULTS)]
    for name, count in [*by_kind.most_common(), ("all", total + operator)]:
        wrong = [sum(n for (last, which), n in bad.items()
                     if which == result_name and name in (last, "all")) for result_name in RESULTS]
        lines.append(f"| {name} | {count:,} | {count - sum(wrong):,} | "
                     + " | ".join(map(str, wrong)) + " |")
    effect = [record for record in records if record["effect"] is not None]
    asked = sum(row[-1] for record in effect for row in record["kills"]) \
        + sum(record["operator"] for record in effect)
    seconds = sum(record["seconds"] for record in records)
    lines += ["", f"{len(records)} machines, {total + operator:,} kills, "
              f"{(total + operator) / max(1, seconds):.1f} a second; "
              f"{sum(bad.values())} machines with a complaint. In the {len(effect)} machines that could be asked "
              f"at the end, {sum(r['effect'] for r in effect):,} deaths for {asked:,} kills (one can come "
              "before the server has met another). Of those by the debugger, with a call TAKEN: "
              f"{share(sum(row[-1] for row in rows if row[2]), total)}; ordered in a commit or copy: "
              f"{share(sum(row[-1] for row in rows if row[3]), total)}.", ""]
    return lines + histogram(rows)


def histogram(rows):
    """Services by phases."""
    counts = collections.Counter()
    for service, phase, _, _, _, count in rows:
        counts[service, phase] += count
        counts[service, ""] += count
        counts["all", phase] += count
    phases = sorted({phase for _, phase in counts if phase})
    lines = ["| killed in | " + " | ".join([*SERVICES, "all"]) + " |",
             "| --- |" + " --- |" * (len(SERVICES) + 1)]
    lines += [f"| {phase} | "
              + " | ".join(str(counts[name, phase]) for name in [*SERVICES, "all"]) + " |"
              for phase in phases]
    total = [counts[name, ""] for name in SERVICES]
    return lines + ["| all | " + " | ".join(map(str, [*total, sum(total)])) + " |"]
