#include "core/json.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/error.h"

namespace newbie {

namespace {

constexpr size_t kMaxDepth = 64;

// Walks the text and tells how far the lexer has come, for messages about things the lexer itself accepts.
class Cursor {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  Cursor(const char* at, const char** reached) : at_(at), reached_(reached) {}
  reference operator*() const { return *at_; }
  Cursor& operator++() {
    *reached_ = ++at_;
    return *this;
  }
  Cursor operator++(int) {
    const Cursor before = *this;
    ++*this;
    return before;
  }
  bool operator==(const Cursor& other) const { return at_ == other.at_; }
  bool operator!=(const Cursor& other) const { return at_ != other.at_; }

 private:
  const char* at_;
  const char** reached_;
};

// nlohmann's message without its prefix and without the raw bytes it quotes, which may be anything.
std::string reason_of(const std::exception& error) {
  std::string text = error.what();
  if (const size_t at = text.find("] "); text.starts_with("[json.exception") && at != text.npos) text.erase(0, at + 2);
  if (const size_t at = text.find(": "); text.starts_with("parse error at") && at != text.npos) text.erase(0, at + 2);
  text.resize(std::min(text.find("; last read: '"), text.size()));
  text.resize(std::min(text.size(), size_t{200}));
  return text;
}

// Receives the parser's events and builds the tree.
template <typename Tree>
class Builder {
 public:
  Builder(std::string_view text, std::string_view where) : text_(text), where_(where), reached_(text.data()) {}

  Tree build() {
    Cursor begin(text_.data(), &reached_);
    const Cursor end(text_.data() + text_.size(), &reached_);
    if (const size_t nul = text_.find('\0'); nul != text_.npos) refuse(nul, "a zero byte");
    Tree::sax_parse(begin, end, this, Tree::input_format_t::json, true);
    return std::move(root_);
  }

  bool null() { return add(nullptr); }
  bool boolean(bool value) { return add(value); }
  bool number_integer(typename Tree::number_integer_t value) { return add(value); }
  bool number_unsigned(typename Tree::number_unsigned_t value) { return add(value); }
  bool number_float(typename Tree::number_float_t value, const std::string&) { return add(value); }
  bool string(std::string& value) { return add(std::move(value)); }
  bool binary(typename Tree::binary_t& value) { return add(std::move(value)); }

  bool start_object(size_t) { return open(Tree::object()); }
  bool start_array(size_t) { return open(Tree::array()); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }

  bool key(std::string& name) {
    Level& level = open_.back();
    auto& members = level.tree->template get_ref<typename Tree::object_t&>();
    if constexpr (std::is_same_v<Tree, Json>) {
      const auto [member, is_new] = members.emplace(name, nullptr);
      if (!is_new) refuse_duplicate(name);
      slot_ = &member->second;
    } else {
      // ordered_map::emplace looks through all members: a set beside it keeps hostile objects from taking n² time.
      if (!level.names.insert(name).second) refuse_duplicate(name);
      slot_ = &members.std::template vector<typename Tree::object_t::value_type>::emplace_back(name, nullptr).second;
    }
    return true;
  }

  bool parse_error(size_t position, const std::string&, const std::exception& error) {
    refuse(position == 0 ? 0 : position - 1, reason_of(error));
    return false;  // for the signature: refuse() throws
  }

 private:
  struct Level {
    Tree* tree;                   // an open container is the last member of its parent, so it does not move
    std::set<std::string> names;  // of the keys so far, for ordered objects
  };

  template <typename Value>
  Tree& place(Value&& value) {
    if (open_.empty()) return root_ = std::forward<Value>(value);
    if (open_.back().tree->is_object()) return *slot_ = std::forward<Value>(value);
    auto& items = open_.back().tree->template get_ref<typename Tree::array_t&>();
    return items.emplace_back(std::forward<Value>(value));
  }
  template <typename Value>
  bool add(Value&& value) {
    place(std::forward<Value>(value));
    return true;
  }
  bool open(Tree container) {
    if (open_.size() == kMaxDepth) refuse(offset(), fmt::format("nested deeper than {} levels", kMaxDepth));
    open_.push_back({&place(std::move(container)), {}});
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  // The byte the lexer read last.
  size_t offset() const {
    const auto read = static_cast<size_t>(reached_ - text_.data());
    return read == 0 ? 0 : read - 1;
  }

  [[noreturn]] void refuse_duplicate(const std::string& name) const {
    const auto shown = Json(name.substr(0, 80)).dump(-1, ' ', true, Json::error_handler_t::replace);
    refuse(offset(), fmt::format("the key {} comes twice in one object", shown));
  }

  [[noreturn]] void refuse(size_t position, std::string_view reason) const {
    const std::string_view before = text_.substr(0, std::min(position, text_.size()));
    const auto line = 1 + std::count(before.begin(), before.end(), '\n');
    const size_t line_start = before.rfind('\n');
    const size_t column = before.size() - (line_start == before.npos ? 0 : line_start + 1) + 1;
    fail(ErrorKind::BadFile, "{}: not usable as JSON at line {}, column {}: {}", where_, line, column, reason);
  }

  std::string_view text_;
  std::string_view where_;
  const char* reached_;
  Tree root_;
  std::vector<Level> open_;
  Tree* slot_ = nullptr;  // where the value of the latest key goes
};

}  // namespace

Json parse_json(std::string_view text, std::string_view where) { return Builder<Json>(text, where).build(); }

OrderedJson parse_ordered_json(std::string_view text, std::string_view where) {
  return Builder<OrderedJson>(text, where).build();
}

}  // namespace newbie
