// What a run reads and writes, so that none of its outputs falls on another, on an input, or on a file of the model,
// and none replaces a file without a word.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <initializer_list>
#include <string>
#include <vector>

#include "core/log.h"
#include "generate/model_layout.h"

namespace newbie {

class FileRoles {
 public:
  // Inputs are all files and folders that flags and words of `parser` name, but those of `outputs` ("--output"). To be
  // called after a profile was laid under the flags. `log` is told of files that will be replaced.
  FileRoles(const CLI::App& parser, std::initializer_list<const char*> outputs, Log& log);

  // An input that is named otherwise, where it is there; of a folder, its files that end in `extension` (".txt").
  void reads(const std::string& role, const std::filesystem::path& path) { add_input(role, path, false, {}); }
  void reads_files_of(const std::string& role, const std::filesystem::path& folder, const std::string& extension) {
    add_input(role, folder, false, extension);
  }

  // Whatever lies in these folders, or is one of these files, belongs to the model.
  void reads_model(const ModelPaths& paths);

  // `role` says it in messages: "--grid", "a picture". Error{InvalidRequest} when the file has another role already;
  // names that lead to the same file (links, "./") are one. A file that is there will be replaced, and that is told.
  void writes(const std::string& role, const std::filesystem::path& path);
  // The same, and nothing is told: what is there an earlier run of the same request left, or it stays.
  void takes(const std::string& role, const std::filesystem::path& path);

 private:
  struct Role {
    std::string name;
    std::filesystem::path path;  // absolute, links followed as far as there are files
    bool is_model = false;
    std::string extension = {};  // of the files of a folder that are read
  };
  void add_input(const std::string& role, const std::filesystem::path& path, bool is_model,
                 const std::string& extension);

  Log& log_;
  std::vector<Role> inputs_, outputs_;
};

}  // namespace newbie
