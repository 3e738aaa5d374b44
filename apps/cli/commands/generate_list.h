// newbie generate with many pictures: lists of prompts, grids of two fields, one machine's share of a list.
#pragma once

#include <optional>
#include <string>

#include "arguments.h"
#include "file_roles.h"
#include "lists/field_grid.h"
#include "lists/shard.h"

namespace newbie {

struct ListArguments {
  std::optional<std::string> file;  // of prompts; without it the list is the request alone
  std::optional<FieldAxis> grid_x, grid_y;
  std::optional<Shard> shard;  // draws these pictures alone
  bool skip_existing = false;  // leaves out pictures that are there with the same request in them
  bool keep_going = false;     // after a line that cannot be drawn
  bool no_metadata = false;
  std::optional<std::string> report;

  bool has_prompt = false;       // lines may go without one
  bool has_random_seed = false;  // of the request
  bool names_output = false;     // --output was given; else the pictures are 000.png, 001.png …

  bool asked_for() const { return file || grid_x || grid_y || shard || skip_existing || keep_going || report; }
};

// Draws every line of the file. Everything that can be wrong with a line is told before the first is drawn. Pictures of
// lines without a name of their own follow --output; {index} counts them all, and so do the names in a folder.
void generate_list(const ListArguments& list, FileRoles& roles, EngineArguments& engine, PictureArguments& picture,
                   const ReportArguments& report, const std::optional<std::string>& memory_log);

}  // namespace newbie
