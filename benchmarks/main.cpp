// SPDX-License-Identifier: MIT
// The suite's own benchmark program: the catalogue and nothing else.
#include "suite.hpp"

int main(int argc, char** argv) { return contend::bench::run_suite(argc, argv); }
