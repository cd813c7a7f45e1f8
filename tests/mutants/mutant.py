# SPDX-License-Identifier: MIT
"""What a mutant is: one fault, put into one file of tocsin/vkern by replacing one passage.

The faults are kept here as text and not as switches in the code: the code stays readable, a release
cannot contain one, and a passage that was rewritten is noticed, because it is no longer found.
"""
from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    name: str    # A word for the table: what is wrong now.
    rule: str    # What it breaks, in the words of the documentation.
    file: str    # Below tocsin/vkern/; a .cpp, so that one file is compiled anew.
    before: str  # A passage that occurs once.
    after: str


class Unfit(Exception):
    """The passage is not there, or there more than once: the list has to follow the code."""


def apply(mutant, text):
    """The text of the file with the fault in it."""
    found = text.count(mutant.before)
    if found != 1:
        raise Unfit(f"{mutant.name}: its passage occurs {found} times in {mutant.file}")
    return text.replace(mutant.before, mutant.after)
