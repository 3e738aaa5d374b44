// What a file or a folder is, and whether it is whole: for people who wonder what they downloaded.
#pragma once

#include <functional>
#include <optional>

#include "compile/precision.h"
#include "generate/bad_values.h"
#include "generate/parts.h"
#include "models/adapter_keys.h"

namespace newbie {

struct InspectOptions {
  Strictness strictness = Strictness::Strict;
  bool graphs = false;         // the compiled graphs, as text
  PrecisionRequest precision;  // of these graphs
  bool check_weights = false;  // read every weight
  int threads = 1;
  std::function<void(size_t done_bytes, size_t bytes)> on_progress;  // while checking; one call at a time
};

struct Inspected {
  std::filesystem::path path;
  FileKind kind = FileKind::Unknown;
  std::string what;           // in words
  std::string problem, hint;  // why it cannot be used as what it looks like, and what to try; empty: it can
  std::string config_origin;  // of a part that could be opened

  struct Amount {
    size_t tensors = 0, parameters = 0;
  };
  size_t tensors = 0, parameters = 0, bytes = 0;
  std::map<std::string, Amount> dtypes;  // the format's words

  std::vector<std::string> missing, unexpected;
  struct MisShaped {
    std::string name, expected, got;
  };
  std::vector<MisShaped> mis_shaped;

  std::optional<AdapterKeys> adapter;
  std::vector<double> alphas;  // the different ones, of the file or of what stands beside it

  std::optional<std::vector<BadValues>> bad_values;  // when they were looked for

  std::vector<std::pair<std::string, std::string>> graphs;  // name, text
};

struct Inspection {
  std::string layout;  // of a model folder; empty: a single thing
  std::vector<Inspected> parts;

  bool is_whole() const;  // no problem, nothing missing or mis-shaped, no bad value
};

// A weight file, a folder with one part, or a model folder. Error{BadFile} when there is nothing to look into.
Inspection inspect(const std::filesystem::path& path, const InspectOptions& options);

}  // namespace newbie
