#include "generate/recall/comfyui_between.h"

#include <algorithm>
#include <cmath>

#include "generate/json_text.h"
#include "generate/recall/comfyui_rest.h"

namespace newbie {

namespace {

// "4x-UltraSharp.pth", "RealESRGAN_x2plus.pth": by how much such a network enlarges, as its name says.
std::optional<double> factor_in_name(std::string_view name) {
  const auto is_digit = [&](size_t at) { return at < name.size() && name[at] >= '1' && name[at] <= '9'; };
  const auto is_letter_or_digit = [&](size_t at) {
    const char c = at < name.size() ? name[at] : ' ';
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  };
  for (size_t i = 0; i < name.size(); ++i) {
    if (name[i] != 'x' && name[i] != 'X') continue;
    if (i > 0 && is_digit(i - 1) && (i == 1 || !is_letter_or_digit(i - 2))) return name[i - 1] - '0';
    if (is_digit(i + 1) && (i == 0 || !is_letter_or_digit(i - 1))) return name[i + 1] - '0';
  }
  return std::nullopt;
}

class BetweenReader {
 public:
  BetweenReader(ComfyReading& reading, const std::optional<ComfySize>& from, bool is_empty)
      : reading_(reading), is_empty_(is_empty) {
    out_.size = from;
  }

  void step(const ComfyNode& node) {
    const std::string& type = node.type;
    const auto mentions = [&](std::string_view part) { return type.find(part) != type.npos; };
    if (is_neutral(node)) return;
    if (type == "LatentFromBatch" || type == "ImageFromBatch") return take_from_batch(node);
    if (type == "RepeatLatentBatch") return repeat(node);
    if (type == "ImageUpscaleWithModel") return by_network(node);
    if (node.values.contains("scale_by") || node.links.contains("scale_by")) return by_factor(node);
    const bool has_sides = node.values.contains("width") || node.links.contains("width");
    if (has_sides && (mentions("Upscale") || mentions("Scale") || mentions("Resize"))) return to_size(node);
    if (mentions("Mask") || mentions("Inpaint"))
      return reading_.tell(node, fmt::format("{}: a mask was used; give it with `mask`", type));
    reading_.tell(node, fmt::format("a node {} acts on the latent", shortened(type)));
  }

  ComfyBetween done() { return out_; }

 private:
  std::string method_of(const ComfyNode& node) {
    const std::string method = reading_.word(node, "upscale_method");
    return method.empty() ? node.type : node.type + ' ' + method;
  }

  void multiply(double factor) {
    out_.factor *= factor;
    out_.is_enlarged = true;
    if (!out_.size) return;
    const auto side = [&](int64_t pixels) { return std::llround(static_cast<double>(pixels) * factor); };
    out_.size = ComfySize{side(out_.size->width), side(out_.size->height)};
  }

  void enlarged_otherwise(const ComfyNode& node) {
    reading_.understand(node);
    const std::string method = method_of(node);
    if (!is_empty_) reading_.said.note(fmt::format("{}: here pixels are enlarged, by Lanczos", method));
  }

  void by_factor(const ComfyNode& node) {
    enlarged_otherwise(node);
    if (const auto factor = reading_.real(node, "scale_by"); factor && *factor > 0)
      multiply(*factor);
    else
      unknown();
  }

  void to_size(const ComfyNode& node) {
    enlarged_otherwise(node);
    const auto width = reading_.real(node, "width"), height = reading_.real(node, "height");
    if (!width || !height || (*width <= 0 && *height <= 0)) return unknown();
    ComfySize size{std::llround(std::clamp(*width, 0.0, 1e6)), std::llround(std::clamp(*height, 0.0, 1e6))};
    const std::optional<ComfySize> before = out_.size;
    if (size.width == 0 || size.height == 0) {  // 0: by the other side
      if (!before || before->width == 0 || before->height == 0) return unknown();
      if (size.width == 0) size.width = size.height * before->width / before->height;
      if (size.height == 0) size.height = size.width * before->height / before->width;
    }
    if (!before || before->width == 0)
      out_.is_factor_known = false;
    else
      out_.factor *= static_cast<double>(size.width) / static_cast<double>(before->width);
    out_.is_enlarged = true;
    out_.has_other_proportions |= before && size.width * before->height != size.height * before->width;
    out_.size = size;
  }

  void by_network(const ComfyNode& node) {
    const ComfyNode* loader = reading_.graph.behind(node, "upscale_model");
    const std::string name = loader != nullptr ? reading_.word(*loader, "model_name") : "";
    if (loader != nullptr) reading_.understand(*loader);
    reading_.understand(node);
    reading_.said.note(fmt::format("{} {}: here pixels are enlarged, by Lanczos", node.type, shortened(name)));
    if (const auto factor = factor_in_name(name))
      multiply(*factor);
    else
      unknown();
  }

  void unknown() {
    out_.is_enlarged = true;
    out_.is_factor_known = false;
    out_.size.reset();
  }

  void take_from_batch(const ComfyNode& node) {
    reading_.understand(node);
    if (const auto index = reading_.real(node, "batch_index"))
      out_.batch_index = out_.batch_index.value_or(0) + static_cast<int64_t>(std::clamp(*index, 0.0, 4095.0));
    if (const auto count = reading_.number(node, "length"); count && *count != 1)
      reading_.said.note(fmt::format("{} length {}: the first of them is drawn", node.type, count->dump()));
  }

  void repeat(const ComfyNode& node) {
    reading_.understand(node);
    if (const auto amount = reading_.number(node, "amount"); amount && *amount != 1)
      reading_.said.note(fmt::format("{} {}: the first picture of that batch is drawn", node.type, amount->dump()));
  }

  ComfyReading& reading_;
  bool is_empty_;
  ComfyBetween out_;
};

}  // namespace

ComfyBetween read_between(ComfyReading& reading, const std::vector<const ComfyNode*>& between,
                          const std::optional<ComfySize>& from, bool is_empty) {
  BetweenReader reader(reading, from, is_empty);
  for (auto node = between.rbegin(); node != between.rend(); ++node) reader.step(**node);
  return reader.done();
}

std::string after_words(const ComfyNode& node) {
  std::string sizes;
  for (const char* key : {"scale_by", "upscale_by", "rescale_factor", "megapixels", "width", "height", "denoise"})
    if (const OrderedJson* value = ComfyGraph::value(node, key); value != nullptr && value->is_number())
      sizes += fmt::format("{}{} {}", sizes.empty() ? "" : ", ", key, value->dump());
  return fmt::format("a node {}{} acts on the drawn picture: that is not done here", shortened(node.type),
                     sizes.empty() ? "" : " (" + sizes + ")");
}

}  // namespace newbie
