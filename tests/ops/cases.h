// The case tables, one file a family in cases/, and all of them together.
#pragma once

#include <string_view>

#include "ops/op_case.h"

namespace newbie::test {

std::vector<OpCase> linear_cases();
std::vector<OpCase> linear_add_cases();
std::vector<OpCase> batched_matmul_cases();
std::vector<OpCase> conv2d_cases();
std::vector<OpCase> banded_conv2d_cases();
std::vector<OpCase> pool2d_cases();
std::vector<OpCase> attention_cases();
std::vector<OpCase> attention_softmax_cases();
std::vector<OpCase> norm_cases();
std::vector<OpCase> elementwise_cases();
std::vector<OpCase> modulation_cases();
std::vector<OpCase> rope_cases();
std::vector<OpCase> embedding_cases();
std::vector<OpCase> movement_cases();
std::vector<OpCase> sum_cases();

const std::vector<OpCase>& all_cases();

// For gtest: the position of a case, printed by name.
std::vector<size_t> case_numbers(bool (*wanted)(const OpCase& c));
std::string case_name(size_t number);

}  // namespace newbie::test
