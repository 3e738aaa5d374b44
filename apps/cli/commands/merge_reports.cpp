// newbie merge-reports: whether the shards of a run make a whole, and one report of all.
#include <algorithm>
#include <memory>

#include "commands/commands.h"
#include "core/files.h"
#include "core/printable.h"
#include "exit_code.h"
#include "file_roles.h"
#include "flags.h"
#include "lists/list_report.h"
#include "standard_streams.h"
#include "terminal.h"

namespace newbie {

namespace {

namespace fs = std::filesystem;

struct MergeArguments {
  std::vector<std::string> paths;
  std::optional<std::string> output;
  bool check_files = true, json = false;
};

// Folders stand for the reports of shards in them.
std::vector<fs::path> reports_in(const std::vector<std::string>& paths) {
  std::vector<fs::path> out;
  for (const fs::path path : paths) {
    std::error_code error;
    if (!fs::is_directory(path, error)) {
      out.push_back(path);
      continue;
    }
    std::vector<fs::path> found;
    for (const fs::path& file : list_folder(path, error))
      if (const std::string name = file.filename().string(); name.starts_with("report-") && name.ends_with(".jsonl"))
        found.push_back(file);
    if (found.empty()) fail(ErrorKind::BadFile, "{}: no report-*.jsonl is in it", path.string());
    std::ranges::sort(found);
    out.insert(out.end(), found.begin(), found.end());
  }
  return out;
}

void run(const CLI::App& parser, const MergeArguments& args) {
  const std::vector<fs::path> reports = reports_in(args.paths);
  Terminal terminal({});
  FileRoles roles(parser, {"--output"}, terminal);
  for (const fs::path& report : reports) roles.reads("a shard's report", report);
  if (args.output) roles.writes("--output", *args.output);
  const MergedReport merged = merge_reports(reports, args.check_files);
  const bool is_whole = merged.missing.empty() && merged.problems.empty();
  if (args.output && is_whole) write_report(*args.output, merged);
  if (args.json) {
    print_json({{"pictures", merged.run.pictures},
                {"reports", reports.size()},
                {"missing", merged.missing},
                {"problems", merged.problems},
                {"engine", merged.run.engine},
                {"precision", merged.run.precision}});
  } else {
    std::string text = fmt::format("{} of {} pictures in {} reports; newbie {}, {}\n", merged.records.size(),
                                   merged.run.pictures, reports.size(), merged.run.engine, merged.run.precision);
    if (!merged.missing.empty()) text += fmt::format("missing: {}\n", number_ranges(merged.missing));
    for (const std::string& problem : merged.problems) text += in_message(problem) + '\n';
    if (!is_whole && args.output) text += fmt::format("{} is not written\n", in_one_line(*args.output));
    print(text);
  }
  if (!is_whole) throw EndWith{kFoundProblems};
}

}  // namespace

Command add_merge_reports(CLI::App& program) {
  CLI::App& parser = *program.add_subcommand("merge-reports", "put the reports of a run's shards together");
  const auto args = std::make_shared<MergeArguments>();
  parser.add_option("PATH", args->paths, "reports, or folders with report-*.jsonl")->required();
  Flags merge(parser, "Reports");
  merge.text("-o,--output", args->output, "FILE", "one report of all, in the order of the pictures: .jsonl or .csv");
  merge.switch_off("--no-files", args->check_files, "do not look at the pictures themselves");
  Flags(parser, "Messages").flag("--json", args->json, "one JSON object on standard output");
  parser.footer(R"(Checks that every picture is there once, that files have the hashes of their reports, that one engine
version and one precision drew them all. Ends with 1 when something does not fit.

Example:
  newbie merge-reports pictures/ -o pictures/all.csv)");
  return {&parser, [args, &parser] { run(parser, *args); }};
}

}  // namespace newbie
