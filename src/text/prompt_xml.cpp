#include "text/prompt_xml.h"

#include <algorithm>
#include <optional>
#include <unordered_map>

#include "text/prompt_tags.h"
#include "text/trim.h"

namespace newbie {
namespace {

// Danbooru's tags for faces that would be read as elements.
constexpr std::string_view kFaces[] = {"<o>_<o>"};

bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}
bool is_name_part(char c) { return is_name_start(c) || (c >= '0' && c <= '9') || c == '-' || c == '.'; }

// `<_>` is a face.
bool is_element_name(std::string_view text) {
  return !text.empty() && is_name_start(text[0]) && std::all_of(text.begin(), text.end(), is_name_part) &&
         text.find_first_not_of('_') != std::string_view::npos;
}

// Finds tags.
class Scanner {
 public:
  Scanner(std::string_view text, PromptTree& tree) : text_(text), tree_(tree), cursor_(text) {}

  void scan() {
    for (size_t at = text_.find('<'); at != std::string_view::npos; at = text_.find('<', at)) at = one(at);
  }

 private:
  // What starts at the `<`; returns where to go on.
  size_t one(size_t at) {
    const std::string_view rest = text_.substr(at);
    for (const std::string_view face : kFaces)
      if (rest.starts_with(face)) return at + face.size();

    const size_t after = text_.find_first_of("<>", at + 1);
    const bool whole = after != std::string_view::npos && text_[after] == '>';
    const std::string_view inside =
        text_.substr(at + 1, (after == std::string_view::npos ? text_.size() : after) - at - 1);
    if (!whole) {
      broken(at, inside);
      return after == std::string_view::npos ? text_.size() : after;
    }
    return tag(at, inside, after + 1) ? after + 1 : at + 1;
  }

  bool tag(size_t at, std::string_view inside, size_t end) {
    using Kind = WrittenTag::Kind;
    Kind kind = Kind::Opening;
    std::string_view name = inside;
    if (name.starts_with('/')) {
      kind = Kind::Closing;
      name.remove_prefix(1);
    } else if (name.ends_with('/')) {
      kind = Kind::SelfClosing;
      name.remove_suffix(1);
    }
    if (name.find('\n') != std::string_view::npos) return false;
    std::optional<PromptProblemKind> problem;
    if (!is_element_name(name) && name != "general tags") {
      const std::string_view trimmed = trim(name);
      const std::string_view first = trimmed.substr(0, trimmed.find_first_of(kBlanks));
      if (is_known_tag(trimmed)) {
        problem = PromptProblemKind::SpacesInTag;
        name = trimmed;
      } else if (is_element_name(first) && name.starts_with(first) && name.find('=') != std::string_view::npos) {
        problem = PromptProblemKind::Attributes;
        name = first;
      } else {
        return false;
      }
    }
    const TextPosition position = cursor_.at(at);
    if (problem) tree_.problems.push_back({*problem, position, name, {}});
    tree_.tags.push_back({kind, name, position, end});
    return true;
  }

  void broken(size_t at, std::string_view inside) {
    if (inside.starts_with('/')) inside.remove_prefix(1);
    const size_t length = std::find_if_not(inside.begin(), inside.end(), is_name_part) - inside.begin();
    const std::string_view name = inside.substr(0, length);
    if (is_known_tag(name)) tree_.problems.push_back({PromptProblemKind::BrokenTag, cursor_.at(at), name, {}});
  }

  std::string_view text_;
  PromptTree& tree_;
  PositionCursor cursor_;
};

// What an element may hold, as far as that decides where one without a closing tag ends.
enum class Rank : uint8_t { Wrapper, Block, Top, Field, Unknown };

Rank rank_of(std::string_view name) {
  if (character_number(name) || is_general_tags(name)) return Rank::Block;
  if (find_prompt_tag(name, TagPlace::Wrapper)) return Rank::Wrapper;
  if (find_prompt_tag(name, TagPlace::Top)) return Rank::Top;
  return is_known_tag(name) ? Rank::Field : Rank::Unknown;
}

bool may_hold(Rank outer, Rank inner) {
  return inner == Rank::Unknown || outer == Rank::Wrapper || (outer == Rank::Block && inner == Rank::Field);
}

// Makes the tree from the tags.
class Builder {
 public:
  Builder(std::string_view text, PromptTree& tree) : text_(text), tree_(tree) {}

