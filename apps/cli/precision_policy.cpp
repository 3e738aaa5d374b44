#include "precision_policy.h"

#include "core/error.h"
#include "core/files.h"
#include "graph/ops/all.h"
#include "toml_file.h"

namespace newbie {

namespace {

constexpr size_t kMaxPolicyBytes = size_t{1} << 20;
constexpr const char* kRuleKeys = "path, class, op, storage, compute, accumulate";

constexpr NumericClass kClasses[] = {NumericClass::Matmul,   NumericClass::Convolution, NumericClass::Attention,
                                     NumericClass::Norm,     NumericClass::Softmax,     NumericClass::Activation,
                                     NumericClass::Residual, NumericClass::Embedding};

template <typename List, typename Name>
std::string names_of(const List& list, Name name) {
  std::string out;
  for (const auto& one : list) out += (out.empty() ? "" : ", ") + std::string(name(one));
  return out;
}

NumericClass class_of(const std::string& at, const std::string& word) {
  for (const NumericClass c : kClasses)
    if (word == to_string(c)) return c;
  fail_with_hint(ErrorKind::InvalidRequest,
                 "classes: " + names_of(kClasses, [](NumericClass c) { return to_string(c); }),
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
      fail_with_hint(ErrorKind::InvalidRequest, fmt::format("keys of a rule: {}", kRuleKeys), "{}: unknown key '{}'",
                     at, key);
    }
  }
  if (!rule.change.storage && !rule.storage_follows && !rule.change.compute && !rule.change.accumulate)
    fail(ErrorKind::InvalidRequest, "{}: the rule sets nothing: expected storage, compute or accumulate", rule.origin);
  return rule;
}

Rescale rescale_of(const toml::table& table, const std::string& where, size_t number) {
  Rescale out;
  out.origin = fmt::format("{}:{}, rescale {}", where, table.source().begin.line, number);
  for (const auto& [name, value] : table) {
    const std::string key(name.str()), at = fmt::format("{}:{}", where, value.source().begin.line);
    if (key == "path") {
      const auto* text = value.as_string();
      if (text == nullptr || text->get().empty())
        fail(ErrorKind::InvalidRequest, "{}: path: expected a path or a glob", at);
      out.path_glob = with_part(text->get());
    } else if (key == "log2") {
      const auto* number_node = value.as_integer();
      if (number_node == nullptr || number_node->get() == 0 || number_node->get() < -kMaxRescale ||
          number_node->get() > kMaxRescale)
        fail(ErrorKind::InvalidRequest, "{}: log2: expected a whole number from {} to {}, and not 0", at, -kMaxRescale,
             kMaxRescale);
      out.log2 = static_cast<int>(number_node->get());
    } else {
      fail_with_hint(ErrorKind::InvalidRequest, "keys of a rescale: path, log2", "{}: unknown key '{}'", at, key);
    }
  }
  if (out.path_glob.empty() || out.log2 == 0)
    fail(ErrorKind::InvalidRequest, "{}: expected both path and log2", out.origin);
  return out;
}

// Every table of the array `name`, by `make`; nothing when there is no such array.
template <typename T, typename Make>
std::vector<T> tables_of(const toml::table& file, const char* name, const std::string& where, Make make) {
  std::vector<T> out;
  const toml::node* node = file.get(name);
  if (node == nullptr) return out;
  const toml::array* array = node->as_array();
  if (array == nullptr)
    fail(ErrorKind::InvalidRequest, "{}:{}: {}: expected [[{}]] tables", where, node->source().begin.line, name, name);
  for (const toml::node& one : *array) {
    const toml::table* table = one.as_table();
    if (table == nullptr)
      fail(ErrorKind::InvalidRequest, "{}:{}: {}: expected a table", where, one.source().begin.line, name);
    out.push_back(make(*table, where, out.size() + 1));
  }
  return out;
}

// A TOML string of it: quotes, backslashes and control characters escaped.
std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\')
      out += fmt::format("\\{}", c);
    else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F)
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    else
      out += c;
  }
  return out + '"';
}

// "# " before each of its lines.
std::string commented(const std::string& text) {
  std::string out;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string line = text.substr(begin, end - begin);
    out += line.empty() ? "#\n" : "# " + line + '\n';
    begin = end + 1;
  }
  return out;
}

}  // namespace

PrecisionPolicyFile read_precision_policy(const std::string& file) {
  constexpr const char* kHint = "a policy is a list of [[rule]] and [[rescale]] tables";
  const toml::table table = parse_toml(read_file(file, kMaxPolicyBytes), file);
  for (const auto& [name, value] : table)
    if (name.str() != "rule" && name.str() != "rescale")
      fail_with_hint(ErrorKind::InvalidRequest, kHint, "{}:{}: unknown key '{}'", file, value.source().begin.line,
                     name.str());
  PrecisionPolicyFile out{.rules = tables_of<PrecisionRule>(table, "rule", file, rule_of),
                          .rescales = tables_of<Rescale>(table, "rescale", file, rescale_of)};
  if (out.rules.empty() && out.rescales.empty())
    fail_with_hint(ErrorKind::InvalidRequest, kHint, "{}: there is no rule", file);
  return out;
}

std::string precision_policy_text(const PrecisionPolicyFile& policy, const std::string& comment) {
  std::string out = commented(comment);
  for (const Rescale& r : policy.rescales)
    out += '\n' + commented(r.origin) + fmt::format("[[rescale]]\npath = {}\nlog2 = {}\n", quoted(r.path_glob), r.log2);
  for (const PrecisionRule& r : policy.rules) {
    out += '\n' + commented(r.origin) + "[[rule]]\n";
    const auto key = [&](const char* name, const std::string& value) {
      if (!value.empty()) out += fmt::format("{} = {}\n", name, quoted(value));
    };
    const auto dtype = [](std::optional<DType> d) { return d ? std::string(to_string(*d)) : std::string(); };
    key("path", r.path_glob);
    if (r.numeric_class) key("class", std::string(to_string(*r.numeric_class)));
    key("op", r.op);
    key("storage", r.storage_follows ? "input" : dtype(r.change.storage));
    key("compute", dtype(r.change.compute));
    key("accumulate", dtype(r.change.accumulate));
  }
  return out;
}

}  // namespace newbie
