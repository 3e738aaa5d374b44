// What newbie overflow has found, as words and as JSON.
#pragma once

#include <string>
#include <vector>

#include "core/json.h"
#include "overflow/cure.h"

namespace newbie {

struct OverflowReport {
  const Study& study;  // of what was asked for, before any cure
  const Cure* cure = nullptr;
  std::string cure_file;             // where its policy was written
  std::vector<std::string> prompts;  // in order
  std::string result_name;           // "latents"
};

// "prompt 2, step 3"; nothing that is always the same is said.
std::string moment_text(const Moment& moment, size_t prompts);

// "value", "weight", "sum of squares", "read by transformer.layers.0.attention.qkv"
std::string what_of(const Excess& e);

// One line of the tables: a value, or what is inside an op.
struct RangeLine {
  std::string name, op;
  std::string what;  // "value", "sum of squares"
  double largest = 0;
  std::optional<double> subnormal, vanish;  // shares in f16
  Moment when;
};
// Least headroom first.
std::vector<RangeLine> range_lines(const RangeTrace& trace);

std::string overflow_text(const OverflowReport& report, size_t rows);
OrderedJson overflow_json(const OverflowReport& report);

}  // namespace newbie