  void build() {
    pair_up();
    tree_.nodes.push_back({.kind = PromptNode::Kind::Root, .end = text_.size(), .content_end = text_.size()});
    open_.push_back({0, -1, Rank::Wrapper, true});
    known_.push_back(0);
    for (size_t i = 0; i < tree_.tags.size(); ++i) add_tag(i);
    add_text(text_.size());
    while (open_.size() > 1) end_unclosed(text_.size());
  }

 private:
  struct Open {
    size_t node;
    int name;
    Rank rank;
    bool paired;
  };

  // Which tags have a partner of their name, as brackets have.
  void pair_up() {
    std::unordered_map<std::string_view, int> ids;
    std::vector<std::vector<size_t>> waiting;
    paired_.assign(tree_.tags.size(), false);
    for (size_t i = 0; i < tree_.tags.size(); ++i) {
      const WrittenTag& tag = tree_.tags[i];
      // Both spellings of general_tags close each other.
      const auto [it, is_new] =
          ids.emplace(is_general_tags(tag.name) ? kGeneralTags : tag.name, static_cast<int>(waiting.size()));
      if (is_new) {
        waiting.emplace_back();
        ranks_.push_back(rank_of(tag.name));
      }
      names_.push_back(it->second);
      std::vector<size_t>& mine = waiting[static_cast<size_t>(it->second)];
      if (tag.kind == WrittenTag::Kind::Opening) {
        mine.push_back(i);
      } else if (tag.kind == WrittenTag::Kind::Closing && !mine.empty()) {
        paired_[i] = paired_[mine.back()] = true;
        mine.pop_back();
      }
    }
    open_count_.assign(waiting.size(), 0);
    nearest_.resize(waiting.size());
  }

  void problem(PromptProblemKind kind, TextPosition at, std::string_view name, std::string_view found = {}) {
    tree_.problems.push_back({kind, at, name, found});
  }

  size_t append(PromptNode node) {
    const size_t index = tree_.nodes.size();
    PromptNode& parent = tree_.nodes[open_.back().node];
    (parent.first_child == PromptNode::kNone ? parent.first_child : tree_.nodes[parent.last_child].next_sibling) =
        index;
    parent.last_child = index;
    tree_.nodes.push_back(node);
    return index;
  }

  // The text from the last tag to `end`, with that tag when it was a stray one.
  void add_text(size_t end) {
    if (end > done_)
      append({.kind = PromptNode::Kind::Text, .begin = done_, .end = end, .content_begin = words_, .content_end = end});
    done_ = words_ = end;
  }

  void add_tag(size_t i) {
    WrittenTag& tag = tree_.tags[i];
    add_text(tag.at.offset);
    done_ = words_ = tag.end;
    const int name = names_[i];
    const Rank rank = ranks_[static_cast<size_t>(name)];
    if (tag.kind == WrittenTag::Kind::Closing) return close(tag, name, rank);

    if (rank != Rank::Unknown)
      while (!may_hold(open_[known_.back()].rank, rank) && !open_[known_.back()].paired)
        end_unclosed(tag.at.offset, known_.back());
    const bool is_open = tag.kind == WrittenTag::Kind::Opening;
    const size_t node = append({.kind = PromptNode::Kind::Element,
                                .name = tag.name,
                                .at = tag.at,
                                .begin = tag.at.offset,
                                .end = tag.end,
                                .content_begin = tag.end,
                                .content_end = tag.end,
                                .self_closing = !is_open});
    if (!is_open) return;
    // An unknown one is opened even without a partner: a misspelt tag may yet close it.
    if (rank != Rank::Unknown) known_.push_back(open_.size());
    open_.push_back({node, name, rank, paired_[i]});
    ++open_count_[static_cast<size_t>(name)];
  }

  void close(WrittenTag& tag, int name, Rank rank) {
    if (open_count_[static_cast<size_t>(name)] == 0) {
      if (const size_t misspelt = closed_by_misspelling(tag.name, name, rank); misspelt != 0) {
        end_unclosed(tag.at.offset, misspelt + 1);
        problem(PromptProblemKind::MismatchedClosing, tag.at, tree_.nodes[open_.back().node].name, tag.name);
        return end(tag.at.offset, tag.end);
      }
      tag.stray = true;
      done_ = tag.at.offset;
      return problem(PromptProblemKind::StrayClosing, tag.at, tag.name);
    }
    while (open_.back().name != name) end_unclosed(tag.at.offset);
    end(tag.at.offset, tag.end);
  }

