"""Rows of results, and how they are printed."""
from dataclasses import dataclass
from statistics import median
from typing import List, Optional, Sequence

from .measuring import spread


@dataclass(frozen=True)
class Goal:
    """What a value should reach: at least, or at most."""

    limit: float
    at_least: bool

    def text(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.limit:g}"

    def is_reached(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit


def at_least(limit: float) -> Goal:
    return Goal(limit, True)


def at_most(limit: float) -> Goal:
    return Goal(limit, False)


@dataclass(frozen=True)
class Row:
    """One line: what was measured, and the value of it that a goal may be set for, round by round."""

    name: str
    values: Sequence[float]
    unit: str = ""
    goal: Optional[Goal] = None
    # What the values come from, such as `4.61 s against 27.1 s`.
    source: str = ""
    digits: int = 2

    @property
    def value(self) -> float:
        return median(self.values)

    def verdict(self) -> str:
        if self.goal is None:
            return ""
        return f"{self.goal.text()}: {'reached' if self.goal.is_reached(self.value) else 'NOT reached'}"

    def facts(self) -> dict:
        facts = {"name": self.name, "value": self.value, "values": list(self.values), "unit": self.unit.strip()}
        if self.source:
            facts["source"] = self.source
        if self.goal is not None:
            facts.update(goal=self.goal.text(), reached=self.goal.is_reached(self.value))
        return facts


def print_rows(title: str, rows: Sequence[Row]) -> None:
    """Prints rows as a table in Markdown."""
    cells: List[List[str]] = [[title, "value", "of", "goal"]]
    for row in rows:
        cells.append([row.name, f"{spread(row.values, row.digits)}{row.unit}", row.source, row.verdict()])
    widths = [max(len(line[column]) for line in cells) for column in range(4)]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |" for line in cells]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    print("\n".join(lines) + "\n", flush=True)
