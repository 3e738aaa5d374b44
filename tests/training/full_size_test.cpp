// What training the published model takes, planned from shapes alone: the weights' file is a hole of the right size.
#include "measure/full_size.h"

#include <gmock/gmock.h>

#include "../unit/core/temporary_folder.h"
#include "core/files.h"
#include "graph/ops/sources.h"
#include "image/picture_format.h"
#include "models/next_dit/graph.h"
#include "support/golden.h"
#include "train/run.h"
#include "weights/safetensors_writer.h"

namespace newbie::test {
namespace {

namespace fs = std::filesystem;

// A safetensors file with every weight of the published transformer, in bf16 and without a byte of them on the disk.
void write_hole(const fs::path& path) {
  const Graph g = next_dit(full_size().transformer, 1, 2, 2);
  std::vector<StreamedTensor> tensors;
  for (int id = 0; id < g.size(); ++id)
    if (const Node& n = g.node(id); n.op == &weight_op)
      tensors.push_back({n.paths.front(), {n.shape, DType::BF16}, {}});
  write_safetensors_shapes(path, tensors);
}

}  // namespace

TEST(FullSizeTraining, ALoraFitsSmallMachines) {
  const TemporaryFolder folder;
  write_hole(folder / "transformer.safetensors");
  fs::create_directories(folder / "data");
  Image picture{.width = 512, .height = 512, .pixels = {}};
  picture.pixels.resize(pixel_bytes(512, 512, 3), 200);
  write_file_atomically(folder / "data" / "a.png", encode_picture(PictureFormat::Png, picture, {}, 90));
  std::string words = "red hair";
  for (int i = 0; i < 600; ++i) words += ", smile";  // as many tokens as the encoder takes
  write_file_atomically(folder / "data" / "a.txt", std::string_view(words));

  TrainOptions o;
  o.model.folder = avatar_path();
  o.model.transformer = folder / "transformer.safetensors";
  o.data = folder / "data";
  o.output = folder / "out";
  o.buckets = {.enabled = false, .resolution = 512};
  o.threads = 2;
  constexpr double kGiB = 1 << 30;
  struct Row {
    PrecisionPreset precision;
    double gib;
  };
  for (const Row& row : {Row{PrecisionPreset::BF16, 12}, Row{PrecisionPreset::Int8, 8}}) {
    o.precision = row.precision;
    o.memory_bytes = static_cast<size_t>(row.gib * kGiB);
    const TrainPlan plan = plan_training(o, silent_log());
    EXPECT_EQ(plan.adapter.modules.size(), 122U);
    EXPECT_EQ(plan.parameters, 2U * 7'168'000U);  // spec/training.md §3: at rank 8
    EXPECT_EQ(plan.tokens.front(), 512U);
    std::printf(
        "[ measured ] %s: weights %.2f GiB%s, a sample %.2f GiB, parameters and states %.2f GiB, all %.2f GiB\n",
        row.precision == PrecisionPreset::BF16 ? "bf16" : "int8", static_cast<double>(plan.weight_bytes) / kGiB,
        plan.base == LossNetwork::Base::Nowhere    ? " (prepared anew)"
        : plan.base == LossNetwork::Base::WayThere ? " (the way there)"
                                                   : "",
        static_cast<double>(plan.arena_bytes) / kGiB, static_cast<double>(plan.state_bytes) / kGiB,
        static_cast<double>(plan.bytes()) / kGiB);
    EXPECT_EQ(plan.base, LossNetwork::Base::WayThere) << "nothing is prepared anew for every step";
    EXPECT_LE(static_cast<double>(plan.bytes()) / kGiB, row.gib);
  }
}

}  // namespace newbie::test