  // The open element (an index of open_) that this closing tag without a partner must have been meant for; 0: none.
  size_t closed_by_misspelling(std::string_view tag, int name, Rank rank) {
    if (rank != Rank::Unknown) {  // the opening tag is misspelt
      const Open& top = open_.back();
      return top.rank == Rank::Unknown && !top.paired && nearest(top.name, tree_.nodes[top.node].name) == tag
                 ? open_.size() - 1
                 : 0;
    }
    const Open& top = open_[known_.back()];
    return !top.paired && nearest(name, tag) == tree_.nodes[top.node].name ? known_.back() : 0;
  }

  std::string_view nearest(int name, std::string_view text) {
    std::optional<std::string_view>& known = nearest_[static_cast<size_t>(name)];
    if (!known) known = nearest_known_tag(text);
    return *known;
  }

  void end(size_t content_end, size_t end) {
    PromptNode& node = tree_.nodes[open_.back().node];
    node.content_end = content_end;
    node.end = end;
    pop();
  }

  void end_unclosed(size_t at, size_t down_to) {
    while (open_.size() > down_to) end_unclosed(at);
  }

  void end_unclosed(size_t at) {
    const Open top = open_.back();
    PromptNode& node = tree_.nodes[top.node];
    problem(PromptProblemKind::Unclosed, node.at, node.name);
    pop();
    if (top.rank != Rank::Unknown) {
      node.content_end = node.end = at;
      return;
    }
    // It is empty: what was read into it goes beside it. Being open, it is its parent's last child.
    PromptNode& parent = tree_.nodes[open_.back().node];
    if (node.first_child == PromptNode::kNone) return;
    node.next_sibling = node.first_child;
    parent.last_child = node.last_child;
    node.first_child = node.last_child = PromptNode::kNone;
  }

  void pop() {
    --open_count_[static_cast<size_t>(open_.back().name)];
    if (known_.back() == open_.size() - 1) known_.pop_back();
    open_.pop_back();
  }

  std::string_view text_;
  PromptTree& tree_;
  std::vector<int> names_;                                // of tags, as small numbers
  std::vector<Rank> ranks_;                               // of names
  std::vector<size_t> open_count_;                        // of names
  std::vector<std::optional<std::string_view>> nearest_;  // of names, once asked for
  std::vector<bool> paired_;                              // of tags
  std::vector<Open> open_;
  std::vector<size_t> known_;    // indices of open_: those of known names
  size_t done_ = 0, words_ = 0;  // ends of what has a node, and of the last tag
};

}  // namespace

TextPosition PositionCursor::at(size_t offset) {
  for (; here_.offset < offset; ++here_.offset) {
    const char c = text_[here_.offset];
    if (c == '\n') {
      ++here_.line;
      here_.column = 1;
    } else if (here_.offset + 1 == text_.size() ||
               (static_cast<unsigned char>(text_[here_.offset + 1]) & 0xC0) != 0x80) {
      ++here_.column;  // behind the last byte of a character
    }
  }
  return here_;
}

std::vector<size_t> PromptTree::children(const PromptNode& node) const {
  std::vector<size_t> out;
  for (size_t i = node.first_child; i != PromptNode::kNone; i = nodes[i].next_sibling) out.push_back(i);
  return out;
}

PromptTree parse_prompt(std::string_view text) {
  PromptTree tree;
  Scanner(text, tree).scan();
  Builder(text, tree).build();
  std::stable_sort(tree.problems.begin(), tree.problems.end(),
                   [](const PromptProblem& a, const PromptProblem& b) { return a.at.offset < b.at.offset; });
  return tree;
}

bool is_old_character(const PromptTree& tree, const PromptNode& node) {
  if (node.kind != PromptNode::Kind::Element || is_known_tag(node.name)) return false;
  bool has_field = false;
  for (size_t i = node.first_child; i != PromptNode::kNone; i = tree.nodes[i].next_sibling) {
    const PromptNode& child = tree.nodes[i];
    if (child.kind != PromptNode::Kind::Element) continue;
    if (find_prompt_tag(child.name, TagPlace::Character) == nullptr) return false;
    has_field = true;
  }
  return has_field && nearest_known_tag(node.name).empty();  // the costly question last
}

}  // namespace newbie
