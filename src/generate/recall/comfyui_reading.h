// What the readers of a ComfyUI graph share: what was said, and an account of every node and of every value in it. A
// node that nobody understood and nobody told, and a value that nobody asked for, are told in the end (comfyui_rest.h),
// so that nothing of a graph is lost in silence.
#pragma once

#include <map>
#include <optional>
#include <set>

#include "generate/recall/comfyui_graph.h"
#include "generate/recall/said.h"

namespace newbie {

class ComfyReading {
 public:
  ComfyReading(const ComfyGraph& whole, std::string source) : graph(whole), said(std::move(source)) {}

  const ComfyGraph& graph;
  Said said;

  // A value that stands in a node, and nothing when a link does.
  const OrderedJson* plain(const ComfyNode& node, std::string_view key);
  std::string plain_word(const ComfyNode& node, std::string_view key);

  // The number an input has, by itself or from the node it is linked to. Nothing when it has none, or when that node is
  // not understood, which is told.
  std::optional<OrderedJson> number(const ComfyNode& node, std::string_view key);
  std::optional<double> real(const ComfyNode& node, std::string_view key);
  // And the word.
  std::string word(const ComfyNode& node, std::string_view key);

  void take(std::string_view field, const ComfyNode& node, std::string_view key);

  void understand(const ComfyNode& node) { understood_.insert(&node); }
  // It is not told again by the rest.
  void tell(const ComfyNode& node, std::string note);

  bool is_understood(const ComfyNode& node) const { return understood_.contains(&node); }
  bool is_told(const ComfyNode& node) const { return told_.contains(&node); }
  bool is_read(const ComfyNode& node, const std::string& key) const { return read_.contains({&node, key}); }

 private:
  std::set<const ComfyNode*> understood_, told_;
  std::set<std::pair<const ComfyNode*, std::string>> read_;
};

constexpr int kMaxComfyHops = 64;  // a graph from a file may have rings

}  // namespace newbie
