#include "text/prompt_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <vector>

#include "text/prompt_tags.h"
#include "text/prompt_xml.h"
#include "text/trim.h"

namespace newbie {
namespace {

constexpr size_t npos = std::string_view::npos;

std::string write_field(std::string_view name, std::string_view text) {
  return std::string("<").append(name).append(">").append(text).append("</").append(name).append(">");
}

// `a ,b,, c` -> `a, b, c`
std::string even_commas(std::string_view text) {
  std::string out;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    const std::string_view item = trim(text.substr(begin, end - begin), kBlanksAndLineEnds);
    if (!item.empty()) out.append(out.empty() ? "" : ", ").append(item);
    begin = end + 1;
  }
  return out;
}

bool keeps_commas(std::string_view field) { return field == "caption" || field == "n"; }

// Joins the texts of a field that comes more than once.
void join(std::string& text, const std::string& more, std::string_view field) {
  if (more.empty() || text == more) return;
  if (!text.empty()) text += field == "caption" ? " " : ", ";
  text += more;
}

class Formatter {
 public:
  Formatter(std::string_view text, const PromptFormat& format)
      : text_(text), format_(format), tree_(parse_prompt(text)) {}

  std::string run() {
    gather(tree_.root());
    std::string out;
    const auto paragraph = [&](std::string_view lines) {
      if (!lines.empty()) out.append(out.empty() ? "" : "\n\n").append(lines);
    };
    paragraph(head_.text);
    number_the_nameless();
    for (const auto& [number, block] : characters_)
      paragraph(block_text("character_" + std::to_string(number), block, TagPlace::Character));
    if (!general_.empty()) paragraph(block_text(std::string(kGeneralTags), general_, TagPlace::General));
    if (!caption_.empty()) paragraph(write_field("caption", caption_));
    paragraph(tail_.text);
    return out;
  }

 private:
  struct Block {
    std::map<std::string_view, std::string> known;  // by canonical name
    std::vector<std::pair<std::string_view, std::string>> misplaced;
    std::string lines;  // what is in no field

    bool empty() const {
      return lines.empty() && std::all_of(known.begin(), known.end(), [](auto& f) { return f.second.empty(); }) &&
             std::all_of(misplaced.begin(), misplaced.end(), [](auto& f) { return f.second.empty(); });
    }
  };

  // What stands beside the blocks: fields on lines of their own, everything else in paragraphs.
  struct Beside {
    std::string text;
    bool ends_in_field = false;

    void add(std::string_view part, bool is_field) {
      if (part.empty()) return;
      if (!text.empty()) text += is_field && ends_in_field ? "\n" : "\n\n";
      text += part;
      ends_in_field = is_field;
    }
  };

  // The text between two offsets, without closing tags that close nothing and without known tags that have no partner
  // there: these would find one in what is written around. Behind a `<` that is no tag, a line end takes their place,
  // so that no tag comes into being where there was none.
  std::string slice(size_t begin, size_t end) const {
    std::string out;
    bool in_angle = false;
    const auto add = [&](std::string_view part) {
      if (const size_t last = part.find_last_of("<>"); last != npos) in_angle = part[last] == '<';
      if (!format_.escape) {
        out += part;
        return;
      }
      in_angle = false;
      for (size_t i = 0; i < part.size(); ++i) escape(part, i, out);
    };
    const auto before = [](const WrittenTag& tag, size_t offset) { return tag.at.offset < offset; };
    const auto first = std::lower_bound(tree_.tags.begin(), tree_.tags.end(), begin, before);
    const auto last = std::lower_bound(first, tree_.tags.end(), end, before);
    const std::vector<bool> kept = partnered({first, last});
    for (auto tag = first; tag != last; ++tag) {
      add(text_.substr(begin, tag->at.offset - begin));
      begin = tag->end;
      if (kept[static_cast<size_t>(tag - first)]) {
        out += text_.substr(tag->at.offset, tag->end - tag->at.offset);
        in_angle = false;
      } else if (in_angle) {
        out += '\n';
      }
    }
    if (begin < end) add(text_.substr(begin, end - begin));
    return out;
  }

  static std::vector<bool> partnered(std::span<const WrittenTag> tags) {
    std::vector<bool> out(tags.size());
    std::map<std::string_view, std::vector<size_t>> open;
    for (size_t i = 0; i < tags.size(); ++i) {
      const bool known = is_known_tag(tags[i].name);
      if (tags[i].kind == WrittenTag::Kind::SelfClosing || !known) {
        out[i] = !tags[i].stray;
      } else if (tags[i].kind == WrittenTag::Kind::Opening) {
        open[tags[i].name].push_back(i);
      } else if (std::vector<size_t>& mine = open[tags[i].name]; !tags[i].stray && !mine.empty()) {
        out[i] = out[mine.back()] = true;
        mine.pop_back();
      }
    }
    return out;
  }

