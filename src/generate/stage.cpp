#include "generate/stage.h"

#include <array>

namespace newbie {

namespace {

struct StageRow {
  StageKind stage;
  std::string_view name;
};
constexpr std::array kStages{
    StageRow{StageKind::Plan, "plan"},       StageRow{StageKind::Picture, "picture"},
    StageRow{StageKind::Gemma, "gemma"},     StageRow{StageKind::Jina, "jina"},
    StageRow{StageKind::Context, "context"}, StageRow{StageKind::FirstPass, "denoise"},
    StageRow{StageKind::Enlarge, "enlarge"}, StageRow{StageKind::Encode, "encode"},
    StageRow{StageKind::HiresPass, "hires"}, StageRow{StageKind::Decode, "decode"},
    StageRow{StageKind::Save, "save"},
};

}  // namespace

std::string_view to_string(StageKind stage) {
  for (const StageRow& row : kStages)
    if (row.stage == stage) return row.name;
  return "?";
}

std::optional<StageKind> find_stage(std::string_view name) {
  for (const StageRow& row : kStages)
    if (row.name == name) return row.stage;
  return std::nullopt;
}

}  // namespace newbie
