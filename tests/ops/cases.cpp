#include "ops/cases.h"

#include <cctype>

namespace newbie::test {

const std::vector<OpCase>& all_cases() {
  static const std::vector<OpCase> cases = [] {
    std::vector<OpCase> all;
    for (auto family : {linear_cases, linear_add_cases, batched_matmul_cases, conv2d_cases, banded_conv2d_cases,
                        pool2d_cases, attention_cases, attention_softmax_cases, norm_cases, elementwise_cases,
                        modulation_cases, rope_cases, embedding_cases, movement_cases, sum_cases})
      for (OpCase& c : family()) all.push_back(std::move(c));
    return all;
  }();
  return cases;
}

std::vector<size_t> case_numbers(bool (*wanted)(const OpCase& c)) {
  std::vector<size_t> out;
  for (size_t i = 0; i < all_cases().size(); ++i)
    if (wanted(all_cases()[i])) out.push_back(i);
  return out;
}

std::string case_name(size_t number) {
  std::string name = all_cases()[number].name + "_" + std::to_string(number);
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  return name;
}

}  // namespace newbie::test
