# SPDX-License-Identifier: MIT
"""Posting to a loop from another thread: bench/post/flood.hpp says exactly what."""
from runner import micro

TITLE = "post to a loop from another thread, as seen by the one who posts"


def rows(context):
    return micro.rows(context, "post", {context.cores.server, context.cores.load[-1]}, most=100)
