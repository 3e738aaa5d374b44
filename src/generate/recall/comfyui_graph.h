// Both forms of a ComfyUI graph as one: nodes by id, each with a type, plain values, and links to outputs of others.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>

#include "core/json.h"

namespace newbie {

struct ComfyLink {
  std::string node;
  int64_t slot = 0;  // which of its outputs
};

struct ComfyNode {
  std::string id, type;
  std::map<std::string, OrderedJson, std::less<>> values;
  std::map<std::string, ComfyLink, std::less<>> links;
};

class ComfyGraph {
 public:
  // Of a "prompt" (what ran) and of a "workflow" (what the editor shows). What is not of their form is left out.
  static ComfyGraph of_prompt(const OrderedJson& json);
  static ComfyGraph of_workflow(const OrderedJson& json);

  const std::map<std::string, ComfyNode, std::less<>>& nodes() const { return nodes_; }

  // What an input is linked to, past nodes that only pass on and switches whose choice is told. `slot` gets which
  // output. Null: nothing.
  const ComfyNode* behind(const ComfyNode& node, std::string_view input, int64_t* slot = nullptr) const;
  // The first of these inputs that leads somewhere.
  const ComfyNode* behind_any(const ComfyNode& node, std::span<const std::string_view> inputs) const;

  static const OrderedJson* value(const ComfyNode& node, std::string_view key);

  // The input that a switch passes on; empty when it is none, or its choice is not told.
  static std::string chosen_input(const ComfyNode& node);

 private:
  const ComfyNode* find(const std::string& id) const;
  void join_named_links();  // of an editor's "set" and "get" nodes

  std::map<std::string, ComfyNode, std::less<>> nodes_;
};

}  // namespace newbie
