#include "compile/compile.h"

#include "compile/decompose.h"
#include "compile/fuse.h"
#include "compile/name_values.h"
#include "compile/rescale.h"
#include "compile/rewrite.h"

namespace newbie {

Graph transform(const Graph& graph, const CompileOptions& options) {
  Graph g = remove_unused(graph);
  if (!options.precision.rescales.empty()) g = rescale(g, options.precision.rescales, options.part);
  if (options.adapters != nullptr && !options.adapters->empty()) g = attach_adapters(g, *options.adapters);
  const bool decomposed = options.decompose_all || options.precision.decompose;
  if (decomposed) g = decompose(g, [](const Node&) { return true; });
  g = decide_precision(g, options.precision, options.part);
  if (options.name_all) name_values(g);
  if (options.fuse && !decomposed) {
    g = fuse(g);
    if (options.bands != Bands::None) g = band_convolutions(g, options.bands);
  }
  g = assign_precision(g, options.stored_dtype);
  if (options.name_all) name_values(g);  // casts
  verify(g);
  return g;
}

Program compile(const Graph& graph, const Backend& backend, const CompileOptions& options) {
  return Program(transform(graph, options), backend, options.threads);
}

}  // namespace newbie
