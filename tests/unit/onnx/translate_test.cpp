// Graphs as ONNX models, read back by a reader of the test's own: every network of the model at full size, in every
// dtype, fused or not; and what is refused.
#include "onnx/translate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <ranges>
#include <set>

#include "compile/compile.h"
#include "graph/ops/all.h"
#include "measure/full_size.h"
#include "models/flux_vae/graph.h"
#include "models/gemma3/graph.h"
#include "models/jina_clip/graph.h"
#include "models/next_dit/graph.h"
#include "onnx/weight_file.h"
#include "unit/core/expect_error.h"
#include "unit/onnx/read_model.h"

namespace newbie::test {
namespace {

using ::testing::HasSubstr;

struct Network {
  std::string part, name;
  Graph graph;
};

std::vector<Network> networks() {
  const ModelSizes m = full_size();
  std::vector<Network> out;
  out.push_back({"text_encoder", "text_encoder", gemma3_features(m.text_encoder, 7)});
  out.push_back({"clip_model", "clip_model", jina_text(m.clip_model, 5)});
  out.push_back({"transformer", "context", next_dit_context(m.transformer, 7)});
  out.push_back({"transformer", "step", next_dit_step(m.transformer, 7, 4, 8)});
  out.push_back({"vae", "decoder", flux_vae_decoder(m.vae, 4, 8)});
  out.push_back({"vae", "encoder", flux_vae_encoder(m.vae, 32, 64)});
  return out;
}

// For names of tests.
struct Way {
  PrecisionPreset preset;
  DType dtype;
  bool fused;
};
std::string name_of(const ::testing::TestParamInfo<Way>& info) {
  std::string preset(to_string(info.param.preset));
  std::ranges::replace(preset, '-', '_');
  return fmt::format("{}_{}{}", preset, to_string(info.param.dtype), info.param.fused ? "_fused" : "");
}

Graph transformed(const Network& network, const Way& way) {
  CompileOptions options{
      .precision = preset_policy(way.preset, way.dtype), .part = network.part, .fuse = way.fused, .name_all = true};
  return transform(network.graph, options);
}

// Product of a shape times the size of an element of that TensorProto.DataType.
size_t bytes_of(const ReadTensor& tensor) {
  const std::map<int64_t, size_t> sizes{{1, 4}, {6, 4}, {7, 8}, {10, 2}, {16, 2}};
  size_t out = sizes.at(tensor.type);
  for (const int64_t extent : tensor.shape) out *= static_cast<size_t>(extent);
  return out;
}

// What the format asks of a graph: names are there once, and everything is made before it is read.
void expect_sound(const ReadModel& model, size_t weight_bytes) {
  std::set<std::string> there, nodes;
  for (const ReadValue& input : model.inputs) EXPECT_TRUE(there.insert(input.name).second) << input.name;
  std::vector<std::pair<size_t, size_t>> places;
  for (const ReadTensor& tensor : model.initializers) {
    EXPECT_TRUE(there.insert(tensor.name).second) << tensor.name;
    if (!tensor.is_external) {
      EXPECT_EQ(tensor.raw.size(), bytes_of(tensor)) << tensor.name;
      EXPECT_TRUE(tensor.external.empty()) << tensor.name;
      continue;
    }
    EXPECT_TRUE(tensor.raw.empty()) << tensor.name;
    EXPECT_EQ(tensor.external.at("location"), "part.weights");
    const size_t offset = std::stoull(tensor.external.at("offset")), length = std::stoull(tensor.external.at("length"));
    EXPECT_EQ(length, bytes_of(tensor)) << tensor.name;
    EXPECT_EQ(offset % 4096, 0u) << tensor.name;
    EXPECT_LE(offset + length, weight_bytes) << tensor.name;
    places.emplace_back(offset, length);
  }
  std::ranges::sort(places);
  for (size_t i = 1; i < places.size(); ++i) EXPECT_LE(places[i - 1].first + places[i - 1].second, places[i].first);
  for (const ReadNode& node : model.nodes) {
    EXPECT_TRUE(nodes.insert(node.name).second) << node.name;
    EXPECT_EQ(node.domain, "");
    for (const std::string& input : node.inputs)
      EXPECT_TRUE(input.empty() || there.contains(input)) << node.name << " reads " << input;
    for (const std::string& output : node.outputs) EXPECT_TRUE(there.insert(output).second) << output;
  }
  for (const auto* list : {&model.outputs, &model.values})
    for (const ReadValue& value : *list) EXPECT_TRUE(there.contains(value.name)) << value.name;
}

class Networks : public ::testing::TestWithParam<Way> {};

TEST_P(Networks, AreSoundModels) {
  for (const Network& network : networks()) {
    SCOPED_TRACE(network.name);
    const Graph graph = transformed(network, GetParam());
    OnnxModel made = to_onnx(graph, network.name);
    OnnxWeightFile weights("part.weights");
    weights.place(made);
    made.producer_version = "1.2.3";
    made.metadata = {{"newbie.network", network.name}};
    const ReadModel model = read_model(encode(made));

    expect_sound(model, weights.bytes());
    EXPECT_EQ(model.producer, "newbie.cpp");
    EXPECT_EQ(model.producer_version, "1.2.3");
    EXPECT_EQ(model.graph_name, network.name);
    EXPECT_EQ(model.metadata.at("newbie.network"), network.name);

    // Inputs, outputs and weights are those of our graph.
    std::vector<std::string> inputs;
    size_t weight_nodes = 0;
    for (int id = 0; id < graph.size(); ++id) {
      const Node& node = graph.node(id);
      if (node.op == &input_op) inputs.push_back(node.paths.front());
      if (node.op == &weight_op) ++weight_nodes;
    }
    ASSERT_EQ(model.inputs.size(), inputs.size());
    for (size_t i = 0; i < inputs.size(); ++i) {
      const Node& node = graph.node(*graph.find_input(inputs[i]));
      EXPECT_EQ(model.inputs[i].name, inputs[i]);
      EXPECT_EQ(model.inputs[i].type, node.element == Element::Index ? 6 : 1);
      EXPECT_TRUE(std::ranges::equal(model.inputs[i].shape, node.shape.extents())) << inputs[i];
    }
    ASSERT_EQ(model.outputs.size(), graph.outputs().size());
    for (size_t i = 0; i < model.outputs.size(); ++i) {
      EXPECT_EQ(model.outputs[i].name, graph.outputs()[i].name);
      EXPECT_EQ(model.outputs[i].type, 1);
      EXPECT_TRUE(std::ranges::equal(model.outputs[i].shape, graph.node(graph.outputs()[i].id).shape.extents()));
    }
    EXPECT_EQ(std::ranges::count(model.initializers, true, &ReadTensor::is_external),
              static_cast<std::ptrdiff_t>(weight_nodes));

    // Every value that the graph names is there under its name, unless it is an output.
    std::set<std::string> names;
    for (const ReadNode& node : model.nodes) names.insert(node.name);
    for (int id = 0; id < graph.size(); ++id) {
      if (is_source(graph.node(id))) continue;
      EXPECT_TRUE(names.contains(graph.node(id).paths.front())) << graph.node(id).paths.front();
    }
  }
}

TEST_P(Networks, ConvolutionsInBf16AreOfTheOpsetThatHasThem) {
  for (const Network& network : networks()) {
    OnnxModel made = to_onnx(transformed(network, GetParam()), network.name);
    const bool has = std::ranges::any_of(made.nodes, [](const OnnxNode& n) { return n.op == "Conv"; }) &&
                     GetParam().dtype == DType::BF16;
    const ReadModel model = read_model(encode(made));
    EXPECT_EQ(model.opset, has ? 22 : 18) << network.name;
    EXPECT_EQ(model.ir_version, has ? 10 : 8) << network.name;
  }
}

// Everything that a way stores narrowly is there in that dtype.
TEST_P(Networks, HaveTheDtypesOfThePolicy) {
  for (const Network& network : networks()) {
    SCOPED_TRACE(network.name);
    const Graph graph = transformed(network, GetParam());
    const OnnxModel model = to_onnx(graph, network.name);
    std::map<std::string, DType> stored;  // by path
    for (int id = 0; id < graph.size(); ++id)
      if (!is_source(graph.node(id))) stored[graph.node(id).paths.front()] = graph.node(id).spec().dtype;
    for (const OnnxValue& value : model.values) {
      EXPECT_EQ(value.spec.dtype, stored.at(value.name)) << value.name;
    }
    for (const OnnxWeight& weight : model.weights) {
      const bool found = std::ranges::any_of(std::views::iota(0, graph.size()), [&](int id) {
        const Node& node = graph.node(id);
        return node.op == &weight_op && node.paths.front() == weight.weight && node.spec() == weight.spec;
      });
      EXPECT_TRUE(found) << weight.name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Ways, Networks,
    ::testing::Values(Way{PrecisionPreset::F32, DType::F32, false}, Way{PrecisionPreset::F32, DType::F32, true},
                      Way{PrecisionPreset::BF16, DType::BF16, false}, Way{PrecisionPreset::BF16, DType::BF16, true},
                      Way{PrecisionPreset::F16, DType::F16, false}, Way{PrecisionPreset::F16Safe, DType::F16, true}),
    name_of);

// Pictures stay in the form with channels first: none is turned but at the door of the attention in the middle.
TEST(Translation, PicturesAreNotTurnedBackAndForth) {
  const OnnxModel model = to_onnx(transformed({"vae", "decoder", flux_vae_decoder(full_size().vae, 4, 8)},
                                              {PrecisionPreset::F32, DType::F32, false}),
                                  "decoder");
  size_t turned = 0;
  for (const OnnxNode& node : model.nodes)
    if (node.op == "Transpose") {
      const auto& axes = std::get<std::vector<int64_t>>(node.attributes.front().value);
      turned += axes.size() == 4 ? 1 : 0;
    }
  EXPECT_EQ(turned, 3u);  // into the attention and out of it, and the picture that is given
}

// Each op either has a mapping, or a meaning that leads to some, or is refused by its name.
TEST(Translation, EveryOpIsMappedOrTakenApartOrRefused) {
  for (const OpDef* op : all_ops()) {
    if (op->numeric_class == NumericClass::Source) continue;
    const bool refused = !maps_to_onnx(*op) && op->decompose == nullptr;
    const std::string name(op->name);
    const bool known = name.ends_with("_gradient") || name.starts_with("squared_error") || name.ends_with("_pool2d") ||
                       name == "linear_transposed" || name == "batched_outer" || name == "sum_rows" || name == "relu" ||
                       name == "pad_rows" || name == "pad_columns" || name == "dropout";
    EXPECT_EQ(refused, known) << name;
  }
}

TEST(Translation, AnOpWithoutAFormIsNamed) {
  Graph g;
  const Value x = g.input("x", {2, 3, 4});
  g.output("y", g.emit(batched_outer_op, {x, x}, {}, "layers.3.outer"));
  EXPECT_ERROR(to_onnx(g, "test"), ErrorKind::Unsupported, "layers.3.outer: op batched_outer has no form in ONNX");
}

TEST(Translation, EightBitProductsAreRefused) {
  const ModelSizes m = full_size();
  CompileOptions options{.precision = preset_policy(PrecisionPreset::Int8, DType::I8),
                         .part = "transformer",
                         .fuse = false,
                         .name_all = true};
  const Graph graph = transform(next_dit_step(m.transformer, 7, 4, 8), options);
  EXPECT_ERROR(to_onnx(graph, "step"), ErrorKind::Unsupported, "8-bit");
}

// An input that is an output, and a value that is two.
TEST(Translation, OutputsHaveTheirNames) {
  Graph g;
  const Value x = g.input("x", {2, 4});
  const Value y = g.emit(silu_op, {x}, {}, "layer");
  g.output("same", x);
  g.output("first", y);
  g.output("second", y);
  const ReadModel model = read_model(encode(to_onnx(g, "test")));
  expect_sound(model, 0);
  std::vector<std::string> names;
  for (const ReadValue& output : model.outputs) names.push_back(output.name);
  EXPECT_THAT(names, ::testing::ElementsAre("same", "first", "second"));
}

TEST(Translation, EqualConstantsAreOne) {
  Graph g;
  Value x = g.input("x", {2, 4});
  for (int i = 0; i < 3; ++i) x = add(x, g.constant({4}, {1, 2, 3, 4}));
  g.output("y", mul(x, g.constant({4}, {1, 2, 3, 5})));
  EXPECT_EQ(to_onnx(g, "test").constants.size(), 2u);
}

}  // namespace
}  // namespace newbie::test
