// A part opened with the graphs it runs, at a small size: for looking at, not for running.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "generate/parts.h"
#include "graph/graph.h"

namespace newbie {

struct NamedGraph {
  std::string name;
  Graph graph;
};

struct OpenedPart {
  const char* name;  // prefix of paths in precision policies
  std::unique_ptr<Part> part;
  std::vector<NamedGraph> graphs;
};

// The transformer's, of an opened part.
std::vector<NamedGraph> transformer_graphs(const Transformer& part);

// `kind`: one of the four parts. Which weights the graphs ask for, and their paths, do not depend on their size.
OpenedPart open_part(const std::filesystem::path& path, FileKind kind, Strictness strictness);

}  // namespace newbie
