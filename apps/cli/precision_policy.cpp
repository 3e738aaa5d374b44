#include "precision_policy.h"

#include <toml++/toml.h>

#include "core/error.h"
#include "core/files.h"
#include "graph/ops/all.h"

namespace newbie {

namespace {

constexpr size_t kMaxPolicyBytes = size_t{1} << 20;
constexpr const char* kKeys = "path, class, op, storage, compute, accumulate";

constexpr NumericClass kClasses[] = {NumericClass::Matmul,   NumericClass::Convolution, NumericClass::Attention,
                                     NumericClass::Norm,     NumericClass::Softmax,     NumericClass::Activation,
                                     NumericClass::Residual, NumericClass::Embedding};

template <typename List, typename Name>
std::string joined(const List& list, Name name) {
  std::string out;
  for (const auto& one : list) out += (out.empty() ? "" : ", ") + std::string(name(one));
  return out;
}

NumericClass class_of(const std::string& at, const std::string& word) {
  for (const NumericClass c : kClasses)
    if (word == to_string(c)) return c;
  fail_with_hint(ErrorKind::InvalidRequest, "classes: " + joined(kClasses, [](NumericClass c) { return to_string(c); }),
                 "{}: unknown class '{}'", at, word);
}

std::string op_of(const std::string& at, const std::string& word) {
  for (const OpDef* op : all_ops())
    if (word == op->name && op->numeric_class != NumericClass::Source && op->numeric_class != NumericClass::Movement &&
        op->numeric_class != NumericClass::Cast)
      return word;
  fail_with_hint(ErrorKind::InvalidRequest, "newbie inspect --graph prints the ops of a model",
                 "{}: no op '{}' that computes", at, word);
}

DType dtype_of(const std::string& at, const std::string& key, const std::string& word) {
  const auto dtype = find_dtype(word);
  if (!dtype || (*dtype != DType::F32 && *dtype != DType::BF16 && *dtype != DType::F16))
    fail(ErrorKind::InvalidRequest, "{}: {}: expected f32, bf16 or f16, got '{}'", at, key, word);
  return *dtype;
}

PrecisionRule rule_of(const toml::table& table, const std::string& where, size_t number) {
  PrecisionRule rule;
  rule.origin = fmt::format("{}:{}, rule {}", where, table.source().begin.line, number);
  for (const auto& [name, value] : table) {
    const std::string key(name.str()), at = fmt::format("{}:{}", where, value.source().begin.line);
    const auto* text = value.as_string();
    if (text == nullptr) fail(ErrorKind::InvalidRequest, "{}: {}: expected a string", at, key);
    const std::string& word = text->get();
    if (key == "path") {
      if (word.empty()) fail(ErrorKind::InvalidRequest, "{}: path: expected a path or a glob, got nothing", at);
      rule.path_glob = with_part(word);
    } else if (key == "class") {
      rule.numeric_class = class_of(at, word);
    } else if (key == "op") {
      rule.op = op_of(at, word);
    } else if (key == "storage") {
      rule.storage_follows = word == "input";
      if (!rule.storage_follows) rule.change.storage = dtype_of(at, key, word);
    } else if (key == "compute") {
      rule.change.compute = word == "int8" ? DType::I8 : dtype_of(at, key, word);
    } else if (key == "accumulate") {
      rule.change.accumulate = dtype_of(at, key, word);
    } else {
      fail_with_hint(ErrorKind::InvalidRequest, fmt::format("keys of a rule: {}", kKeys), "{}: unknown key '{}'", at,
                     key);
    }
  }
  if (!rule.change.storage && !rule.storage_follows && !rule.change.compute && !rule.change.accumulate)
    fail(ErrorKind::InvalidRequest, "{}: the rule sets nothing: expected storage, compute or accumulate", rule.origin);
  return rule;
}

}  // namespace

std::vector<PrecisionRule> read_precision_policy(const std::string& file) {
  toml::table table;
  try {
    table = toml::parse(read_file(file, kMaxPolicyBytes), file);
  } catch (const toml::parse_error& e) {
    fail(ErrorKind::InvalidRequest, "{}:{}: {}", file, e.source().begin.line, e.description());
  }
  for (const auto& [name, value] : table)
    if (name.str() != "rule")
      fail_with_hint(ErrorKind::InvalidRequest, "a policy is a list of [[rule]] tables", "{}:{}: unknown key '{}'",
                     file, value.source().begin.line, name.str());
  const toml::array* rules = table["rule"].as_array();
  if (rules == nullptr || rules->empty())
    fail_with_hint(ErrorKind::InvalidRequest, "a policy is a list of [[rule]] tables", "{}: there is no rule", file);
  std::vector<PrecisionRule> out;
  for (const toml::node& one : *rules) {
    const toml::table* rule = one.as_table();
    if (rule == nullptr)
      fail(ErrorKind::InvalidRequest, "{}:{}: rule: expected a table", file, one.source().begin.line);
    out.push_back(rule_of(*rule, file, out.size() + 1));
  }
  return out;
}

}  // namespace newbie
