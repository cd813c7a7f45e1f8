# SPDX-License-Identifier: MIT
"""Re-arming one of 100,000 timers: bench/timers/rearm.hpp says exactly what."""
from runner import micro

TITLE = "re-arm one of 100,000 timers"


def rows(context):
    return micro.rows(context, "timers", {context.cores.server}, most=40)
