"""A result as people read it and as programs do, and where it is kept. Knows nothing of how it was measured."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from runs import NOISE_MAX, Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Everything one call of the benchmark found."""

    plan: str
    durability: str
    machine: Mapping[str, str]
    """With the version of everything that was measured."""
    runs: Sequence[Run]
    memory: Mapping[str, Mapping[str, Mapping[str, float]]]
    """By part and peer."""
    problems: Sequence[str]
    remarks: Sequence[str]
    """Who was left out and why, and what went wrong with gateways that are not ours."""
    minutes: Mapping[str, float]
    """By part, with starting and checking everything."""
    table: str

    def markdown(self) -> str:
        """Return the tables, then parity, doubts and remarks, and what it was measured on."""
        facts = [f"- {name}: {value}" for name, value in self.machine.items()]
        parts = ", ".join(f"{name} {minutes:.1f}" for name, minutes in self.minutes.items())
        took = f"- took: {sum(self.minutes.values()):.1f} minutes ({parts})"
        said = [self.parity(), *self.noise(), *self.failures(), *(f"- {remark}" for remark in self.remarks)]
        return "\n".join([self.table, "", *said, "", *facts, took])

    def parity(self) -> str:
        """Return one sentence on ledger and answers."""
        compared = [run for run in self.runs if run.parity is not None]
        if not compared:
            return "Parity: no gateway with a ledger was measured."
        if self.problems:
            return "Parity: FAILED, see below."
        return (
            f"Parity: after each of {len(compared)} runs the completed ledger lines matched the 200 answers, and their sum"
            " was exact to the nano-dollar; `tollway ledger check` is clean, the balance is exact, nothing is held."
        )

    def noise(self) -> list[str]:
        """Return a warning when somebody else was at work on the cores."""
        noisy = [run for run in self.runs if run.figures["noise"] > NOISE_MAX]
        if not noisy:
            return []
        worst = max(run.figures["noise"] for run in noisy)
        share = f"others took more than {NOISE_MAX:.0%} of a core (up to {worst:.0%})"
        return [f"Noise: in {len(noisy)} of {len(self.runs)} runs {share}: figures of this result are doubtful."]

    def failures(self) -> list[str]:
        """Return every problem as a list item."""
        return ["", *(f"- FAILED {problem}" for problem in self.problems)] if self.problems else []


def revision(root: Path) -> str:
    """Return the short commit that was measured, with a plus when the tree has changes; empty outside a checkout."""
    described = subprocess.run(
        ["git", "-C", str(root), "describe", "--always", "--dirty=+"], capture_output=True, text=True, check=False
    )
    return described.stdout.strip()


def save(result: Result, folder: Path) -> str:
    """Write the result as markdown and JSON and return the name of the two, without ending."""
    now = datetime.now(UTC)
    folder.mkdir(exist_ok=True)
    name = f"{now:%Y-%m-%d-%H%M}-{result.plan}"
    commit = revision(folder)
    title = f"# Benchmark of {now:%Y-%m-%d} ({result.plan} plan, durability {result.durability}, commit {commit})"
    (folder / f"{name}.md").write_text(f"{title}\n\n{result.markdown()}\n")
    record = {"date": now.isoformat(timespec="seconds"), "commit": commit, **asdict(result)}
    del record["table"], record["runs"]
    runs = ",\n".join(json.dumps(rounded(run), ensure_ascii=False) for run in result.runs)
    head = json.dumps(record, indent=1, ensure_ascii=False).removesuffix("\n}")
    (folder / f"{name}.json").write_text(f'{head},\n "runs": [\n{runs}\n]}}\n')
    return name


def rounded(run: Run) -> dict[str, object]:
    """Return a run with figures of as many digits as mean anything: thousandths."""
    return {**asdict(run), "figures": {figure: round(value, 3) for figure, value in run.figures.items()}}
