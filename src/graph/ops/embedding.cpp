#include "graph/ops/embedding.h"

#include "graph/ops/require.h"

namespace newbie {

const OpDef embedding_op{.name = "embedding",
                         .numeric_class = NumericClass::Embedding,
                         .infer =
                             [](std::span<const Value> in, const Attrs&) {
                               require_inputs(in, 2);
                               require_rank(in[0], 1, "ids");
                               require_rank(in[1], 2, "table");
                               return Shape{in[0].shape()[0], in[1].shape()[1]};
                             },
                         .rescale = {ScaleLaw::Chosen, 0, [](Scaling& s) { s.attrs.scale("scale", s.result); }},
                         .row_table = 1};

const OpDef timestep_embedding_op{.name = "timestep_embedding",
                                  .numeric_class = NumericClass::Embedding,
                                  .infer = [](std::span<const Value> in, const Attrs& attrs) {
                                    require_inputs(in, 1);
                                    require_shape(in[0], {1}, "t");
                                    const int64_t width = attrs.integer("width");
                                    require(width > 0 && width % 2 == 0, "width must be even");
                                    return Shape{1, width};
                                  }};

const OpDef mean_rows_op{.name = "mean_rows",
                         .numeric_class = NumericClass::Norm,
                         .infer =
                             [](std::span<const Value> in, const Attrs&) {
                               require_inputs(in, 1);
                               require_rank(in[0], 2, "x");
                               require(in[0].shape()[0] > 0, "x has no rows");
                               return Shape{1, in[0].shape()[1]};
                             },
                         .rescale = {ScaleLaw::Carried},
                         .inside = {InsideSums::Columns}};

Value embedding(Value ids, Value table, double scale, std::string path) {
  return ids.graph().emit(embedding_op, {ids, table}, {{"scale", scale}}, std::move(path));
}
Value timestep_embedding(Value t, int64_t width, double max_period) {
  return t.graph().emit(timestep_embedding_op, {t}, {{"width", width}, {"max_period", max_period}});
}
Value mean_rows(Value x) { return x.graph().emit(mean_rows_op, {x}); }

}  // namespace newbie
