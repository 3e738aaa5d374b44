#include "graph/ops/attention.h"

#include "graph/ops/attention_gradient.h"
#include "graph/ops/movement.h"
#include "graph/ops/require.h"

namespace newbie {

namespace {
AttentionMask mask_of(const Attrs& a) { return {a.integer("causal") != 0, a.integer("window")}; }

Value split_heads(Value x, int64_t heads) {  // [S, heads · D] -> [heads, S, D]
  return permute(reshape(x, {x.shape()[0], heads, x.shape()[1] / heads}), {1, 0, 2});
}

Value join_heads(Value x) {  // [heads, S, D] -> [S, heads · D]
  return reshape(permute(x, {1, 0, 2}), {x.shape()[1], x.shape()[0] * x.shape()[2]});
}

// Of the scores of heads that go by together on the way back: 16 MiB of f32.
constexpr int64_t kMostScores = int64_t{1} << 22;

}  // namespace

const OpDef attention_op{
    .name = "attention",
    .numeric_class = NumericClass::Attention,
    .infer =
        [](std::span<const Value> in, const Attrs& attrs) {
          require_inputs(in, 3);
          const int64_t heads = attrs.integer("heads"), kv_heads = attrs.integer("kv_heads");
          for (const Value& v : in) require_rank(v, 2, "q, k and v");
          require(heads > 0 && kv_heads > 0 && heads % kv_heads == 0,
                  fmt::format("{} query heads do not divide among {} kv heads", heads, kv_heads));
          require(in[0].shape()[1] % heads == 0, "q's width does not divide into heads");
          const int64_t d = in[0].shape()[1] / heads;
          require_shape(in[2], in[1].shape(), "v");
          require(in[1].shape()[1] == kv_heads * d,
                  fmt::format("k {} must be kv_heads {} x head size {} wide", in[1].shape().str(), kv_heads, d));
          require(attrs.integer("causal") == 0 || in[0].shape()[0] == in[1].shape()[0],
                  "causal attention needs S == T");
          return in[0].shape();
        },
    .decompose =
        [](std::span<const Value> in, const Attrs& a) {
          const int64_t heads = a.integer("heads"), kv_heads = a.integer("kv_heads");
          const Value q = split_heads(in[0], heads), k = split_heads(in[1], kv_heads), v = split_heads(in[2], kv_heads);
          const Value p = attention_softmax(batched_matmul(q, k, true), a.real("scale"), mask_of(a));
          return join_heads(batched_matmul(p, v, false));
        },
    .gradient = [](const GradientCall& call, Value dy) { return attention_gradients(call, dy, kMostScores); },
    .cost =
        [](std::span<const Shape> in, const Shape& out, const Attrs& a) {
          const AttentionMask mask = mask_of(a);
          double seen = 0;  // pairs of a query and a key, of one head
          for (int64_t row = 0; row < out[0]; ++row) {
            const KeyRange keys = visible_keys(row, in[1][0], mask.causal, mask.window);
            seen += static_cast<double>(keys.last - keys.first);
          }
          return 4 * seen * static_cast<double>(out[1]);
        },
    .rescale = {ScaleLaw::Attention, 0, [](Scaling& s) { s.attrs.scale("scale", -s.operands[0] - s.operands[1]); }},
    .inside = {InsideSums::Attention}};

const OpDef batched_matmul_op{
    .name = "batched_matmul",
    .numeric_class = NumericClass::Matmul,
    .infer =
        [](std::span<const Value> in, const Attrs& attrs) {
          require_inputs(in, 2);
          require_rank(in[0], 3, "a");
          require_rank(in[1], 3, "b");
          const Shape &a = in[0].shape(), &b = in[1].shape();
          const bool t = attrs.integer("transpose_b") != 0;
          require(b[0] > 0 && a[0] % b[0] == 0 && a[2] == (t ? b[2] : b[1]),
                  fmt::format("{} and {} do not fit", a.str(), b.str()));
          return Shape{a[0], a[1], t ? b[1] : b[2]};
        },
    .gradient = [](const GradientCall& call, Value dy) -> Gradients {
      const Value a = call.inputs[0], b = call.inputs[1];
      const bool t = call.attrs.integer("transpose_b") != 0;
      // Batches of a that read one of b are more rows of it.
      const auto by_b = [&](Value x) {
        const int64_t share = x.shape()[0] / b.shape()[0];
        return reshape(x, {b.shape()[0], share * x.shape()[1], x.shape()[2]});
      };
      return {batched_matmul(dy, b, !t), t ? batched_outer(by_b(dy), by_b(a)) : batched_outer(by_b(a), by_b(dy))};
    },
    .cost = [](std::span<const Shape> in, const Shape& out,
               const Attrs&) { return 2 * static_cast<double>(out.elements()) * static_cast<double>(in[0].last()); },
    .rescale = {ScaleLaw::Product}};

const OpDef batched_outer_op{
    .name = "batched_outer",
    .numeric_class = NumericClass::Matmul,
    .infer =
        [](std::span<const Value> in, const Attrs&) {
          require_inputs(in, 2);
          require_rank(in[0], 3, "a");
          require_rank(in[1], 3, "b");
          const Shape &a = in[0].shape(), &b = in[1].shape();
          require(a[0] == b[0] && a[1] == b[1], fmt::format("{} and {} do not fit", a.str(), b.str()));
          return Shape{a[0], a[2], b[2]};
        },
    .gradient = [](const GradientCall& call, Value dy) -> Gradients {
      return {batched_matmul(call.inputs[1], dy, true), batched_matmul(call.inputs[0], dy, false)};
    },
    .cost = [](std::span<const Shape> in, const Shape& out,
               const Attrs&) { return 2 * static_cast<double>(out.elements()) * static_cast<double>(in[0][1]); },
    .rescale = {ScaleLaw::Product}};

const OpDef attention_softmax_op{
    .name = "attention_softmax",
    .numeric_class = NumericClass::Softmax,
    .infer =
        [](std::span<const Value> in, const Attrs&) {
          require_inputs(in, 1);
          require_rank(in[0], 3, "scores");
          return in[0].shape();
        },
    .gradient = [](const GradientCall& call, Value dy) -> Gradients {
      return {attention_softmax_gradient(call.output, dy, call.attrs.real("scale"))};
    },
    .rescale = {ScaleLaw::Absorbed, 0, [](Scaling& s) { s.attrs.scale("scale", -s.operands[0]); }},
    .inside = {InsideSums::Softmax}};

const OpDef attention_softmax_gradient_op{.name = "attention_softmax_gradient",
                                          .numeric_class = NumericClass::Softmax,
                                          .infer = [](std::span<const Value> in, const Attrs&) {
                                            require_inputs(in, 2);
                                            require_rank(in[0], 3, "p");
                                            require_shape(in[1], in[0].shape(), "dp");
                                            return in[0].shape();
                                          }};

Value attention(Value q, Value k, Value v, int64_t heads, int64_t kv_heads, double scale, AttentionMask mask) {
  return q.graph().emit(attention_op, {q, k, v},
                        {{"heads", heads},
                         {"kv_heads", kv_heads},
                         {"scale", scale},
                         {"causal", int64_t{mask.causal}},
                         {"window", mask.window}});
}

Value batched_matmul(Value a, Value b, bool transpose_b) {
  return a.graph().emit(batched_matmul_op, {a, b}, {{"transpose_b", int64_t{transpose_b}}});
}

Value batched_outer(Value a, Value b) { return a.graph().emit(batched_outer_op, {a, b}); }

Value attention_softmax_gradient(Value p, Value dp, double scale) {
  return p.graph().emit(attention_softmax_gradient_op, {p, dp}, {{"scale", scale}});
}

Value attention_softmax(Value scores, double scale, AttentionMask mask) {
  return scores.graph().emit(attention_softmax_op, {scores},
                             {{"scale", scale}, {"causal", int64_t{mask.causal}}, {"window", mask.window}});
}

}  // namespace newbie
