#include "generate/recall/comfyui_size.h"

#include <algorithm>

#include "generate/json_text.h"

namespace newbie {

namespace {

// A node with a list of sizes, as words: "3:4 portrait 896x1152". Where the words hold no size, or an `override` is not
// 0, the numbers count.
struct SizeList {
  std::string_view type, words, width, height;
  std::string_view swapped;                 // the input that turns it; empty: none
  int64_t width_slot = 0, height_slot = 1;  // its outputs
  bool overrides = false;
};
constexpr SizeList kSizeLists[] = {
    {"SDXLEmptyLatentSizePicker+", "resolution", "width_override", "height_override", "", 1, 2, true},
    {"EmptyLatentImagePresets", "dimensions", "", "", "invert", 1, 2},
    {"CR SDXL Aspect Ratio", "aspect_ratio", "width", "height", "swap_dimensions"},
    {"CR SD1.5 Aspect Ratio", "aspect_ratio", "width", "height", "swap_dimensions"},
    {"CR Aspect Ratio", "aspect_ratio", "width", "height", "swap_dimensions"},
};

const SizeList* size_list_of(const ComfyNode& node) {
  const auto row = std::ranges::find(kSizeLists, std::string_view(node.type), &SizeList::type);
  return row == std::end(kSizeLists) ? nullptr : &*row;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

int64_t whole_side(double side) { return static_cast<int64_t>(std::clamp(side, 0.0, 1e6)); }

// "896x1152", "896 x 1152 (0.78)": two numbers with an x between them.
std::optional<ComfySize> size_in(std::string_view words) {
  for (size_t x = words.find('x'); x != words.npos; x = words.find('x', x + 1)) {
    size_t left = x, right = x + 1;
    while (left > 0 && words[left - 1] == ' ') --left;
    const size_t end = left;
    while (left > 0 && is_digit(words[left - 1])) --left;
    while (right < words.size() && words[right] == ' ') ++right;
    const size_t begin = right;
    while (right < words.size() && is_digit(words[right])) ++right;
    const auto width = number_of(words.substr(left, end - left)),
               height = number_of(words.substr(begin, right - begin));
    if (width && height) return ComfySize{whole_side(*width), whole_side(*height)};
  }
  return std::nullopt;
}

std::optional<ComfySize> sides_of(ComfyReading& reading, const ComfyNode& node, std::string_view width_key,
                                  std::string_view height_key) {
  const auto width = reading.real(node, width_key), height = reading.real(node, height_key);
  if (!width || !height) return std::nullopt;
  return ComfySize{whole_side(*width), whole_side(*height)};
}

std::optional<ComfySize> listed_size(ComfyReading& reading, const ComfyNode& node, const SizeList& row) {
  reading.understand(node);
  for (const char* output : {"batch_size", "upscale_factor"}) reading.plain(node, output);  // for whom it may concern
  std::optional<ComfySize> size = size_in(reading.word(node, row.words)), sides;
  if (!row.width.empty()) sides = sides_of(reading, node, row.width, row.height);
  if (!size) size = sides;
  if (size && row.overrides && sides) {
    if (sides->width > 0) size->width = sides->width;
    if (sides->height > 0) size->height = sides->height;
  }
  const OrderedJson* swapped = row.swapped.empty() ? nullptr : reading.plain(node, row.swapped);
  if (size && swapped != nullptr && (*swapped == true || *swapped == "On")) std::swap(size->width, size->height);
  return size;
}

// Of a node that is not known: the only size that its words hold.
std::optional<ComfySize> only_size(const ComfyNode& node) {
  std::optional<ComfySize> out;
  for (const auto& [key, value] : node.values) {
    const auto found = value.is_string() ? size_in(value.get_ref<const std::string&>()) : std::nullopt;
    if (found && out) return std::nullopt;
    if (found) out = found;
  }
  return out;
}

}  // namespace

bool is_empty_latent(const ComfyNode& node) {
  return node.type.find("Empty") != node.type.npos || size_list_of(node) != nullptr;
}

std::optional<ComfySize> comfy_size(ComfyReading& reading, const ComfyNode& node) {
  if (const SizeList* row = size_list_of(node)) return listed_size(reading, node, *row);
  const auto has = [&](const char* key) { return node.values.contains(key) || node.links.contains(key); };
  if (has("width") && has("height")) {
    if (is_empty_latent(node))
      reading.understand(node);
    else
      reading.tell(node, fmt::format("the size is taken from a node {}, which is not known", shortened(node.type)));
    return sides_of(reading, node, "width", "height");
  }
  if (const auto size = sides_of(reading, node, "empty_latent_width", "empty_latent_height")) {
    reading.tell(node, fmt::format("the size is taken from a node {}, which is not known", shortened(node.type)));
    return size;
  }
  if (const auto size = only_size(node)) {
    reading.tell(node, fmt::format("size {}x{} is taken from a node {}, which is not known", size->width, size->height,
                                   shortened(node.type)));
    return size;
  }
  reading.tell(node, fmt::format("the size comes from a node {}", shortened(node.type)));
  return std::nullopt;
}

std::optional<int64_t> comfy_side(ComfyReading& reading, const ComfyNode& node, int64_t slot) {
  const SizeList* row = size_list_of(node);
  if (row == nullptr || (slot != row->width_slot && slot != row->height_slot)) return std::nullopt;
  const auto size = listed_size(reading, node, *row);
  if (!size) return std::nullopt;
  return slot == row->width_slot ? size->width : size->height;
}

}  // namespace newbie