  static void escape(std::string_view text, size_t at, std::string& out) {
    switch (text[at]) {
      case '<': out += "&lt;"; return;
      case '>': out += "&gt;"; return;
      case '&':
        for (const std::string_view entity : {"&amp;", "&lt;", "&gt;", "&quot;", "&apos;"})
          if (text.substr(at).starts_with(entity)) {
            out += '&';
            return;
          }
        out += "&amp;";
        return;
      default: out += text[at];
    }
  }

  // A field's text on one line. White space behind a `<` that is no tag stays: it may be what keeps it from being one.
  std::string field_text(const PromptNode& node) const {
    const std::string raw = slice(node.content_begin, node.content_end);
    std::string out;
    bool in_angle = false, gap = false;
    for (const char c : raw) {
      if (!in_angle && kBlanksAndLineEnds.find(c) != npos) {
        gap = true;
        continue;
      }
      if (gap && !out.empty()) out += ' ';
      gap = false;
      out += c;
      if (c == '<') in_angle = true;
      if (c == '>') in_angle = false;
    }
    if (raw.find('<') == npos && !keeps_commas(node.name)) return even_commas(out);
    return std::string(trim(out, kBlanksAndLineEnds));
  }

  // Lines trimmed; runs of blank lines become one, or none when `blank` is empty.
  static std::string lines_of(std::string_view text, std::string_view blank) {
    std::string out;
    bool gap = false;
    for (size_t begin = 0; begin <= text.size();) {
      const size_t end = std::min(text.find('\n', begin), text.size());
      const std::string_view line = trim(text.substr(begin, end - begin), kBlanksAndLineEnds);
      begin = end + 1;
      if (line.empty()) {
        gap = true;
        continue;
      }
      if (!out.empty()) out.append("\n").append(gap ? blank : "");
      gap = false;
      out += line;
    }
    return out;
  }

  enum class Role { Loose, Character, Old, General, Caption, Field, Root };

  Role role_of(const PromptNode& node) const {
    if (node.kind != PromptNode::Kind::Element) return Role::Loose;
    if (character_number(node.name)) return Role::Character;
    if (is_general_tags(node.name)) return Role::General;
    if (node.name == "caption") return Role::Caption;
    if (find_prompt_tag(node.name, TagPlace::Wrapper)) return Role::Root;
    if (is_known_tag(node.name)) return Role::Field;
    return is_old_character(tree_, node) ? Role::Old : Role::Loose;
  }

  // Calls `on_run` with the bounds of each longest run of children that are loose, `on_other` with each other child.
  template <typename OnRun, typename OnOther, typename IsLoose>
  void walk(const PromptNode& parent, IsLoose is_loose, OnRun on_run, OnOther on_other) {
    size_t begin = npos, end = npos;
    const auto flush = [&] {
      if (begin != npos) on_run(begin, end);
      begin = npos;
    };
    for (size_t i = parent.first_child; i != PromptNode::kNone; i = tree_.nodes[i].next_sibling) {
      const PromptNode& child = tree_.nodes[i];
      if (is_loose(child)) {
        if (begin == npos) begin = child.begin;
        end = child.end;
        continue;
      }
      flush();
      on_other(child);
    }
    flush();
  }

  Beside& beside() { return seen_block_ ? tail_ : head_; }

  // Roots are opened in place. They nest as deep as a hostile text likes, so this keeps its own stack.
  void gather(const PromptNode& root) {
    struct Frame {
      size_t next;
      size_t run_begin = npos, run_end = npos;
    };
    std::vector<Frame> stack{{root.first_child}};
    const auto flush = [&](Frame& frame) {
      if (frame.run_begin != npos) beside().add(lines_of(slice(frame.run_begin, frame.run_end), "\n"), false);
      frame.run_begin = npos;
    };
    while (!stack.empty()) {
      Frame& frame = stack.back();
      if (frame.next == PromptNode::kNone) {
        flush(frame);
        stack.pop_back();
        continue;
      }
      const PromptNode& node = tree_.nodes[frame.next];
      frame.next = node.next_sibling;
      const Role role = role_of(node);
      if (role == Role::Loose) {
        if (frame.run_begin == npos) frame.run_begin = node.begin;
        frame.run_end = node.end;
        continue;
      }
      flush(frame);
      if (role == Role::Root)
        stack.push_back({node.first_child});
      else
        take_all(node, role);
    }
  }

