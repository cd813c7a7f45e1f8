# SPDX-License-Identifier: MIT
"""The parts of bench/run: main.py first, then one module per figure."""
