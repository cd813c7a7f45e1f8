# SPDX-License-Identifier: MIT
#
# Rule: what a rule is, and the list of all of them.
#
# A rule is a function from a Source to its breaches, (line, what is wrong), with the answer to
# "what instead" and two examples: a text it must object to and one it must leave alone. Examples
# are not decoration: tidy.py --self-test fails on a rule that does not catch its own.
from dataclasses import dataclass, field
from typing import Callable


@dataclass(frozen=True)
class Rule:
    name: str
    instead: str
    applies: Callable
    check: Callable
    bad: list = field(default_factory=list)   # [(path, text)], each to be objected to.
    good: list = field(default_factory=list)  # [(path, text)], none to be objected to.


RULES = []


def rule(name, instead, applies, bad, good):
    """Declares the decorated function as the check of a rule."""
    def declare(check):
        RULES.append(Rule(name, instead, applies, check, bad, good))
        return check
    return declare


def cpp(source):
    return source.is_cpp


def header(source):
    return source.is_header


def library(source):
    return source.in_library


def everything(source):
    return True