  // The node, and the blocks inside of it as blocks of their own.
  void take_all(const PromptNode& node, Role role) {
    take(node, role);
    while (!inner_.empty()) {
      const PromptNode& block = *inner_.back();
      inner_.pop_back();
      take(block, role_of(block));
    }
  }

  void take(const PromptNode& node, Role role) {
    switch (role) {
      case Role::Character:
        seen_block_ = true;
        fill(characters_.emplace(*character_number(node.name), Block{})->second, node, TagPlace::Character);
        break;
      case Role::Old: {
        seen_block_ = true;
        Block& block = nameless_.emplace_back();
        fill(block, node, TagPlace::Character);
        if (!block.known.contains("n")) block.known["n"] = node.name;
        break;
      }
      case Role::General:
        fill(general_, node, TagPlace::General);
        seen_block_ = seen_block_ || !general_.empty();  // an empty one is not written
        break;
      case Role::Caption:
        join(caption_, field_text(node), "caption");
        seen_block_ = seen_block_ || !caption_.empty();
        break;
      default: {
        const std::string text = field_text(node);
        if (!text.empty()) beside().add(write_field(node.name, text), true);
      }
    }
  }

  void fill(Block& block, const PromptNode& node, TagPlace place) {
    const auto is_loose = [&](const PromptNode& child) {
      const Role role = role_of(child);
      return role == Role::Loose || role == Role::Root || role == Role::Old;
    };
    const auto on_run = [&](size_t begin, size_t end) {
      const std::string lines = lines_of(slice(begin, end), "");
      if (!lines.empty()) block.lines.append(block.lines.empty() ? "" : "\n").append(lines);
    };
    walk(node, is_loose, on_run, [&](const PromptNode& child) {
      const Role role = role_of(child);
      if (role == Role::Character || role == Role::General) return inner_.push_back(&child);
      const std::string text = field_text(child);
      const PromptTag* tag = find_prompt_tag(child.name, place);
      if (tag == nullptr) {
        if (!text.empty()) block.misplaced.emplace_back(child.name, text);
        return;
      }
      // Tags inside could pair with another name's.
      const bool renames = !tag->variant_of.empty() && text.find('<') == npos;
      const std::string_view name = renames ? tag->variant_of : tag->name;
      join(block.known[name], text, name);
    });
  }

  // Older characters take the numbers that are free.
  void number_the_nameless() {
    int number = 1;
    for (Block& block : nameless_) {
      while (characters_.contains(number)) ++number;
      characters_.emplace(number, std::move(block));
    }
  }

  static std::string block_text(const std::string& name, const Block& block, TagPlace place) {
    std::string out = fmt::format("<{}>\n", name);
    for (const PromptTag& tag : prompt_tags()) {
      if (tag.place != place) continue;
      const auto found = block.known.find(tag.name);
      if (found != block.known.end() && (tag.required || !found->second.empty()))
        out += write_field(tag.name, found->second) + "\n";
    }
    for (const auto& [field, text] : block.misplaced) out += write_field(field, text) + "\n";
    if (!block.lines.empty()) out += block.lines + "\n";
    return out + fmt::format("</{}>", name);
  }

  std::string_view text_;
  PromptFormat format_;
  PromptTree tree_;
  bool seen_block_ = false;
  std::vector<const PromptNode*> inner_;  // blocks inside of blocks, to be taken yet
  std::multimap<int, Block> characters_;
  std::vector<Block> nameless_;
  Block general_;
  std::string caption_;
  Beside head_, tail_;
};

// Without the declarations at the start.
std::string_view without_declaration(std::string_view text) {
  for (;;) {
    const std::string_view rest = trim(text, kBlanksAndLineEnds);
    if (!rest.starts_with("<?xml")) return text;
    const size_t end = rest.find("?>");
    if (end == npos) return text;
    text = trim(rest.substr(end + 2), kBlanksAndLineEnds);
  }
}

}  // namespace

std::string format_prompt(std::string_view text, const PromptFormat& format) {
  // Taking a stray tag away can give sense to what was around it, so this goes on until nothing changes. A prompt that
  // somebody wrote is there after one round; the second sees that.
  constexpr int kMostRounds = 10;
  std::string out(text);
  for (int round = 0; round < kMostRounds; ++round) {
    std::string next = Formatter(without_declaration(out), format).run();
    if (next == out) break;
    out = std::move(next);
  }
  return out;
}

std::string write_block(std::string_view name, std::span<const PromptField> fields) {
  std::string out = std::string("<").append(name).append(">\n");
  for (const PromptField& field : fields) out += write_field(field.name, field.text) + "\n";
  return out.append("</").append(name).append(">");
}

}  // namespace newbie
