// The words on the command line that several commands share, as the structs the engine takes.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

#include "generate/recall.h"
#include "generate/text_to_image.h"
#include "terminal.h"
#include "text/wildcards.h"

namespace newbie {

// Where the model is, and how the engine runs.
struct EngineArguments {
  ModelPaths model;
  EngineOptions options;
};
// `without`: what the help says is used where no model is named.
inline constexpr const char* kFoundModel = "$NEWBIE_MODEL, else the avatar model";
void add_engine_flags(CLI::App& parser, EngineArguments& arguments, const std::string& without = kFoundModel);
void add_model_flags(CLI::App& parser, EngineArguments& arguments,  // of those: where the model is
                     const std::string& without = kFoundModel);

// --dtype, --precision and --precision-policy; part of the engine's flags.
class Flags;
PrecisionPreset parse_precision_preset(std::string_view what, const std::string& given);  // a name of --precision
void add_precision_flags(Flags& flags, PrecisionRequest& request);

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
  std::optional<std::string> wildcard_folder;
  std::optional<Wildcards> wildcards;  // of that folder, once it is needed
  bool format_prompt = false;
  std::string output = "output.png";
  int quality = 95;                    // of JPEG and WebP
  std::optional<std::string> grid;     // where all pictures together go
  std::optional<std::string> preview;  // the file; "-": one beside the output
  bool keep_preview = false;
  std::optional<std::string> show;  // "auto", or the protocol's name
  std::optional<std::string> init_image, mask;
  std::optional<Recollection> recalled;  // by complete_request, with --from
  GenerateRequest request;
};
void add_picture_flags(CLI::App& parser, PictureArguments& arguments);
// Of those: one field's, and how the walk from noise to picture is made.
void add_field_flag(CLI::App& parser, std::string_view field, GenerateRequest& request);
void add_sampling_flags(CLI::App& parser, GenerateRequest& request);

// After parsing: the profile is laid under the flags and the prompt is read. `request` has everything then, unless
// nobody gave a prompt: false.
bool read_request(CLI::App& parser, PictureArguments& arguments, size_t memory_budget_bytes, Log& log);

// Chooses the wildcards of both prompts by the request's seed and puts them in order when --format-prompt says so.
// Error{InvalidRequest} when they are no text.
void resolve_prompts(PictureArguments& arguments, GenerateRequest& request);

// Both.
bool complete_request(CLI::App& parser, PictureArguments& arguments, size_t memory_budget_bytes, Log& log);

// Flags that change nothing in this request, and what it will not do although it seems to ask for it.
class OutputPath;
void warn_of_unused(const PictureArguments& arguments, const OutputPath& output, Log& log);

// A prompt from a file or, for "-", standard input, without the line end at its end.
std::string read_prompt(const std::string& file);

// Error{InvalidRequest} that opens with `what` ("the prompt") unless it is UTF-8 without zero bytes.
void require_text(const char* what, const std::string& text);

}  // namespace newbie
