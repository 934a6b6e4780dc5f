# SPDX-License-Identifier: MIT
"""Turns one run record (results.json) into one offline HTML page with figures; reads nothing but the record.

The way through: load (file -> record.Record) -> verdict, claims (pure sums over it) -> figures (matplotlib)
-> svg (a figure cut into panels that follow the page's colours) -> page (Jinja2). `python3 -m plots --help`.
"""
