"""One gate taken away: a function that answers at once, or words of its code replaced."""

import ast
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class NoSuchGateError(Exception):
    """The code that a mutation names is not there (any more), or is there several times."""


@dataclass(frozen=True)
class Mutation:
    """``what``: the gate that is gone, and how. ``tests``: those that are likely to see it."""

    gate: str
    what: str
    file: str
    tests: tuple[str, ...]
    function: str = ""  # "name" or "Class.name"
    answer: str = ""  # the expression that it returns at once
    old: str = ""  # stands exactly once in the file
    new: str = ""

    def applied(self, text: str) -> str:
        """The file without the gate. Raises NoSuchGateError."""
        if not self.function:
            if text.count(self.old) != 1:
                raise NoSuchGateError(
                    f"{self.file}: {text.count(self.old)} times, not once: {self.old!r}"
                )
            return text.replace(self.old, self.new)
        lines = text.splitlines(keepends=True)
        body = _body(text, self.function, self.file)
        first = body[0]
        if _is_docstring(first) and len(body) > 1:
            first = body[1]
        indent = " " * first.col_offset
        lines.insert(first.lineno - 1, f"{indent}return {self.answer}\n")
        return "".join(lines)


def returns(
    gate: str, file: str, function: str, answer: str, *tests: str, what: str = ""
) -> Mutation:
    """The function answers at once."""
    told = what or f"{function} answers {answer}"
    return Mutation(gate, told, f"engine/{file}", tests, function=function, answer=answer)


def replaced(gate: str, what: str, file: str, old: str, new: str, *tests: str) -> Mutation:
    """Words of the code are others."""
    return Mutation(gate, what, f"engine/{file}", tests, old=old, new=new)


def _body(text: str, name: str, file: str) -> list[ast.stmt]:
    scope: list[ast.stmt] = ast.parse(text).body
    for part in name.split("."):
        found = [
            one
            for one in scope
            if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            and one.name == part
        ]
        if len(found) != 1:
            raise NoSuchGateError(f"{file}: {len(found)} times, not once: {name}")
        scope = found[0].body
    return scope


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
