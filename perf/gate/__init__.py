# SPDX-License-Identifier: MIT
"""From pairs of base and head to a verdict: exact tests, a declared error budget, and the pages that tell it."""
