// SPDX-License-Identifier: MIT
// What `contend doctor` prints: one screen for a reader, one document for a program. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "perf/doctor/verdict.hpp"

namespace contend::doctor {

/// At most 80 columns, if no single word or path is wider; about 24 rows without `verbose`.
struct page_style {
  bool colour = false;
  bool verbose = false;  ///< every event with its code, and the caveats' sentences
};
[[nodiscard]] std::string text_page(const facts& known, const diagnosis& found, const page_style& style);

/// The document that perf/record/doctor_schema.json describes, without `taken`, `took_s` and `program`.
[[nodiscard]] nlohmann::ordered_json json_page(const facts& known, const diagnosis& found);

}  // namespace contend::doctor
