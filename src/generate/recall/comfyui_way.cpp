#include "generate/recall/comfyui_way.h"

#include <algorithm>
#include <deque>
#include <functional>

#include "generate/recall/comfyui_size.h"

namespace newbie {

namespace {

// Inputs that lead from a picture or a latent to what it is made of, the likeliest first.
constexpr std::string_view kPictureInputs[] = {"images",   "image",      "pixels",         "samples", "latent_image",
                                               "latent",   "samples_to", "destination",    "image1",  "input_image",
                                               "samples1", "latents",    "optional_latent"};

std::vector<const ComfyNode*> linked_nodes(const ComfyReading& reading, const ComfyNode& node) {
  std::vector<const ComfyNode*> out;
  for (const auto& [input, link] : node.links)
    if (const ComfyNode* to = reading.graph.behind(node, input)) out.push_back(to);
  return out;
}

std::set<const ComfyNode*> all_behind(const ComfyReading& reading, const ComfyNode& from) {
  std::set<const ComfyNode*> out{&from};
  for (std::deque<const ComfyNode*> queue{&from}; !queue.empty(); queue.pop_front())
    for (const ComfyNode* to : linked_nodes(reading, *queue.front()))
      if (out.insert(to).second) queue.push_back(to);
  return out;
}

constexpr size_t kMaxCandidates = 64;  // of a graph from a file

// How likely a node is what wrote the file.
int saving_rank(const ComfyNode& node) {
  return node.type.find("Save") != node.type.npos ? 2 : node.type.find("Preview") != node.type.npos ? 1 : 0;
}

}  // namespace

bool is_sampler(const ComfyNode& node) {
  if (node.type == "SamplerCustomAdvanced") return node.links.contains("guider");
  if (node.type == "NewbieSample") return true;
  return node.links.contains("positive") && (node.links.contains("latent_image") || node.type.starts_with("KSampler"));
}

bool is_loaded(const ComfyNode& node) { return node.type.starts_with("Load"); }

ComfyWays::ComfyWays(ComfyReading& reading) : reading_(reading) {
  std::map<const ComfyNode*, std::vector<const ComfyNode*>> users;
  std::deque<const ComfyNode*> queue;
  for (const auto& [id, node] : reading.graph.nodes()) {
    for (const ComfyNode* to : linked_nodes(reading, node)) {
      users[to].push_back(&node);
      used_.insert(to);
    }
    if (is_sampler(node) && with_sampler_.insert(&node).second) queue.push_back(&node);
  }
  for (; !queue.empty(); queue.pop_front())
    for (const ComfyNode* user : users[queue.front()])
      if (with_sampler_.insert(user).second) queue.push_back(user);
}

// By an input that leads to a sampler, whatever its name; without one, by the likeliest.
const ComfyNode* ComfyWays::picture_behind(const ComfyNode& node) const {
  const ComfyNode* likeliest = nullptr;
  for (const std::string_view input : kPictureInputs)
    if (const ComfyNode* found = reading_.graph.behind(node, input)) {
      if (with_sampler_.contains(found)) return found;
      if (likeliest == nullptr) likeliest = found;
    }
  if (likeliest != nullptr && !with_sampler_.contains(&node)) return likeliest;
  if (is_empty_latent(node) || is_loaded(node)) return nullptr;
  for (const ComfyNode* to : linked_nodes(reading_, node))
    if (with_sampler_.contains(to)) return to;
  return likeliest;
}

ComfyWay ComfyWays::from(const ComfyNode& start) const {
  ComfyWay out;
  const ComfyNode* node = picture_behind(start);
  for (int hop = 0; node != nullptr && hop < kMaxComfyHops; ++hop) {
    const ComfyNode* next = is_sampler(*node) ? nullptr : picture_behind(*node);
    if (next == nullptr) {
      out.end = node;
      return out;
    }
    out.between.push_back(node);
    node = next;
  }
  return out;
}

const ComfyNode* ComfyWays::saved() const {
  struct Candidate {
    const ComfyNode* node;
    int rank;
    bool has_sampler;
    size_t samplers = 0, all = 0;
  };
  std::vector<Candidate> found;
  for (const auto& [id, node] : reading_.graph.nodes())
    if (const int rank = saving_rank(node); rank > 0 || !used_.contains(&node))
      found.push_back({&node, rank, with_sampler_.contains(&node)});
  if (found.empty()) return nullptr;
  std::ranges::stable_sort(found, std::greater(),
                           [](const Candidate& one) { return std::pair(one.has_sampler, one.rank); });
  found.resize(std::min(found.size(), kMaxCandidates));
  std::erase_if(found, [&, first = found.front()](const Candidate& one) {
    return one.has_sampler != first.has_sampler || one.rank != first.rank;
  });
  for (Candidate& one : found) {
    const std::set<const ComfyNode*> behind = all_behind(reading_, *one.node);
    one.samplers = static_cast<size_t>(std::ranges::count_if(behind, [](auto* node) { return is_sampler(*node); }));
    one.all = behind.size();
  }
  // Of several pictures that which most was done to; its note tells of the others.
  const Candidate best =
      *std::ranges::max_element(found, {}, [](const Candidate& one) { return std::pair(one.samplers, one.all); });
  std::set<const ComfyNode*> pictures;
  for (const Candidate& one : found) pictures.insert(picture_behind(*one.node));
  if (pictures.size() > 1)
    reading_.said.note(fmt::format("{} pictures were made by this graph: read is that of node {}, {}", pictures.size(),
                                   best.node->id, shortened(best.node->type)));
  return best.node;
}

}  // namespace newbie
