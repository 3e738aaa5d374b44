#include "compile/compile.h"

#include "compile/decompose.h"
#include "compile/fuse.h"
#include "compile/rewrite.h"

namespace newbie {

Graph transform(const Graph& graph, const CompileOptions& options) {
  Graph g = remove_unused(graph);
  if (options.decompose_all) g = decompose(g, [](const Node&) { return true; });
  if (options.fuse && !options.decompose_all) g = fuse(g);
  g = assign_precision(g, options.precision, options.part, options.stored_dtype);
  verify(g);
  return g;
}

Program compile(const Graph& graph, const Backend& backend, const CompileOptions& options) {
  return Program(transform(graph, options), backend, options.threads);
}

}  // namespace newbie
