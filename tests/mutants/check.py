#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each mutant fits the code as it is: its passage is there, once, and the names differ."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from faults import ALL  # noqa: E402
from mutant import Unfit, apply  # noqa: E402

VKERN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tocsin/vkern")
wrong = [f"two are called {name}" for name in {m.name for m in ALL}
         if sum(m.name == name for m in ALL) > 1]
for mutant in ALL:
    try:
        with open(os.path.join(VKERN, mutant.file), encoding="utf-8") as file:
            apply(mutant, file.read())
    except (OSError, Unfit) as reason:
        wrong.append(str(reason))
print("\n".join(wrong) or f"{len(ALL)} mutants fit")
sys.exit(1 if wrong else 0)
