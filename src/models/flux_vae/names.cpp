#include "models/flux_vae/names.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "models/key_text.h"

namespace newbie {

namespace {

constexpr std::string_view kVaePrefixes[] = {"", "first_stage_model.", "vae."};

using PathParts = std::span<const std::string_view>;

struct LdmName {
  std::string_view from, to;
};

constexpr LdmName kOuter[] = {{"conv_in", "conv_in"},
                              {"conv_out", "conv_out"},
                              {"conv_norm_out", "conv_norm_out"},
                              {"norm_out", "conv_norm_out"}};

constexpr LdmName kResnet[] = {{"norm1", "norm1"},
                               {"conv1", "conv1"},
                               {"norm2", "norm2"},
                               {"conv2", "conv2"},
                               {"conv_shortcut", "conv_shortcut"},
                               {"nin_shortcut", "conv_shortcut"}};

constexpr LdmName kAttention[] = {{"group_norm", "group_norm"},
                                  {"norm", "group_norm"},
                                  {"to_q", "to_q"},
                                  {"query", "to_q"},
                                  {"q", "to_q"},
                                  {"to_k", "to_k"},
                                  {"key", "to_k"},
                                  {"k", "to_k"},
                                  {"to_v", "to_v"},
                                  {"value", "to_v"},
                                  {"v", "to_v"},
                                  {"to_out.0", "to_out.0"},
                                  {"proj_attn", "to_out.0"},
                                  {"proj_out", "to_out.0"}};

// An empty string when there is no such name.
std::string_view diffusers_name(std::string_view name, std::span<const LdmName> table) {
  const auto found = std::find_if(table.begin(), table.end(), [&](const LdmName& r) { return r.from == name; });
  return found == table.end() ? std::string_view() : found->to;
}

std::string joined(std::string_view before, std::string_view name) {
  return name.empty() ? std::string() : fmt::format("{}.{}", before, name);
}

// {"attentions","0","to_out","0"}, {"attn_1","q"}, {"resnets","1","conv1"}, {"block_2","conv1"}, …
std::string middle_name(PathParts p) {
  if (p.size() == 2 && p[0] == "attn_1") return joined("attentions.0", diffusers_name(p[1], kAttention));
  if (p.size() == 2 && (p[0] == "block_1" || p[0] == "block_2"))
    return joined(p[0] == "block_1" ? "resnets.0" : "resnets.1", diffusers_name(p[1], kResnet));
  if (p.size() == 3 && p[0] == "resnets" && (p[1] == "0" || p[1] == "1"))
    return joined(fmt::format("resnets.{}", p[1]), diffusers_name(p[2], kResnet));
  if (p.size() >= 3 && p[0] == "attentions" && p[1] == "0") {
    const std::string name = p.size() == 4 ? fmt::format("{}.{}", p[2], p[3]) : std::string(p[2]);
    if (p.size() <= 4) return joined("attentions.0", diffusers_name(name, kAttention));
  }
  return {};
}

// What follows the level: {"block","0","conv1"} or {"resnets","0","conv1"}; {"upsample","conv"} or
// {"upsamplers","0","conv"}. `sampler` is "upsample" or "downsample".
std::string level_name(PathParts p, std::string_view sampler) {
  if (p.size() == 3 && (p[0] == "block" || p[0] == "resnets") && parse_index(p[1]))
    return joined(fmt::format("resnets.{}", p[1]), diffusers_name(p[2], kResnet));
  const bool ldm = p.size() == 2 && p[0] == sampler && p[1] == "conv";
  const bool diffusers = p.size() == 3 && p[0] == fmt::format("{}rs", sampler) && p[1] == "0" && p[2] == "conv";
  return ldm || diffusers ? fmt::format("{}rs.0.conv", sampler) : std::string();
}

// The canonical name of a key without its prefix, or an empty string. `levels`: how many decoder levels an LDM file
// has.
std::string canonical_name(std::string_view key, int levels) {
  const std::vector<std::string_view> all = split_key(key);
  if (all.size() < 3 || (all.back() != "weight" && all.back() != "bias")) return {};
  const std::string_view side = all.front();
  if (side != "encoder" && side != "decoder") return {};
  const bool encoder = side == "encoder";
  const PathParts p = PathParts(all).subspan(1, all.size() - 2);

  std::string name;
  if (p.size() == 1) {
    name = diffusers_name(p[0], kOuter);
  } else if (p[0] == "mid" || p[0] == "mid_block") {
    name = joined("mid_block", middle_name(p.subspan(1)));
  } else if (const auto level = parse_index(p[1])) {
    const std::string rest = level_name(p.subspan(2), encoder ? "downsample" : "upsample");
    if (encoder && (p[0] == "down" || p[0] == "down_blocks"))
      name = joined(fmt::format("down_blocks.{}", *level), rest);
    else if (!encoder && (p[0] == "up" || p[0] == "up_blocks"))
      name = joined(fmt::format("up_blocks.{}", p[0] == "up" ? levels - 1 - *level : *level), rest);
  }
  return name.empty() ? name : fmt::format("{}.{}.{}", side, name, all.back());
}

// LDM counts decoder levels from the full resolution, diffusers from the smallest.
int ldm_decoder_levels(std::span<const std::string> keys, std::string_view prefix) {
  int levels = 0;
  for (const std::string& key : keys) {
    const auto name = strip_prefix(key, prefix);
    const auto rest = name ? strip_prefix(*name, "decoder.up.") : std::nullopt;
    const auto level = rest ? parse_index(split_key(*rest).front()) : std::nullopt;
    if (level) levels = std::max(levels, *level + 1);
  }
  return levels;
}

bool is_attention_matrix(std::string_view canonical) {
  return canonical.find(".attentions.0.to_") != std::string_view::npos && canonical.ends_with(".weight");
}

}  // namespace

NameMap flux_vae_names(std::span<const std::string> keys, std::string_view where) {
  const auto prefix = find_prefix(keys, kVaePrefixes, "decoder.conv_in.weight");
  if (!prefix)
    fail_with_hint(ErrorKind::BadFile, "is this another part of the model?",
                   "{}: expected an autoencoder with decoder.conv_in.weight, got {} other keys", where, keys.size());
  const int levels = ldm_decoder_levels(keys, *prefix);
  NameMap map;
  for (const std::string& key : keys) {
    const auto name = strip_prefix(key, *prefix);
    std::string canonical = name ? canonical_name(*name, levels) : std::string();
    if (canonical.empty()) {
      map.unknown.push_back(key);
    } else {
      const bool as_matrix = is_attention_matrix(canonical);
      map.names.push_back({std::move(canonical), key, as_matrix});
    }
  }
  require_unique(map, where);
  return map;
}

std::string ldm_vae_name(std::string_view canonical, int levels) {
  // The tables are read from right to left: what an LDM file calls a thing is the other name that means it.
  const auto ldm = [](std::string_view name, std::span<const LdmName> table, std::string_view own) {
    const auto found =
        std::find_if(table.begin(), table.end(), [&](const LdmName& r) { return r.to == name && r.from == own; });
    return found != table.end();
  };
  const std::vector<std::string_view> all = split_key(canonical);
  if (all.size() < 3) return {};
  const PathParts p = PathParts(all).subspan(1, all.size() - 2);
  const bool encoder = all.front() == "encoder";
  std::string name;
  if (p.size() == 1) {
    name = p[0] == "conv_norm_out" ? "norm_out" : std::string(p[0]);
  } else if (p[0] == "mid_block" && p.size() == 4 && p[1] == "resnets") {
    name = fmt::format("mid.block_{}.{}", p[2] == "0" ? 1 : 2, p[3]);
  } else if (p[0] == "mid_block" && p.size() >= 4 && p[1] == "attentions") {
    const std::string of = p.size() == 5 ? fmt::format("{}.{}", p[3], p[4]) : std::string(p[3]);
    for (const std::string_view own : {"norm", "q", "k", "v", "proj_out"})
      if (ldm(of, kAttention, own)) name = fmt::format("mid.attn_1.{}", own);
  } else if (const auto level = parse_index(p[1]); level && p.size() == 5) {
    const std::string stem = encoder ? fmt::format("down.{}", *level) : fmt::format("up.{}", levels - 1 - *level);
    if (p[2] == "resnets")
      name = fmt::format("{}.block.{}.{}", stem, p[3], p[4] == "conv_shortcut" ? "nin_shortcut" : p[4]);
    else
      name = fmt::format("{}.{}.conv", stem, encoder ? "downsample" : "upsample");
  }
  return name.empty() ? name : fmt::format("{}.{}.{}", all.front(), name, all.back());
}

}  // namespace newbie
