"""The parser of the command line: a wrong option is one sentence, as every mistake is."""

from __future__ import annotations

import argparse
import re
from typing import Any, NoReturn

from strata.declare.near import meant
from strata.errors import UsageError

_KINDS = {"int": "a whole number", "float": "a number"}
_VALUE = re.compile(r"argument (?P<name>.+?): invalid (?P<kind>\w+) value: (?P<value>.+)", re.S)
_CHOICE = re.compile(
    r"argument (?P<name>.+?): invalid choice: (?P<value>.+?) \(choose from (?P<choices>.+)\)", re.S
)
_COUNT = re.compile(r"argument (?P<name>.+?): expected (?P<count>.+)", re.S)
_UNKNOWN = "unrecognized arguments: "
_LACKING = "the following arguments are required: "


class Parser(argparse.ArgumentParser):
    """argparse's parser, which raises UsageError where that one prints its usage and exits."""

    def error(self, message: str) -> NoReturn:
        """UsageError: the rule, what was found, and what to do."""
        raise UsageError(f"{self._worded(message)}; `{self.prog} --help` lists what it takes")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """As argparse's; a command without commands of its own takes nothing that it does not know:
        left to the parser above it, the options of the command would be unknown.
        """
        found, rest = super().parse_known_args(args, namespace)
        if rest and self._subparsers is None:
            self.error(_UNKNOWN + " ".join(rest))
        return found, rest

    def _worded(self, message: str) -> str:
        if found := _VALUE.fullmatch(message):
            kind = _KINDS.get(found["kind"], f"of the kind {found['kind']}")
            return f"{found['name']} must be {kind}; got {found['value']}"
        if found := _CHOICE.fullmatch(message):
            choices = [choice.strip(" '") for choice in found["choices"].split(",")]
            told, name = found["value"].strip("'"), found["name"].split("/")[-1]
            name = "a command" if name == "COMMAND" else name
            return f"{name} is one of {', '.join(choices)}; got '{told}'{_near(told, choices)}"
        if message.startswith(_UNKNOWN):
            first = message[len(_UNKNOWN) :].split()[0]
            near = _near(first.split("=")[0], list(self._option_string_actions))
            return f"an option or argument must be known; got {first}{near}"
        if found := _COUNT.fullmatch(message):
            return f"{found['name']} takes {found['count'].replace('argument', 'value')}"
        if message.startswith(_LACKING):
            return f"{message[len(_LACKING) :]} must be told"
        return message


def _near(told: str, known: list[str]) -> str:
    return "".join(f"; perhaps {name}" for name in meant(told, known, most=1))
