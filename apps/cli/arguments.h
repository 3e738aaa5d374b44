// The words on the command line that several commands share, as the structs the engine takes.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

#include "generate/recall.h"
#include "generate/text_to_image.h"
#include "terminal.h"

namespace newbie {

// Where the model is, and how the engine runs.
struct EngineArguments {
  ModelPaths model;
  EngineOptions options;
};
void add_engine_flags(CLI::App& parser, EngineArguments& arguments);

// What a command tells, and how.
struct ReportArguments {
  Verbosity verbosity;
  bool json = false;
};
void add_report_flags(CLI::App& parser, ReportArguments& arguments);

// Everything that decides pictures, and where they go.
struct PictureArguments {
  std::optional<std::string> prompt;  // "-": standard input
  std::optional<std::string> prompt_file;
  std::optional<std::string> profile;
  std::optional<std::string> from;  // a picture whose request is taken over
  std::string output = "output.png";
  int quality = 95;                 // of JPEG and WebP
  std::optional<std::string> grid;  // where all pictures together go
  std::optional<std::string> init_image, mask;
  std::optional<Recollection> recalled;  // by complete_request, with --from
  GenerateRequest request;
};
void add_picture_flags(CLI::App& parser, PictureArguments& arguments);

// After parsing: the profile is laid under the flags and the prompt is read. `request` is complete then, unless nobody
// gave a prompt: false.
bool complete_request(CLI::App& parser, PictureArguments& arguments);

}  // namespace newbie
