# SPDX-License-Identifier: MIT
# cmake -D FROM=events.tsv -D TO=events.inc -P embed.cmake: the lines of a text file as C++ raw string literals.
# One literal per line, because compilers need not take one of more than 65536 characters.
cmake_minimum_required(VERSION 3.25)
file(READ ${FROM} text)
string(REGEX REPLACE "\n+$" "" text "${text}")
string(REPLACE "\n" ")tsv\",\nR\"tsv(" text "${text}")
file(WRITE ${TO} "R\"tsv(${text})tsv\",\n")
